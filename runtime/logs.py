"""Structured logs to stderr: for a human on a terminal, JSON otherwise. Secrets never get this far, and if
one does, its value is masked by the name it goes under.
"""

import logging
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from runtime.config import ConfigSection
from runtime.secrets import MASK, is_secret_name, mask_url_passwords


class LogLevel(StrEnum):
    """How much is said."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How it is said; AUTO is HUMAN on a terminal and JSON otherwise."""

    AUTO = "auto"
    HUMAN = "human"
    JSON = "json"


class LogConfig(ConfigSection):
    """Structured logs on stderr."""

    level: LogLevel = LogLevel.INFO
    """How much is said."""
    format: LogFormat = LogFormat.AUTO
    """`auto` is `human` on a terminal and `json` otherwise."""


def configure_logs(
    level: LogLevel = LogLevel.INFO, log_format: LogFormat = LogFormat.AUTO, stream: TextIO | None = None
) -> None:
    """Send this process's logs, and the warnings of libraries, to `stream` (stderr by default)."""
    target = stream or sys.stderr
    number = getattr(logging, level.name)
    is_human = log_format is LogFormat.HUMAN or (log_format is LogFormat.AUTO and target.isatty())
    shared: Sequence[Processor] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
    )
    if is_human:
        # Plain tracebacks in both forms: a rich one prints local variables, secrets among them.
        plain = structlog.dev.plain_traceback
        renderer: Sequence[Processor] = (
            structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=plain),
        )
    else:
        renderer = (structlog.processors.format_exc_info, structlog.processors.JSONRenderer())
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def get_logger(part: str) -> FilteringBoundLogger:
    """Return the logger of one part, e.g. `edge.uplink`; events are snake_case and in the past tense."""
    logger: FilteringBoundLogger = structlog.get_logger(part=part)
    return logger


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask every value whose name says that it is a secret, and every password in a URL."""
    for name, value in event.items():
        if is_secret_name(name):
            event[name] = MASK
        elif isinstance(value, str):
            event[name] = mask_url_passwords(value)
    return event
