import numpy as np
import pytest

from shared_models.evaluation.statistics.bootstrap import draw_pictures, interval, mean_of_draws


def test_every_draw_holds_as_many_pictures_as_there_are_and_is_the_same_next_time() -> None:
    draws = draw_pictures(30, 50)
    assert draws.shape == (50, 30)
    assert (draws.sum(axis=1) == 30).all()
    assert (draws == draw_pictures(30, 50)).all()


def test_the_interval_of_a_mean_is_about_two_standard_errors() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    found = interval(mean_of_draws(values.tolist(), draw_pictures(400, 2000)))
    assert found is not None
    error = 2 / np.sqrt(400)
    assert found[1] - found[0] == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert found[0] < values.mean() < found[1]


def test_a_figure_that_most_draws_do_not_have_has_no_interval() -> None:
    assert interval(np.array([1.0, np.nan, np.nan, np.nan])) is None
    assert interval(np.array([1.0, 2.0, 3.0, np.nan])) is not None


def test_the_interval_lies_about_the_figure_where_all_its_draws_lie_too_high() -> None:
    draws = np.random.default_rng(2).normal(1.5, 1, 4000)
    plain, corrected = interval(draws), interval(draws, 1.0)
    assert plain is not None
    assert corrected is not None
    assert sum(plain) / 2 == pytest.approx(1.5, abs=0.1)
    assert sum(corrected) / 2 == pytest.approx(0.5, abs=0.2)


def test_a_figure_on_which_all_draws_agree_has_an_interval_of_no_width() -> None:
    assert interval(np.ones(50), 1.0) == (1.0, 1.0)
