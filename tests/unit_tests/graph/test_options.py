"""Options that contradict each other or leave their range are named when the graph is made."""

import sys

import pytest
from fakes import Scripted, ScriptedModel, accepts, rejecting

from langchain_markovscale import Prompts, create_markovscale_graph
from langchain_markovscale.answers.choices import count_of, key_for

MODEL = ScriptedModel(script=["four"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"model": None}, "generate.*model="),
        ({"model": None, "generate": Scripted("a")}, "revise.*model="),
        ({"verifier": None}, "verifier=None leaves no evidence"),
        ({"max_rounds": 0}, "max_rounds"),
        ({"max_rounds": 2.5}, "max_rounds"),
        ({"actions": ()}, "actions"),
        ({"actions": ("reflect",)}, "actions"),
        ({"cost_per_round": -0.1}, "cost_per_round"),
        ({"cost_per_round": float("nan")}, "cost_per_round"),
        ({"choices": 1}, "choices"),
        ({"choices": ["yes", "Yes."]}, "choices"),
        ({"choices": [1, 2]}, r"choices .* list of strings, got \[1, 2\]"),
        ({"choices": 4, "answer_key": None}, "choices=4 .* nothing reads the answers"),
        ({"answer_key": "no such key"}, "answer_key"),
    ],
)
def test_bad_options_are_named(options, told):
    with pytest.raises(ValueError, match=told):
        create_markovscale_graph(**{"model": MODEL, "verifier": rejecting()} | options)


@pytest.mark.parametrize("name", ["model", "generate", "revise", "verifier"])
def test_parts_of_a_wrong_kind_are_named(name):
    with pytest.raises(TypeError, match=f"{name} must be .*int"):
        create_markovscale_graph(**{"model": MODEL, "verifier": rejecting(), name: 17})


@pytest.mark.parametrize("calibration", [{}, 0, "", "calibration.json"])
@pytest.mark.parametrize("verifier", [rejecting(), None])
def test_what_is_no_calibration_is_refused_and_not_taken_for_the_default(calibration, verifier):
    with pytest.raises(TypeError, match="calibration must be a Calibration or Rates"):
        create_markovscale_graph(
            MODEL, verifier=verifier, answer_key="last_number", calibration=calibration
        )


@pytest.mark.parametrize("prompts", ["Be brief.", "", {}])
def test_what_are_no_prompts_is_refused(prompts):
    with pytest.raises(TypeError, match=r"prompts must be Prompts, got .*: Prompts\(system="):
        create_markovscale_graph(MODEL, verifier=rejecting(), prompts=prompts)


def test_a_name_is_resolved_by_langchain(monkeypatch):
    chat_models = pytest.importorskip("langchain.chat_models")
    asked = []
    monkeypatch.setattr(chat_models, "init_chat_model", lambda name: asked.append(name) or MODEL)
    create_markovscale_graph("provider:name", verifier=rejecting())
    assert asked == ["provider:name", "provider:name"]


