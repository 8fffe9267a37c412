"""The options of a rule are the same wherever one is made, and a `Criterion` may stand for all."""

import copy
import inspect
import pickle
from functools import partial

import numpy as np
import pytest
from fakes import Scripted, ScriptedModel, accepts, rejecting

from langchain_markovscale import (
    Calibration,
    Criterion,
    MarkovScaleRouter,
    RuleOptions,
    create_markovscale_graph,
    with_markovscale,
)
from langchain_markovscale.graph.router import router_of
from langchain_markovscale.graph.wrapping import GraphOptions
from langchain_markovscale.types import new_attempt

MODEL = ScriptedModel(script=["four"])
RATES = Calibration.from_rates(
    weights=[0.5, 0.5], initial=[0.8, 0.3], repair=[0.6, 0.1], corruption=[0.05, 0.1],
    sensitivity=0.9, specificity=0.9,
)  # fmt: skip
ALL = {
    "calibration": RATES,
    "variant": "gate",
    "cost_per_round": {"revise": 0.03, "generate": 0.02},
    "max_rounds": 5,
    "actions": ("generate", "revise"),
    "choices": 4,
    "delivery": False,
}
GATE = Criterion(**ALL)


def agents_middleware(**options):
    middleware = pytest.importorskip("langchain_markovscale.agents.middleware")
    return middleware.MarkovScaleMiddleware(**options)


def criterion_in_graph(**options):
    return router_of(create_markovscale_graph(MODEL, verifier=rejecting(), **options)).criterion


def criterion_in_chain(**options):
    chain = with_markovscale(Scripted("4"), verifier=rejecting(), model=MODEL, **options)
    return router_of(chain.graph).criterion


def criterion_in_middleware(**options):
    return agents_middleware(verifier=rejecting(), **options)._per_run.own


def criterion_in_router(**options):
    return MarkovScaleRouter(**options).criterion


TAKERS = [criterion_in_graph, criterion_in_chain, criterion_in_middleware, criterion_in_router]
takers = pytest.mark.parametrize("criterion_in", TAKERS)


@takers
def test_all_options_reach_the_criterion(criterion_in):
    made = criterion_in(answer_key=str.strip, **ALL)
    assert made.arguments == GATE.arguments


@takers
def test_what_is_left_out_has_the_defaults_of_the_criterion(criterion_in):
    assert criterion_in().arguments == Criterion(Calibration.training_free()).arguments
    none = dict.fromkeys(("calibration", "actions", "choices"))
    assert criterion_in(**none).arguments == Criterion(Calibration.training_free()).arguments


@takers
def test_a_criterion_may_be_given_instead(criterion_in):
    assert criterion_in(answer_key=str.strip, criterion=GATE) is GATE


@takers
def test_options_that_say_the_same_as_the_criterion_are_welcome(criterion_in):
    made = criterion_in(criterion=GATE, **ALL | {"choices": ["a", "b", "c", "d"]})
    assert made is GATE


@takers
@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"calibration": Calibration.training_free()}, "calibration=.* contradicts criterion"),
        ({"variant": "mixture"}, "variant='mixture' contradicts .* variant='gate'"),
        ({"cost_per_round": 0.4}, "cost_per_round=0.4 contradicts .*'revise': 0.03"),
        ({"max_rounds": 3}, "max_rounds=3 contradicts .* max_rounds=5: leave max_rounds out"),
        ({"actions": ("revise",)}, "actions=.* contradicts criterion"),
        ({"choices": ["yes", "no"]}, "choices=2 contradicts .* choices=4"),
    ],
)
def test_options_that_contradict_the_criterion_are_named(criterion_in, other, told):
    with pytest.raises(ValueError, match=told):
        criterion_in(answer_key=str.strip, criterion=GATE, **other)


