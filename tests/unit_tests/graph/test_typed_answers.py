"""Answers that are objects: kept as plain JSON, shown as JSON, returned as what they were."""

import dataclasses
import datetime
import enum
import json

import numpy as np
import pytest
from fakes import REPAIRING, SURE, Scripted, ScriptedModel, accepts
from langchain_core.documents import Document
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough
from langgraph.checkpoint.sqlite import SqliteSaver
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from langchain_markovscale import (
    ChatMarkovScale,
    create_markovscale_graph,
    read_traces,
    record_traces,
    with_markovscale,
)

QUESTION = {"question": "Who wrote the first program?"}
RULE = {"calibration": SURE, "cost_per_round": 0.1}


class Person(BaseModel):
    name: str
    age: int = Field(alias="ageInYears", default=0)


class Answer(TypedDict):
    """A schema whose field is called as a chain calls its answer."""

    answer: str
    sure: bool


@dataclasses.dataclass
class Point:
    x: float
    y: float


class Colour(enum.Enum):
    red = "RED"


ADA, BOB = Person(name="Ada", ageInYears=36), Person(name="Bob")


def is_ada(answer_object):
    return 0.95 if answer_object["name"] == "Ada" else 0.05


def graph_of(*drafts, verifier=lambda answer: 0.95, **options):
    options = {"actions": ("generate",), **RULE} | options
    return create_markovscale_graph(generate=Scripted(*drafts), verifier=verifier, **options)


@pytest.mark.parametrize(
    ("draft", "kept"),
    [
        (ADA, {"name": "Ada", "age": 36}),
        (Point(1.0, 2.0), {"x": 1.0, "y": 2.0}),
        ({"n": np.int64(3), "values": np.arange(2)}, {"n": 3, "values": [0, 1]}),
        ([Point(1.0, 2.0), ADA], [{"x": 1.0, "y": 2.0}, {"name": "Ada", "age": 36}]),
        ({"answer": ADA, "documents": [Document("Ada.")]}, {"name": "Ada", "age": 36}),
        ({"answer": 391, "unit": "m"}, {"answer": 391, "unit": "m"}),
        ({"messages": [AIMessage("no answer")], "output": [1, "two"]}, [1, "two"]),
        (
            {"when": datetime.date(2026, 1, 5), "what": Colour.red, "set": {1}},
            {"when": "2026-01-05", "what": "RED", "set": [1]},
        ),
        ({"bad": float("nan"), "half": "\ud800"}, {"bad": None, "half": "\ufffd"}),
        ([], []),
    ],
)
def test_a_typed_answer_is_plain_json_in_the_state_and_in_the_text(draft, kept, run):
    state = run(graph_of(draft), QUESTION)
    (attempt,) = state["attempts"]
    assert state["answer_object"] == attempt["answer_object"] == kept
    assert json.loads(attempt["text"]) == kept
    assert state["answer"] == attempt["text"] == state["messages"][-1].text
    assert json.loads(json.dumps(state["attempts"])) == state["attempts"]


def test_what_cannot_be_json_says_so_and_is_no_answer(run):
    circle = {}
    circle["self"] = circle
    for draft in (circle, {"bytes": b"\xff"}):
        with pytest.raises(TypeError, match="cannot be written as JSON"):
            run(graph_of(draft), QUESTION)


@pytest.mark.parametrize(
    ("answer_key", "draft", "key"),
    [
        ("json", [3, "Two"], '["3","two"]'),
        ("json:0", [{"n": 1}, 2], '{"n":"1"}'),
        ("json:1.n", [{"n": 1}, {"n": 2.0}], "2"),
        ("json:n", [{"n": 1}, {"n": 2}], "2"),
        ("json:name", ADA, "ada"),
    ],
)
def test_typed_answers_have_keys_by_field(answer_key, draft, key):
    (attempt,) = graph_of(draft, answer_key=answer_key).invoke(QUESTION)["attempts"]
    assert attempt["key"] == key


def test_a_function_verifier_gets_the_object_and_a_text_has_none(run):
    seen = []

    def verify(answer_object, answer):
        seen.append(answer_object)
        return 0.95 if answer_object else 0.05

    state = run(graph_of("Ada", ADA, verifier=verify), QUESTION)
    assert seen == [None, {"name": "Ada", "age": 36}]
    assert "answer_object" not in state["attempts"][0]


