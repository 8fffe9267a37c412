"""From prices to costs in units of accuracy."""

import math

import pytest

from langchain_markovscale import Calibration, Criterion, Rates, round_costs
from langchain_markovscale.types import MarkovScaleDeprecationWarning


def test_a_round_is_a_candidate_and_its_verification():
    assert round_costs(10.0, call=0.05) == pytest.approx({"generate": 0.01, "revise": 0.01})
    prices = {"generate": 0.10, "revise": 0.20, "verify": 0.05}
    assert round_costs(5.0, call=prices) == pytest.approx({"generate": 0.03, "revise": 0.05})


def test_tokens_read_and_written_have_their_own_prices():
    costs = round_costs(
        0.50,
        input_token=3e-6,
        output_token=15e-6,
        tokens={"generate": (400, 300), "revise": (900, 300), "verify": (800, 50)},
    )
    verify = 800 * 3 + 50 * 15  # millionths of a dollar
    assert costs["generate"] == pytest.approx((400 * 3 + 300 * 15 + verify) / 0.50e6)
    assert costs["revise"] == pytest.approx((900 * 3 + 300 * 15 + verify) / 0.50e6)


def test_calls_and_tokens_add_up():
    tokens = {"generate": (100, 10), "revise": (100, 10), "verify": (0, 0)}
    costs = round_costs(1.0, call=0.01, input_token=1e-5, tokens=tokens)
    assert costs["generate"] == pytest.approx(0.01 + 0.01 + 100 * 1e-5)


def test_costs_are_what_a_criterion_takes():
    rates = Rates((1.0,), (0.6,), (0.3,), (0.1,), (0.85,), (0.8,))
    criterion = Criterion(rates, round_costs(1.0, call={"generate": 0.02, "verify": 0.01}))
    assert criterion.cost_per_round == pytest.approx({"generate": 0.03, "revise": 0.01})


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("value_of_right_answer", {"value_of_right_answer": 0.0}),
        ("value_of_right_answer", {"value_of_right_answer": -1.0}),
        ("value_of_right_answer", {"value_of_right_answer": math.nan}),
        ("call", {"value_of_right_answer": 1.0, "call": -0.1}),
        ("call", {"value_of_right_answer": 1.0, "call": {"verify": -0.1}}),
        ("input_token", {"value_of_right_answer": 1.0, "input_token": -1e-6}),
        ("output_token", {"value_of_right_answer": 1.0, "output_token": math.nan}),
        ("tokens", {"value_of_right_answer": 1.0, "output_token": 1e-6}),
        (
            "tokens",
            {"value_of_right_answer": 1.0, "output_token": 1e-6, "tokens": {"generate": (1, 1)}},
        ),
        (
            "tokens",
            {
                "value_of_right_answer": 1.0,
                "input_token": 1e-6,
                "tokens": dict.fromkeys(("generate", "revise", "verify"), (-1, 0)),
            },
        ),
    ],
)
def test_bad_prices_are_refused_by_name(name, arguments):
    with pytest.raises(ValueError, match=name):
        round_costs(**arguments)


@pytest.mark.parametrize(
    ("told", "arguments"),
    [
        (r"call has a value for 'verfiy'.*generate, revise, verify", {"call": {"verfiy": 0.1}}),
        (r"tokens has a value for 'judge'", {"tokens": {"judge": (1, 1)}}),
        (r"^call must", {"call": -1.0}),
        (r"^call\['verify'\] must", {"call": {"verify": -1.0}}),
        (
            r"^value_of_right_answer must be finite and above 0, got nan",
            {"value_of_right_answer": math.nan},
        ),
        (
            r"^value_of_right_answer must be finite and above 0, got inf",
            {"value_of_right_answer": math.inf},
        ),
    ],
)
def test_a_refusal_names_what_was_given(told, arguments):
    with pytest.raises(ValueError, match=told):
        round_costs(**({"value_of_right_answer": 1.0} | arguments))


def test_the_former_name_of_the_value_goes_on_working():
    with pytest.warns(MarkovScaleDeprecationWarning, match="now called value_of_right_answer"):
        costs = round_costs(right_answer=0.5, call=0.01)
    assert costs == round_costs(value_of_right_answer=0.5, call=0.01)
    with pytest.raises(ValueError, match=r"got both, 0\.5 and 1\.0"):
        round_costs(1.0, right_answer=0.5)


def test_prices_of_a_million_tokens_make_a_cost_that_the_criterion_explains():
    tokens = dict.fromkeys(("generate", "revise", "verify"), (400, 300))
    costs = round_costs(0.50, input_token=3.0, output_token=15.0, tokens=tokens)
    with pytest.raises(ValueError, match=r"\['revise'\] must be below 0.5.* those of one token"):
        Criterion(Calibration.training_free(), costs)
