"""What a predictor says of a question is asked once, kept with it, and decided by."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fakes import PowerCut, Scripted, ScriptedModel, accepts, rejecting
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from langchain_markovscale import (
    Calibration,
    ClassPredictor,
    Criterion,
    MarkovScaleRouter,
    MarkovScaleState,
    create_markovscale_graph,
    generate_node,
    verify_proxy_node,
)
from langchain_markovscale.calibration.predictor import Committee, Sources

THREAD = {"configurable": {"thread_id": "1"}}
# Half of the questions are easy; a hard one gains by every round.
CALIBRATION = Calibration.from_rates(
    weights=(0.5, 0.5),
    initial=(0.98, 0.4),
    repair=(0.05, 0.3),
    corruption=(0.02, 0.1),
    sensitivity=0.8,
    specificity=0.8,
    verdict_correlation=0.0,
)
EASY, HARD = [1.0, 0.0], [0.0, 1.0]


class Predictor:
    """Knows easy questions by the word, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, question):
        self.asked.append(question)
        return np.array(EASY if "easy" in question else HARD)


def graph_of(model, predictor, verifier=None, **options):
    options = {"calibration": CALIBRATION, "cost_per_round": 0.05, "max_rounds": 2} | options
    options = {"variant": "map", "checkpointer": InMemorySaver()} | options
    verifier = verifier or accepts("four", "5")
    return create_markovscale_graph(model, verifier=verifier, predictor=predictor, **options)


def told(classes: list[float]) -> ClassPredictor:
    """A predictor that has learned to say the same of every question, by embeddings."""

    class Nothing(Embeddings):
        awaited = 0

        def embed_documents(self, texts):
            return [[0.0] for _ in texts]

        def embed_query(self, text):
            return [0.0]

        async def aembed_documents(self, texts):
            self.awaited += 1
            return self.embed_documents(texts)

    logits = np.log(np.maximum(classes, 1e-9)).astype(np.float32)[None, None]
    shapes = ((1, 1, 1), (1, 1, 1), (1, 1, len(classes)))
    layers = [*(np.zeros(shape, dtype=np.float32) for shape in shapes), logits]
    even = (1 / len(classes),) * len(classes)
    committee = Committee(1, (), np.zeros(1), np.ones(1), layers, np.ones(1))
    return ClassPredictor(even, 100, 0.3, 0.1, Sources(Nothing()), committee)


def test_hard_questions_get_another_round_and_easy_ones_do_not(run):
    predictor = Predictor()
    graph = graph_of(ScriptedModel(script=["four", "four", "5"]), predictor)
    easy = run(graph, {"question": "An easy one?"}, THREAD)
    assert [attempt["text"] for attempt in easy["attempts"]] == ["four"]
    assert graph.get_state(THREAD).values["class_weights"] == EASY
    hard = run(graph, {"question": "A hard one?"}, THREAD)
    assert [attempt["text"] for attempt in hard["attempts"]] == ["four", "5"]
    assert graph.get_state(THREAD).values["class_weights"] == HARD
    assert predictor.asked == ["An easy one?", "A hard one?"]


def test_decisions_are_those_of_the_criterion_with_the_weights(run):
    graph = graph_of(ScriptedModel(script=["four", "5"]), Predictor())
    state = run(graph, {"question": "A hard one?"}, THREAD)
    criterion = Criterion(CALIBRATION, 0.05, 2, variant="map")
    assert state["decision"] == criterion.decide(state["attempts"], HARD)
    assert state["decision"] != criterion.decide(state["attempts"], EASY)


def test_weights_in_the_state_are_plain_floats(run):
    graph = graph_of(ScriptedModel(script=["four"]), Predictor())
    run(graph, {"question": "An easy one?"}, THREAD)
    kept = graph.get_state(THREAD).values["class_weights"]
    assert [type(weight) for weight in kept] == [float, float]


def test_another_draw_of_the_same_question_asks_no_more(run):
    predictor = Predictor()
    model = ScriptedModel(script=["1", "2", "3", "4"])
    options = {"max_rounds": 4, "actions": ("generate",), "cost_per_round": 0.0}
    state = run(graph_of(model, predictor, rejecting(), **options), {"question": "Hard?"}, THREAD)
    assert len(state["attempts"]) == 4
    assert predictor.asked == ["Hard?"]