def test_a_new_question_on_a_thread_forgets_the_object_and_a_file_keeps_it(tmp_path):
    thread = {"configurable": {"thread_id": "1"}}
    with SqliteSaver.from_conn_string(str(tmp_path / "runs.db")) as saver:
        options = {"verifier": is_ada, "checkpointer": saver}
        stopped = graph_of(BOB, RuntimeError("gone"), **options)
        stopped.invoke(QUESTION, thread, interrupt_after=["generate"])
        resumed = graph_of(ADA, "as text", **options)
        state = resumed.invoke(None, thread)
        assert state["answer_object"] == {"name": "Ada", "age": 36}
        assert [each["answer_object"]["name"] for each in state["attempts"]] == ["Bob", "Ada"]
        options["verifier"] = lambda answer: 0.95
        later = graph_of("as text", **options).invoke({"question": "And then?"}, thread)
    assert (later["answer"], later["answer_object"]) == ("as text", None)


def test_a_recording_keeps_objects(tmp_path):
    graph = graph_of(ADA, answer_key="json:name")
    record_traces(graph, [("Who?", "Ada")], path=tmp_path / "t.jsonl", revisions=0, fresh_starts=1)
    (trace,) = read_traces(tmp_path / "t.jsonl")
    assert trace["attempts"][0]["answer_object"] == {"name": "Ada", "age": 36}


def as_tool(**args):
    call = {"name": "Person", "args": args, "id": "1"}
    return AIMessage("", tool_calls=[call])


BOB_TEXT, ADA_JSON = '{"name": "Bob"}', '{"name": "Ada", "ageInYears": 36}'
ADA_TEXT = f"Here:\n```json\n{ADA_JSON}\n```"


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (
            ScriptedModel(script=[BOB_TEXT, ADA_TEXT])
            | PydanticOutputParser(pydantic_object=Person),
            ADA,
        ),
        (
            ScriptedModel(script=[as_tool(name="Bob"), as_tool(name="Ada", ageInYears=36)])
            | PydanticToolsParser(tools=[Person], first_tool_only=True),
            ADA,
        ),
        (
            ScriptedModel(script=[as_tool(name="Bob"), as_tool(name="Ada")])
            | JsonOutputKeyToolsParser(key_name="Person", first_tool_only=True),
            {"name": "Ada"},
        ),
        (
            ScriptedModel(script=[BOB_TEXT, ADA_TEXT]) | JsonOutputParser(),
            {"name": "Ada", "ageInYears": 36},
        ),
    ],
)
def test_a_chain_that_ends_in_a_parser_is_answered_for_with_its_object(chain, expected):
    careful = with_markovscale(chain, verifier=is_ada, **RULE)
    assert careful.invoke("Who?") == expected


def test_functions_that_return_objects_of_several_classes_get_each_back(run):
    for draft in (ADA, Point(1.0, 2.0), {"free": "form"}, [1], "text"):
        chain = Scripted(draft)
        assert run(with_markovscale(chain, verifier=lambda answer: 0.95, **RULE), "Who?") == draft


def test_a_dictionary_of_a_parser_is_the_answer_whatever_its_keys(run):
    text = '{"answer": "Ada", "sure": true}'
    chain = ScriptedModel(script=[text] * 2) | JsonOutputParser()
    careful = with_markovscale(chain, verifier=accepts(text.replace(": ", ":").replace(", ", ",")))
    assert run(careful, "Who?") == {"answer": "Ada", "sure": True}
    asked = RunnableLambda(lambda request: request["question"]) | chain.with_retry()
    graph = create_markovscale_graph(
        generate=asked, verifier=lambda answer: 0.95, actions=("generate",), **RULE
    )
    assert run(graph, QUESTION)["answer_object"] == {"answer": "Ada", "sure": True}


def with_raw(*messages):
    """What `model.with_structured_output(Person, include_raw=True)` is made of."""
    parser = PydanticToolsParser(tools=[Person], first_tool_only=True)
    parsed = RunnablePassthrough.assign(
        parsed=(lambda given: given["raw"]) | parser, parsing_error=lambda _: None
    )
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableParallel(raw=ScriptedModel(script=[*messages])) | parsed.with_fallbacks(
        [failed], exception_key="parsing_error"
    )