@takers
@pytest.mark.parametrize("cost", [0.5, 5, {"revise": 0.01, "generate": 1.0}])
def test_a_cost_that_nobody_means_is_refused_with_its_unit(criterion_in, cost):
    told = r"^cost_per_round.* must be below 0.5, got .* units of accuracy, and 0.05 is five points"
    with pytest.raises(ValueError, match=told):
        criterion_in(cost_per_round=cost)


@takers
@pytest.mark.parametrize(
    "option",
    [
        {"cost_per_round": "0.01"},
        {"cost_per_round": {"revise": 0.01, "generate": "0.02"}},
        {"cost_per_round": 0.1j},
        {"cost_per_round": 10**400},
        {"max_rounds": "3"},
        {"max_rounds": 10**400},
        {"choices": 10**309},
        {"max_rounds": True},
        {"cost_per_round": False},
        {"cost_per_round": {"revise": 0.01, "generate": np.False_}},
    ],
)
def test_what_is_no_number_is_refused_by_its_name(criterion_in, option):
    with pytest.raises(ValueError, match=f"^{next(iter(option))}.* must be a number"):
        criterion_in(answer_key=str.strip, **option)


@takers
def test_what_is_no_criterion_is_refused(criterion_in):
    with pytest.raises(TypeError, match="criterion must be a Criterion, got <Calibration"):
        criterion_in(criterion=RATES)


@takers
@pytest.mark.parametrize(
    ("name", "meant"),
    [("max_round", "max_rounds"), ("calibrations", "calibration"), ("answer_keys", "answer_key")],
)
def test_an_unknown_option_is_refused_as_by_a_plain_signature(criterion_in, name, meant):
    told = rf"\w+\(\) got an unexpected keyword argument '{name}'\. Did you mean '{meant}'\?"
    with pytest.raises(TypeError, match=told):
        criterion_in(**{name: 3})
    with pytest.raises(TypeError, match=r"\(\) got an unexpected keyword argument 'fancy'\.$"):
        criterion_in(fancy=3)


def test_the_error_names_who_was_called():
    for called in (
        partial(create_markovscale_graph, MODEL, verifier=None),
        MarkovScaleRouter,
        partial(agents_middleware, verifier=None),
    ):
        name = getattr(called, "__name__", None) or getattr(called.func, "__name__", "")
        name = {"agents_middleware": "MarkovScaleMiddleware"}.get(name, name)
        with pytest.raises(TypeError, match=rf"^{name}\(\) got an unexpected"):
            called(fancy=3)


def test_a_router_takes_its_calibration_by_position_or_by_name():
    by_position, by_name = MarkovScaleRouter(RATES), MarkovScaleRouter(calibration=RATES)
    assert by_position.criterion.arguments == by_name.criterion.arguments
    with pytest.raises(TypeError, match="calibration is given twice"):
        MarkovScaleRouter(RATES, calibration=RATES)


def test_a_criterion_takes_four_arguments_by_position():
    cost = {"revise": 0.03, "generate": 0.02}
    assert Criterion(RATES, cost, 5, ("revise",)).arguments == {
        "calibration": RATES,
        "cost_per_round": {"revise": 0.03},
        "max_rounds": 5,
        "actions": ("revise",),
        "choices": None,
        "variant": "mixture",
        "exact_verifier": False,
        "delivery": True,
        "draws_at_once": 1,
        "cost_per_second": 0.0,
        "seconds_per_round": None,
    }


def test_without_a_verifier_nothing_is_expected_of_one_by_a_given_criterion():
    graph = create_markovscale_graph(
        MODEL, verifier=None, answer_key=str.strip, criterion=Criterion(RATES, 0.02, 5)
    )
    unverified = Criterion(RATES.rates.without_verifier(), 0.02, 5)
    assert router_of(graph).criterion.arguments == unverified.arguments
    router = MarkovScaleRouter(
        criterion=Criterion(RATES, 0.02, 5, ("revise",)), answers_key="drafts"
    )
    assert router.criterion.rates == RATES.rates.without_verifier()


