"""Continuous quality: gains between whole qualities, rounding, dead zones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.codecs.slim.quantiser import SYMBOL_MAX, Quantiser
from shared_models.errors import PackageError


def quantiser(dead_zone: float = 0.0) -> Quantiser:
    log_gain = np.linspace(-1, 3, 101, dtype=np.float32)[:, np.newaxis] * np.ones(4, np.float32)
    return Quantiser(log_gain, np.full(4, dead_zone, np.float32))


@given(code=st.integers(0, 3199))
def test_gain_rises_with_every_step_of_quality(code: int) -> None:
    gains = quantiser()
    assert (gains.gain(code + 1) > gains.gain(code)).all()


def test_gain_at_a_whole_quality_is_the_tables() -> None:
    for quality in (0, 1, 50, 100):
        expected = np.exp(quantiser().log_gain[quality].astype(np.float64)).astype(np.float32)
        assert np.array_equal(quantiser().gain(quality * 32).ravel(), expected)


@given(code=st.integers(0, 3200), seed=st.integers(0, 99))
def test_latents_come_back_within_half_a_step(code: int, seed: int) -> None:
    latents = np.random.default_rng(seed).normal(0, 3, (1, 4, 2, 3)).astype(np.float32)
    symbols = quantiser().symbols(latents, code)
    assert symbols.dtype == np.int16
    error = np.abs(quantiser().latents(symbols, code) - latents)
    assert (error <= 0.5001 / quantiser().gain(code)).all()


def test_a_dead_zone_widens_zero_and_shifts_every_other_bin() -> None:
    unit = Quantiser(np.zeros((101, 1), np.float32), np.full(1, 0.2, np.float32))
    latents = np.array([0.6, 0.75, -0.6, -0.75, 1.6, 1.75], np.float32).reshape(1, 1, 1, 6)
    assert unit.symbols(latents, 0).ravel().tolist() == [0, 1, 0, -1, 1, 2]


def test_latents_beyond_the_range_stop_at_its_end() -> None:
    latents = np.array([1e9, -1e9], np.float32).reshape(1, 1, 1, 2).repeat(4, axis=1)
    assert quantiser().symbols(latents, 0)[0].ravel().tolist() == [SYMBOL_MAX, -SYMBOL_MAX]


@pytest.mark.parametrize(
    "table",
    [
        np.zeros((100, 4), np.float32),
        np.zeros((101, 4), np.float64),
        np.full((101, 4), np.nan, np.float32),
        np.full((101, 4), 31, np.float32),
    ],
)
def test_a_damaged_gain_table_is_refused(table: np.ndarray) -> None:
    with pytest.raises(PackageError, match="gain"):
        Quantiser(table, np.zeros(4, np.float32))
