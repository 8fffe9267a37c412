"""What tests rely on in the model that they put in place of a real one."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fakes import OVERRUN, ScriptedModel, accepts, always, reply
from langchain_core.messages import AIMessage, HumanMessage

from langchain_markovscale import create_markovscale_graph


def test_lines_are_texts_messages_errors_and_functions(run):
    model = ScriptedModel(
        script=["one", AIMessage("two"), ConnectionError("gone"), lambda given: given[0].text]
    )
    first, second = run(model, "?"), run(model, "?", temperature=1)
    assert (first.text, first.usage_metadata["total_tokens"]) == ("one", 10)
    assert (second.text, second.usage_metadata) == ("two", None)
    with pytest.raises(ConnectionError, match="gone"):
        run(model, "?")
    assert run(model, "four").text == "four"
    assert model.calls == 4
    assert model.options[:2] == [{}, {"temperature": 1}]
    assert model.texts_asked(3) == ["four"]


def test_a_call_too_many_is_noted_even_where_the_loop_makes_an_answer_of_its_error(run):
    graph = create_markovscale_graph(
        ScriptedModel(script=["five"]), verifier=accepts("four"), cost_per_round=0.0, max_rounds=2
    )
    state = run(graph, {"question": "?"})
    assert state["decision"]["reason"] == "error"
    assert OVERRUN == ["call 2 of the script ['five']"]
    OVERRUN.clear()  # or this test would fail after its end


def test_a_stream_adds_up_to_the_reply(stream):
    said = reply("It is 4.", 5, 2, look={"at": "it"})
    first, *others = stream(always(said), "?")
    assert first.text == "It "
    for part in others:
        first += part
    assert first.text == "It is 4."
    assert first.usage_metadata == said.usage_metadata
    assert first.tool_calls == said.tool_calls


def test_threads_share_a_script():
    model = ScriptedModel(script=list(map(str, range(200))))
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: model.invoke([HumanMessage("?")]).text, range(200)))
    assert sorted(replies, key=int) == model.script