def test_a_number_of_choices_in_a_criterion_needs_a_key_as_well():
    with pytest.raises(
        ValueError, match=r"choices=4 is a number of answers.* nothing reads the answers"
    ):
        create_markovscale_graph(MODEL, verifier=rejecting(), criterion=GATE)


def test_a_given_criterion_decides_the_run(run):
    once = Criterion(RATES, 0.0, 1)
    graph = create_markovscale_graph(
        ScriptedModel(script=["four"]), verifier=rejecting(), criterion=once
    )
    assert run(graph, {"question": "2 + 2?"})["decision"]["reason"] == "max_rounds"


def test_a_run_may_change_cost_and_rounds_of_a_given_criterion(run):
    graph = create_markovscale_graph(
        generate=Scripted(*"aaa"), revise=Scripted(*"aaa"), verifier=rejecting(),
        criterion=Criterion(RATES, 0.0, 1),
    )  # fmt: skip
    assert len(run(graph, {"question": "?"}, context={"max_rounds": 2})["attempts"]) == 2


def test_a_chain_that_nobody_revises_is_drawn_again_unless_a_criterion_says_otherwise():
    chain = partial(with_markovscale, Scripted("4"), verifier=accepts("4"))
    assert router_of(chain().graph).criterion.actions == ("generate",)
    draws = Criterion(RATES, actions=("generate",))
    assert router_of(chain(criterion=draws).graph).criterion is draws
    with pytest.raises(ValueError, match="model and revise are both missing"):
        chain(criterion=Criterion(RATES))


def test_variant_map_of_a_given_criterion_needs_a_predictor():
    by_question = Criterion(RATES, variant="map")
    with pytest.raises(ValueError, match="variant='map' needs a predictor"):
        create_markovscale_graph(MODEL, verifier=rejecting(), criterion=by_question)
    with pytest.raises(ValueError, match="variant='map' needs a predictor"):
        agents_middleware(verifier=rejecting(), criterion=by_question)


def test_help_says_where_the_options_are_described():
    options = set(RuleOptions.__annotations__)
    assert options == set(Criterion(RATES).arguments)
    described = inspect.getdoc(RuleOptions)
    assert all(f"    {name}: " in described for name in options)
    for taker in (create_markovscale_graph, MarkovScaleRouter):
        told = inspect.getdoc(taker)
        assert "help(langchain_markovscale.RuleOptions)" in told
        assert all(f"`{name}`" in told for name in options)


def test_a_wrapped_chain_takes_the_options_of_the_graph():
    own = set(inspect.signature(with_markovscale).parameters)
    graphs = set(inspect.signature(create_markovscale_graph).parameters)
    handed_on = graphs - own - {"generate", "rule"}
    assert set(GraphOptions.__annotations__) - set(RuleOptions.__annotations__) == handed_on


def graph_that_has_run():
    draws = Criterion(RATES, 0.4, actions=("generate",))
    graph = create_markovscale_graph(
        generate=Scripted("4", "4"), verifier=lambda answer: answer == "4", criterion=draws
    )
    graph.invoke({"question": "2 + 2?"}, context={"max_rounds": 3})
    return graph


def test_a_graphs_builder_can_be_pickled_after_use():
    # Compiled graphs cannot: LangGraph tells "nothing written" by the identity of an object.
    cloudpickle = pytest.importorskip("cloudpickle")
    copied = cloudpickle.loads(cloudpickle.dumps(graph_that_has_run().builder)).compile()
    assert copied.invoke({"question": "2 + 2?"})["answer"] == "4"


def test_a_router_can_be_pickled_after_use():
    router, state = MarkovScaleRouter(RATES), {"attempts": [new_attempt("4", score=0.1)]}
    decision = router.decide(state)
    assert pickle.loads(pickle.dumps(router)).decide(state) == decision
    assert copy.deepcopy(router).decide(state) == decision
