"""Draws and `set_llm_cache`: a reply that is given again is no second opinion."""

import logging

import pytest
from fakes import REPAIRING, ScriptedModel, accepts, always, reply
from langchain_core.caches import InMemoryCache
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda

from langchain_markovscale import (
    Criterion,
    JudgeVerifier,
    create_markovscale_graph,
    show,
    with_markovscale,
)
from langchain_markovscale._models import uncached
from langchain_markovscale.types import new_attempt

QUESTION = {"question": "What is 17 * 23?"}
DRAWS = {"actions": ("generate",), "max_rounds": 3, "cost_per_round": 1e-6}


class CachedModel(ScriptedModel):
    """Replies that a cache keeps apart from those of other scripts."""

    @property
    def _identifying_params(self):
        return {"script": str(self.script)}


def graph_of(model=None, verifier=None, **options):
    options = {"calibration": REPAIRING, "answer_key": "last_number", **DRAWS} | options
    return create_markovscale_graph(model, verifier=verifier, **options)


@pytest.mark.parametrize(
    "bind",
    [
        lambda model: model,
        lambda model: model.bind(temperature=1),
        lambda model: model.with_retry(),
        lambda model: model.with_fallbacks([CachedModel(script=["0"])]),
        lambda model: model.bind(temperature=1).with_retry().with_fallbacks([model]),
    ],
    ids=["model", "bound", "retried", "with fallbacks", "all of them"],
)
def test_draws_go_past_the_cache(run, llm_cache, bind):
    model = CachedModel(script=["390", "391", "392"], repeat=True)
    graph = graph_of(bind(model))
    for calls in (3, 6):
        state = run(graph, QUESTION)
        assert [attempt["key"] for attempt in state["attempts"]] == ["390", "391", "392"]
        assert model.calls == calls


def test_a_cache_of_the_models_own_is_passed_by_too(run):
    model = CachedModel(script=["390", "391", "392"], cache=InMemoryCache())
    assert len({each["key"] for each in run(graph_of(model), QUESTION)["attempts"]}) == 3


def test_revisions_go_past_the_cache(run, llm_cache):
    model = CachedModel(script=["390", "391", "392"], repeat=True)
    graph = graph_of(model, lambda answer: 0.1, actions=("revise",), cost_per_round=0.001)
    for calls in (3, 6):
        assert len({each["text"] for each in run(graph, QUESTION)["attempts"]}) == 3
        assert model.calls == calls


def test_a_model_without_a_cache_is_not_copied():
    model = CachedModel(script=["391"])
    bound = model.bind(temperature=1)
    assert uncached(model) is model
    assert uncached(bound) is bound


@pytest.mark.parametrize("ends_in", ["message", "text"])
def test_a_hit_is_no_evidence_and_is_said_once(run, llm_cache, caplog, ends_in):
    model = CachedModel(script=[reply("390")])
    chain = RunnableLambda(lambda request: request["question"]) | model
    if ends_in == "text":
        chain |= StrOutputParser()
    one = run(graph_of(generate=chain, max_rounds=1), QUESTION)
    llm_cache.clear()
    model.asked.clear()
    with caplog.at_level(logging.WARNING):
        state = run(graph_of(generate=chain), QUESTION)
    first, *others = state["attempts"]
    assert model.calls == 1
    assert (first["key"], first["tokens"]) == ("390", 3)
    assert [other["key"] for other in others] == [None] * len(others) != []
    assert all(other["metadata"] == {"no_key": "repeated"} for other in others)
    assert state["decision"]["belief"] == pytest.approx(one["decision"]["belief"])
    assert state["decision"]["best"] == 0
    assert state["usage"]["generate"]["output_tokens"] == 3
    assert state["usage"]["generate"]["cached"] == len(others)
    assert len([each for each in caplog.records if "cache gave the same" in each.message]) == 1
    shown = " ".join(show(state).text.split())
    assert "given again by a cache" in shown
    assert "answered by a cache" in shown


def test_a_hit_is_not_verified_again(run, llm_cache):
    asked = []

    def verify(answer):
        asked.append(answer)
        return 0.3

    chain = RunnableLambda(lambda request: "Hi") | CachedModel(script=["390"])
    options = {"answer_key": None, "max_rounds": 4}
    state = run(graph_of(generate=chain, verifier=verify, **options), QUESTION)
    assert len(asked) == 1
    others = state["attempts"][1:]
    assert [each["score"] for each in others] == [None] * len(others) != []
    assert "unscored" not in state["usage"]["verify"]
    assert "no score" not in " ".join(show(state).text.split())
    one = run(
        graph_of(CachedModel(script=["390"]), verify, answer_key=None, max_rounds=1), QUESTION
    )
    assert state["decision"]["belief"] == pytest.approx(one["decision"]["belief"])


def test_the_first_draw_of_a_run_may_be_a_hit(run, llm_cache):
    model = CachedModel(script=["391"])
    chain = with_markovscale(
        RunnableLambda(lambda question: question) | model,
        verifier=accepts("391"),
        calibration=REPAIRING,
        max_rounds=1,
    )
    assert [run(chain, "What is 17 * 23?") for _ in range(2)] == ["391"] * 2
    assert model.calls == 1


def test_draws_that_agree_without_a_cache_are_votes(run):
    state = run(graph_of(always("391")), QUESTION)
    assert {attempt["key"] for attempt in state["attempts"]} == {"391"}


def test_judges_may_use_the_cache_and_its_hits_take_no_tokens(run, llm_cache):
    judge = CachedModel(script=["VERDICT: PASS\nPROBABILITY: 0.9"])
    graph = graph_of(always("391"), JudgeVerifier(judge), max_rounds=1)
    first, second = (run(graph, QUESTION) for _ in range(2))
    assert judge.calls == 1
    assert first["usage"]["verify"]["output_tokens"] == 3
    assert second["usage"]["verify"]["output_tokens"] == 0
    assert second["attempts"][0]["score"] == first["attempts"][0]["score"] == 0.9


@pytest.mark.parametrize("key", ["390", None])
def test_what_is_repeated_takes_rounds_and_changes_no_belief(key):
    criterion = Criterion(REPAIRING, cost_per_round=0.001, max_rounds=4)
    again = new_attempt("390", metadata={"no_key": "repeated"})
    first = new_attempt("390", key=key, score=0.1)
    revised = new_attempt("391", key=key and "391", score=0.2, parent=0)
    plain = Criterion(REPAIRING, cost_per_round=0.001, max_rounds=3).decide([first, revised])
    place = {None: None, 0: 0, 1: 2}
    expected = {name: place[plain[name]] for name in ("best", "parent")}
    assert criterion.decide([first, again, revised]) == {**plain, **expected, "attempts": 3}
    assert criterion.decide([first, again, again, again])["reason"] == "max_rounds"