def test_with_raw_replies_the_object_is_the_answer_and_its_metadata_are_kept(run):
    reply = as_tool(name="Ada", ageInYears=36)
    reply.response_metadata["model_name"] = "small"
    chain = with_raw(as_tool(age="no person"), reply)
    careful = with_markovscale(
        chain, verifier=lambda answer_object: 0.95 if answer_object else 0.05, **RULE
    )
    assert run(careful, "Who?") == ADA
    chain = RunnableLambda(lambda request: "Who?") | with_raw(reply)
    graph = create_markovscale_graph(
        generate=chain, verifier=lambda answer: 0.95, actions=("generate",), **RULE
    )
    state = run(graph, QUESTION)
    assert state["messages"][-1].response_metadata["model_name"] == "small"
    assert state["answer_object"] == {"name": "Ada", "age": 36}


def test_a_chat_models_revision_of_an_object_is_read_as_one(run):
    model = ScriptedModel(script=[ADA_TEXT])
    careful = with_markovscale(
        Scripted(BOB), verifier=is_ada, model=model, actions=("revise",), **RULE
    )
    assert run(careful, "Who?") == ADA


def test_a_revision_that_is_no_object_is_an_error_where_all_answers_have_a_class(run):
    parser = PydanticOutputParser(pydantic_object=Person)
    careful = with_markovscale(
        ScriptedModel(script=[BOB_TEXT]) | parser,
        verifier=lambda answer: 0.95 if answer == "It was Ada." else 0.05,
        model=ScriptedModel(script=["It was Ada."]),
        actions=("revise",),
        max_rounds=2,
        **RULE,
    )
    with pytest.raises(OutputParserException, match="no Person: It was Ada") as raised:
        run(careful, "Who?")
    assert raised.value.llm_output == "It was Ada."


JSON_SCHEMA = {
    "title": "Person",
    "type": "object",
    "properties": {"name": {"type": "string"}, "ageInYears": {"type": "integer"}},
}


def chat_of(*script, **options):
    model = ScriptedModel(script=[*script])
    options = {"verifier": lambda answer: 0.95 if "Ada" in answer else 0.05} | RULE | options
    return model, ChatMarkovScale(graph=create_markovscale_graph(model, **options))


@pytest.mark.parametrize("schema", [Person, JSON_SCHEMA, Answer])
@pytest.mark.parametrize("way", ["invoke", "ainvoke", "batch", "abatch", "stream", "astream"])
async def test_the_loop_as_a_chat_model_answers_with_an_object(schema, way):
    text = '{"answer": "Ada", "sure": true}' if schema is Answer else ADA_JSON
    model, chat = chat_of(BOB_TEXT, text)
    structured = chat.with_structured_output(schema)
    if way in ("invoke", "batch"):
        made = structured.invoke("Who?") if way == "invoke" else structured.batch(["Who?"])[0]
    elif way in ("ainvoke", "abatch"):
        call = structured.ainvoke("Who?") if way == "ainvoke" else structured.abatch(["Who?"])
        made = await call
        made = made[0] if way == "abatch" else made
    elif way == "stream":
        (made,) = structured.stream("Who?")
    else:
        (made,) = [part async for part in structured.astream("Who?")]
    assert made == (ADA if schema is Person else json.loads(text))
    system, question = model.texts_asked(0)
    assert "JSON schema" in system
    assert ("sure" if schema is Answer else "ageInYears") in system
    assert question == "Who?"


def test_its_raw_message_comes_along_and_what_is_no_json_is_an_error_there(run):
    _, chat = chat_of("Ada, of course.", ADA_TEXT, verifier=lambda answer: 0.95)
    structured = chat.with_structured_output(Person, include_raw=True)
    failed, made = run(structured, "Who?"), run(structured, "Who?")
    assert failed["parsed"] is None
    assert isinstance(failed["parsing_error"], OutputParserException)
    assert (made["parsed"], made["parsing_error"]) == (ADA, None)
    assert made["raw"].response_metadata["markovscale"]["attempts"] == 1


def test_what_it_cannot_do_is_named():
    _, chat = chat_of()
    with pytest.raises(ValueError, match=r"got 'method': .* system prompt"):
        chat.with_structured_output(Person, method="json_mode")
    with pytest.raises(TypeError, match="pydantic class, a TypedDict or a JSON schema, got 3"):
        chat.with_structured_output(3)


def test_rates_of_typed_answers_agree_by_field():
    graph = graph_of(
        ADA, ADA, BOB, verifier=None, answer_key="json:name", calibration=REPAIRING, max_rounds=3
    )
    state = graph.invoke(QUESTION)
    assert state["answer_object"]["name"] == "Ada"