def test_resumed_run_keeps_its_weights(run):
    predictor = Predictor()
    model = ScriptedModel(script=["four", "5"])
    verifier = Scripted(PowerCut(), {"score": 0.9}, {"score": 0.9})
    graph = graph_of(model, predictor, verifier)
    with pytest.raises(PowerCut):
        run(graph, {"question": "A hard one?"}, THREAD)
    state = run(graph, None, THREAD)
    assert len(state["attempts"]) == 2
    assert predictor.asked == ["A hard one?"]


def test_answer_saved_from_a_failure_is_picked_by_the_same_weights(run):
    model = ScriptedModel(script=["four", ConnectionError("dead")])
    graph = graph_of(model, Predictor())
    state = run(graph, {"question": "A hard one?"}, THREAD)
    assert state["decision"]["reason"] == "error"
    with_weights = Criterion(CALIBRATION, variant="map").decide(state["attempts"], HARD)
    assert state["decision"]["belief"] == with_weights["belief"]


def test_failing_predictor_costs_no_draw(run):
    model = ScriptedModel(script=["four"])

    def fail(question):
        raise ConnectionError("no embeddings today")

    with pytest.raises(ConnectionError, match="no embeddings today"):
        run(graph_of(model, fail), {"question": "An easy one?"}, THREAD)
    assert model.calls == 0


def test_predictions_that_are_no_shares_are_refused_before_the_draw(run):
    model = ScriptedModel(script=["four"])
    graph = graph_of(model, lambda question: [0.9, 0.9])
    with pytest.raises(ValueError, match="sum to 1"):
        run(graph, {"question": "An easy one?"}, THREAD)
    assert model.calls == 0


def test_learned_predictor_and_any_runnable_serve_alike(run):
    for predictor in (told(EASY), RunnableLambda(lambda question: EASY)):
        graph = graph_of(ScriptedModel(script=["four"]), predictor)
        state = run(graph, {"question": "What?"}, THREAD)
        assert len(state["attempts"]) == 1
        assert graph.get_state(THREAD).values["class_weights"] == pytest.approx(EASY, abs=1e-6)


async def test_embedding_is_awaited():
    predictor = told(EASY)
    graph = graph_of(ScriptedModel(script=["four"]), predictor)
    await graph.ainvoke({"question": "What?"}, THREAD)
    assert predictor.sources.embeddings.awaited == 1


def test_gate_uses_a_predictor_where_there_is_one(run):
    for question, attempts in (("An easy one?", 1), ("A hard one?", 2)):
        model = ScriptedModel(script=["1", "2"])
        graph = graph_of(model, Predictor(), rejecting(), variant="gate")
        assert len(run(graph, {"question": question}, THREAD)["attempts"]) == attempts


def test_gate_needs_no_predictor(run):
    graph = graph_of(ScriptedModel(script=["four"]), None, variant="gate", cost_per_round=0.49)
    state = run(graph, {"question": "What?"}, THREAD)
    assert state["decision"]["reason"] == "gain_below_cost"
    assert "class_weights" not in graph.get_state(THREAD).values


def test_calibration_decides_with_all_of_its_draws(run):
    draws = (
        CALIBRATION.rates,
        Calibration.from_rates(
            initial=(0.6, 0.1), repair=0.2, corruption=0.3, sensitivity=0.7, specificity=0.7
        ).rates,
    )
    calibration = Calibration(CALIBRATION.rates, "two draws", draws=draws)
    model = ScriptedModel(script=["four", "5", "5"])
    graph = graph_of(model, None, variant="mixture", calibration=calibration)
    state = run(graph, {"question": "What?"}, THREAD)
    belief = Criterion(calibration).decide(state["attempts"])["belief"]
    assert state["decision"]["belief"] == belief
    assert belief != Criterion(CALIBRATION).decide(state["attempts"])["belief"]


