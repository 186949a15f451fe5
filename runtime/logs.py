"""Structured logs to stderr: for a human on a terminal, JSON otherwise. Secrets never get this far, and if
one does, its value is masked by the name it goes under.
"""

import logging
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

SECRET_WORDS: Final = ("token", "password", "secret", "private_key", "authorization")
MASK: Final = "********"


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
    """Return the logger of one part, e.g. `edge.uplink`; events are snake_case, in the past tense, with units."""
    logger: FilteringBoundLogger = structlog.get_logger(part=part)
    return logger


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace every value whose name says that it is a secret."""
    for name in event:
        if any(word in name.lower() for word in SECRET_WORDS):
            event[name] = MASK
    return event
