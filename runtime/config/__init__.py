"""Configuration: one YAML file, the environment, flags; checked against a schema, errors with their line."""

from runtime.config.loading import load_config
from runtime.config.rendering import dump_config, schema_markdown
from runtime.config.schema import ConfigSection
from runtime.config.units import ByteSize, DurationSeconds

__all__ = [
    "ByteSize",
    "ConfigSection",
    "DurationSeconds",
    "dump_config",
    "load_config",
    "schema_markdown",
]
