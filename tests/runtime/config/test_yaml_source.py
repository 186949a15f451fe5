"""YAML as people mean it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.config.yaml_source import parse_value, parse_yaml
from shared_models.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("12:30:00", "12:30:00"),
        ("010", "010"),
        ("0x1F", 31),
        ("-7", -7),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("~", None),
        ("", None),
        ("null", None),
        ("'7'", "7"),
        ("[a, 2, {b: c}]", ["a", 2, {"b": "c"}]),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    parsed = parse_value(text, "test")
    assert parsed == value
    assert type(parsed) is type(value)


def test_every_value_remembers_its_line() -> None:
    tree = parse_yaml("a:\n  b: 1\n  c:\n    - x\n    - y: 2\n", "f.yaml")
    assert tree.origin_of(("a", "b")) == "f.yaml:2"
    assert tree.origin_of(("a", "c", 1, "y")) == "f.yaml:5"
    assert tree.origin_of(("a", "missing")) == "f.yaml:1"


def test_keys_are_text_whatever_they_look_like() -> None:
    assert parse_yaml("7: a\ntrue: b", "f").root == {"7": "a", "true": "b"}


@given(st.text(max_size=80))
def test_any_text_parses_or_is_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_yaml(text, "f")
