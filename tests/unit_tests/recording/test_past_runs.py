import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from langchain_markovscale import (
    create_markovscale_graph,
    read_traces,
    traces_from_messages,
    write_traces,
)

USAGE = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
REPORTED = {"calls": 1, "input_tokens": 5, "output_tokens": 2, "unknown": 0, "seconds": None}
SILENT = {"calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 1, "seconds": None}


def texts(trace):
    return [attempt["text"] for attempt in trace["attempts"]]


def counting_loop(**options):
    """A loop whose n-th answer is n, and whose verifier likes the larger ones better."""
    answers = iter(range(1, 100))
    return create_markovscale_graph(
        generate=lambda _: str(next(answers)),
        revise=lambda _: str(next(answers)),
        verifier=lambda answer: min(int(answer), 9) / 10,
        answer_key="last_number",
        cost_per_round=0.0,
        max_rounds=4,
        **options,
    )


def test_a_conversation_is_a_chain_of_revisions():
    run = [
        SystemMessage("Be brief."),
        HumanMessage("What is 2 + 2?"),
        AIMessage("It is 5.", usage_metadata=USAGE),
        HumanMessage("Count again."),
        HumanMessage("Slowly."),
        AIMessage("It is 4."),
    ]
    (trace,) = traces_from_messages([run], references=["4"], answer_key="last_number")
    assert trace["question"] == "What is 2 + 2?"
    assert trace["attempts"] == [
        {
            "text": "It is 5.",
            "key": "5",
            "score": None,
            "action": "generate",
            "parent": None,
            "feedback": "Count again.\n\nSlowly.",
            "tokens": 2,
            "usage": {"generate": REPORTED},
            "correct": False,
        },
        {
            "text": "It is 4.",
            "key": "4",
            "score": None,
            "action": "revise",
            "parent": 0,
            "feedback": None,
            "tokens": None,
            "usage": {"revise": SILENT},
            "correct": True,
        },
    ]


def test_greetings_and_calls_of_tools_are_no_attempts():
    run = [
        AIMessage("Hello!"),
        HumanMessage("What is 2 + 2?"),
        AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "1"}]),
        ToolMessage("4", tool_call_id="1"),
        AIMessage("It is 4."),
        AIMessage(""),
    ]
    (trace,) = traces_from_messages([run])
    assert texts(trace) == ["It is 4."]
    assert "correct" not in trace["attempts"][0]


def test_calls_of_tools_are_paid_for_by_the_answer_that_they_led_to():
    calling = AIMessage(
        "", tool_calls=[{"name": "add", "args": {}, "id": "1"}], usage_metadata=USAGE
    )
    run = [
        AIMessage("Hello!", usage_metadata=USAGE),
        HumanMessage("What is 2 + 2?"),
        calling,
        ToolMessage("5", tool_call_id="1"),
        AIMessage("It is 5.", usage_metadata=USAGE),
        HumanMessage("Again."),
        AIMessage("It is 4.", usage_metadata=USAGE),
    ]
    (trace,) = traces_from_messages([run])
    twice = {"calls": 2, "input_tokens": 10, "output_tokens": 4, "unknown": 0, "seconds": None}
    assert [each["usage"] for each in trace["attempts"]] == [
        {"generate": twice},
        {"revise": REPORTED},
    ]


def test_what_an_attempt_of_a_loops_state_took_is_unknown():
    state = counting_loop().invoke({"question": "What is 2 + 2?"})
    (trace,) = traces_from_messages([state])
    assert {each.get("usage") for each in trace["attempts"]} == {None}


def test_messages_may_be_plain():
    run = [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]
    (trace,) = traces_from_messages(
        [run], references={"2 + 2?": "4", "another": "7"}, grader="exact"
    )
    assert (trace["reference"], trace["attempts"][0]["correct"]) == ("4", True)


def test_a_question_without_a_reference_has_no_labels(caplog):
    runs = [[("user", "2 + 2?"), ("ai", "4")], [("user", "3 + 4?"), ("ai", "7")]]
    unknown, known = traces_from_messages(runs, references={"3 + 4?": "7"}, grader="exact")
    assert (unknown["reference"], known["reference"]) == (None, "7")
    assert "correct" not in unknown["attempts"][0]
    assert "1 of 2 runs ask a question that references do not have, such as '2 + 2?'" in caplog.text


def test_answers_without_keys_are_not_labelled_by_accident():
    run = [("user", "2 + 2?"), ("ai", "The answer to 2 + 2 is 4.")]
    with pytest.raises(ValueError, match=r"answer_key='last_number'.*grader="):
        traces_from_messages([run], references=["4"])