def test_a_name_without_langchain_is_an_error_of_the_import(monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
    with pytest.raises(ModuleNotFoundError, match="langchain"):
        create_markovscale_graph("provider:name", verifier=rejecting())


def test_edges_carry_labels_in_the_picture():
    picture = create_markovscale_graph(MODEL, verifier=rejecting()).get_graph().draw_mermaid()
    edges = [line.strip() for line in picture.splitlines() if "-->" in line or ".->" in line]
    assert edges == [
        "__start__ --> generate;",
        "generate --> verify_proxy;",
        "revise --> verify_proxy;",
        "verify_proxy -. &nbsp;stop&nbsp; .-> __end__;",
        "verify_proxy -. &nbsp;draw afresh&nbsp; .-> generate;",
        "verify_proxy -. &nbsp;revise the best&nbsp; .-> revise;",
    ]


def test_the_picture_shows_only_edges_that_can_be_taken():
    graph = create_markovscale_graph(MODEL, verifier=rejecting(), actions=("generate",))
    assert set(graph.get_graph().nodes) == {"__start__", "generate", "verify_proxy", "__end__"}


def test_input_and_output_have_schemas():
    graph = create_markovscale_graph(MODEL, verifier=rejecting())
    assert set(graph.get_input_jsonschema()["properties"]) == {"question", "messages"}
    assert set(graph.get_output_jsonschema()["properties"]) == {
        "answer",
        "answer_object",
        "messages",
        "attempts",
        "decision",
        "usage",
        "error",
    }


def test_the_graph_has_its_name():
    assert create_markovscale_graph(MODEL, verifier=rejecting(), name="solver").name == "solver"


@pytest.mark.parametrize(
    ("prompts", "told"),
    [
        ({"revise": "{answr}"}, "answr"),
        ({"revise": "{answer.text}"}, "answer.text"),
        ({"reconsider": "{feedback}"}, "feedback"),
        ({"revise": "{"}, "brace"),
        ({"revise": None}, "revise"),
        ({"context": "{}"}, "context"),
    ],
)
def test_wrong_placeholders_are_named(prompts, told):
    with pytest.raises(ValueError, match=told):
        Prompts(**prompts)


def test_choices_are_found_as_words_and_the_last_counts():
    key = key_for(None, ["yes", "no", "not sure"])
    assert key("Yes") == "yes"
    assert key("No... yes!") == "yes"
    assert key("I know nothing") is None
    assert key("I am NOT  sure.") == "not sure"
    assert key_for(None, ["A", "B"])("(b)") == "B"
    assert key_for(str.strip, ["yes", "no"])(" maybe ") == "maybe"
    assert key_for(None, 4) is None
    assert count_of(["yes", "no", "not sure"]) == 3


@pytest.mark.parametrize(
    ("choices", "text", "chosen"),
    [
        (["1/2", "3/4", "1"], "It is 1/2", "1/2"),
        (["1/2", "3/4", "1"], "3/4", "3/4"),
        (["1/2", "3/4", "1"], "1. I add them up and get 0.5", "1/2"),
        (["1", "2"], "It is 1/3.", None),
        (["1", "none"], "Perhaps 1.5 or -1", None),
        (["1/2", "none of these"], "So it is .5 then", "1/2"),
        (["1,000", "2,000"], "That makes 1,000", "1,000"),
        (["1,000", "2,000"], "2000 in all", "2,000"),
        (["caf\u00e9", "bar"], "a cafe\u0301, surely", "caf\u00e9"),
        (["cafe\u0301", "bar"], "a caf\u00e9, surely", "cafe\u0301"),
        (["five o'clock", "noon"], "At five o\u2019clock!", "five o'clock"),
        (["\u2163", "\u2164"], "Henry \u2163 it was", "\u2163"),
        (["the cat", "the dog"], "I saw a cat.", "the cat"),
        (["New York", "York"], "It is New York", "New York"),
        (["true", "false"], "TRUE", "true"),
    ],
)
def test_a_choice_is_found_in_any_spelling(choices, text, chosen):
    assert key_for(None, choices)(text) == chosen


@pytest.mark.parametrize("choices", [["a", "b", "c"], ["A", "B", "C"]])
@pytest.mark.parametrize("text", ["b", "B", "b.", "(b)", "The answer is b", "B, not C", "**B**"])
def test_a_letter_comes_back_as_the_list_spells_it(choices, text):
    assert key_for(None, choices)(text) == choices[1]


def test_alternatives_are_no_letter_of_a_list():
    assert key_for(None, ["a", "b"])("a or b") is None


def test_the_store_reaches_the_runnables(run):
    from langgraph.config import get_store
    from langgraph.store.memory import InMemoryStore

    def draw(request):
        return get_store().get(("facts",), "sum").value["text"]

    store = InMemoryStore()
    store.put(("facts",), "sum", {"text": "four"})
    graph = create_markovscale_graph(
        generate=draw, verifier=accepts("four"), actions=("generate",), store=store
    )
    assert run(graph, {"question": "2 + 2?"})["answer"] == "four"


def test_a_cache_policy_spares_repeated_calls():
    from langgraph.cache.memory import InMemoryCache
    from langgraph.types import CachePolicy

    model = ScriptedModel(script=["four"])
    graph = create_markovscale_graph(
        model,
        verifier=accepts("four"),
        cache_policy=CachePolicy(key_func=lambda state: str(state.get("question"))),
        cache=InMemoryCache(),
        max_rounds=1,
    )
    answers = [graph.invoke({"question": "2 + 2?"})["answer"] for _ in range(3)]
    assert answers == ["four"] * 3
    assert model.calls == 1