@pytest.mark.parametrize("variant", ["mixture", "gate", "map", "training_free"])
def test_without_a_verifier_every_variant_lives_on_agreement(variant, run):
    model = ScriptedModel(script=["four"] * 8)
    graph = create_markovscale_graph(
        model,
        verifier=None,
        answer_key="normalized_text",
        calibration=CALIBRATION,
        variant=variant,
        predictor=Predictor() if variant == "map" else None,
        actions=("generate",),
        cost_per_round=0.001,
    )
    state = run(graph, {"question": "A hard one?"})
    assert state["answer"] == "four"
    # Eight draws that agree, of a question that is hard for "map" and may be easy for the others.
    assert state["decision"]["belief"] > (0.7 if variant == "map" else 0.8)
    assert len(state["attempts"]) > 1


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"variant": "map"}, ValueError, "variant='map' needs a predictor"),
        (
            {"variant": "mixture", "predictor": Predictor()},
            ValueError,
            "predictor is not used with variant='mixture'",
        ),
        (
            {"variant": "training_free", "predictor": Predictor()},
            ValueError,
            "predictor is not used with variant='training_free'",
        ),
        (
            {"variant": "map", "predictor": told([0.2, 0.3, 0.5])},
            ValueError,
            "was the predictor trained for this calibration",
        ),
        ({"variant": "map", "predictor": 17}, TypeError, "predictor must be a ClassPredictor"),
        ({"variant": "MAP"}, ValueError, "variant must be one of"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, kind, message):
    model: Any = ScriptedModel(script=[])
    with pytest.raises(kind, match=message):
        create_markovscale_graph(model, verifier=rejecting(), calibration=CALIBRATION, **options)


def test_predictor_of_recorded_features_is_refused():
    by_embedding = told(EASY)
    recorded = replace(by_embedding, sources=Sources())
    with pytest.raises(ValueError, match="features recorded with the traces"):
        graph_of(ScriptedModel(script=[]), recorded)


# In a graph of somebody else.


def test_router_reads_the_weights_where_it_is_told():
    router = MarkovScaleRouter(
        CALIBRATION, variant="map", cost_per_round=0.05, class_weights_key="shares"
    )
    attempts = [{"text": "four", "score": 0.9, "action": "generate"}]
    assert router({"attempts": attempts, "shares": EASY}) == "stop"
    assert router({"attempts": attempts, "shares": HARD}) == "revise"
    with pytest.raises(ValueError, match="class weights under 'shares'"):
        router({"attempts": attempts})


def test_state_of_somebody_else_is_left_alone_by_other_variants():
    router = MarkovScaleRouter(CALIBRATION, cost_per_round=0.05)
    attempts = [{"text": "four", "score": 0.9, "action": "generate"}]
    decision = router.decide({"attempts": attempts, "class_weights": "of a neural network"})
    assert decision == Criterion(CALIBRATION, 0.05).decide(
        [{**attempts[0], "key": None, "parent": None, "feedback": None, "tokens": None}]
    )


def test_nodes_pass_the_weights_on(run):
    predictor = Predictor()
    criterion = Criterion(CALIBRATION, 0.05, variant="map")
    builder = StateGraph(MarkovScaleState)
    model = ScriptedModel(script=["four"])
    builder.add_node("generate", generate_node(model, predictor=predictor))
    builder.add_node("verify", verify_proxy_node(accepts("four"), criterion=criterion))
    builder.add_edge(START, "generate")
    builder.add_edge("generate", "verify")
    builder.add_edge("verify", END)
    state = run(builder.compile(), {"question": "A hard one?"})
    assert state["class_weights"] == HARD
    assert state["decision"] == criterion.decide(state["attempts"], HARD)


def test_node_that_verifies_misses_the_weights_before_it_pays(run):
    criterion = Criterion(CALIBRATION, variant="map")
    verifier = Scripted({"score": 0.9})
    builder = StateGraph(MarkovScaleState)
    builder.add_node("generate", generate_node(ScriptedModel(script=["four"])))
    builder.add_node("verify", verify_proxy_node(verifier, criterion=criterion))
    builder.add_edge(START, "generate")
    builder.add_edge("generate", "verify")
    builder.add_edge("verify", END)
    with pytest.raises(ValueError, match="let a node write ClassPredictor"):
        run(builder.compile(), {"question": "A hard one?"})
    assert verifier.calls == 0