def test_scores_come_from_the_state():
    state = {"messages": [("user", "2 + 2?"), ("ai", "5"), ("ai", "4")], "scores": [0.25]}
    (trace,) = traces_from_messages([state], scores_key="scores")
    assert [attempt["score"] for attempt in trace["attempts"]] == [0.25, None]


def test_the_output_of_the_loop_is_taken_at_its_word(tmp_path):
    output = counting_loop().invoke({"question": "Which is it?"})
    (trace,) = traces_from_messages([output], references=["3"], answer_key="last_number")
    assert trace["question"] == "Which is it?"
    labels = [attempt.pop("correct") for attempt in trace["attempts"]]
    assert labels == [key == "3" for key in "1234"][: len(labels)]
    assert trace["attempts"] == output["attempts"]
    assert len(labels) > 1

    write_traces([trace], tmp_path / "t.jsonl")
    assert next(read_traces(tmp_path / "t.jsonl"))["question"] == "Which is it?"


def test_a_thread_of_the_loop_has_a_trace_for_each_question():
    graph = counting_loop(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}
    outputs = [graph.invoke({"question": question}, config) for question in ("first?", "second?")]
    history = list(graph.get_state_history(config))
    for snapshots in (history, reversed(history)):
        traces = sorted(traces_from_messages(snapshots), key=lambda one: one["question"])
        assert [one["question"] for one in traces] == ["first?", "second?"]
        assert [one["attempts"] for one in traces] == [out["attempts"] for out in outputs]
        assert len({one["id"] for one in traces}) == 2


def test_the_history_of_a_thread_may_come_from_a_server():
    talk = [{"type": "human", "content": "2 + 2?"}, {"type": "ai", "content": "4"}]
    history = [
        {
            "values": {"messages": talk[:many]},
            "checkpoint": {"thread_id": "t", "checkpoint_id": str(many)},
            "created_at": f"2026-01-05T10:00:0{many}+00:00",
        }
        for many in (2, 1, 0)
    ]
    for states in (history, history[::-1]):
        (trace,) = traces_from_messages(states)
        assert (trace["id"], texts(trace)) == ("t", ["4"])


def test_two_questions_in_a_run_are_two_traces_with_references_of_their_own():
    run = [("user", "What is 2 + 2?"), ("ai", "4"), ("user", "12 squared."), ("ai", "144")]
    state = {"messages": run, "scores": [0.5, 0.75]}
    references = {"What is 2 + 2?": "5", "12 squared.": "144"}
    traces = traces_from_messages(
        [state], references=references, grader="exact", scores_key="scores"
    )
    assert [trace["id"] for trace in traces] == ["run 1/1", "run 1/2"]
    told = [(one["score"], one["correct"]) for trace in traces for one in trace["attempts"]]
    assert told == [(0.5, False), (0.75, True)]


def test_threads_of_another_graph_are_read_from_their_history():
    def answer(state):
        return {"messages": [AIMessage(str(len(state["messages"])))]}

    def again(state):
        return "answer" if len(state["messages"]) < 4 else END

    builder = StateGraph(MessagesState).add_node(answer).add_edge(START, "answer")
    graph = builder.add_conditional_edges("answer", again).compile(InMemorySaver())
    configs = [{"configurable": {"thread_id": name}} for name in "ab"]
    for config in configs:
        graph.invoke({"messages": [HumanMessage("How many?")]}, config)
    snapshots = [one for config in configs for one in graph.get_state_history(config)]
    traces = traces_from_messages(snapshots)
    assert [one["id"] for one in traces] == ["a", "b"]
    assert [texts(one) for one in traces] == [["1", "2", "3"]] * 2


@pytest.mark.parametrize(
    ("runs", "options", "complaint"),
    [
        ([HumanMessage("?"), AIMessage("4")], {}, "run 1 has neither messages nor attempts"),
        ([{"answer": "4"}], {}, "run 1 has neither messages nor attempts"),
        ([[AIMessage("4")]], {}, "run 1 has no human message"),
        (
            [[("user", "?")]],
            {"references": []},
            r"as the questions of the runs \(1\), got 0",
        ),
        (
            [[("user", "2 + 2?"), ("ai", "4")]],
            {"references": {"nope": "4"}, "grader": "exact"},
            r"references must name questions as the runs ask them, such as '2 \+ 2\?'",
        ),
        (
            [{"messages": [("user", "?"), ("ai", "4")], "scores": [2.0]}],
            {"scores_key": "scores"},
            "2.0",
        ),
        ([[("user", "?"), ("ai", "4")]], {"scores_key": "scores"}, "at most 1 score,"),
    ],
)
def test_what_is_no_run_is_refused(runs, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        traces_from_messages(runs, **options)
