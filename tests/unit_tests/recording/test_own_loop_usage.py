"""What the attempts of a loop of one's own took, as its models report it."""

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, StateGraph
from test_own_loops import Drafts

from langchain_markovscale import read_traces, record_traces, watch


def asking(prompt, key, *, reports=True):
    """A node that asks a model, and writes its reply under a key."""
    usage = {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13} if reports else None
    replies = (AIMessage(f"It is {n}.", usage_metadata=usage) for n in range(100))
    model = GenericFakeChatModel(messages=replies)

    def node(state):
        text = (RunnableLambda(lambda question: f"{prompt} {question}") | model).invoke("?").text
        return {key: [text] if key == "drafts" else [0.5]}

    return node


def written_and_judged(*, reports=True):
    def plan(state):
        asking("Plan", "scores")(state)
        return {}

    builder = StateGraph(Drafts)
    builder.add_node("plan", plan)
    builder.add_node("write", asking("Write", "drafts", reports=reports))
    builder.add_node("judge", asking("Judge", "scores"))
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "write")
    builder.add_edge("write", "judge")
    builder.add_conditional_edges("judge", lambda state: END if state["drafts"][1:] else "write")
    return builder.compile()


def test_calls_of_models_count_with_the_attempts_that_they_made_or_verified(path):
    keys = {"answers_key": "drafts", "scores_key": "scores", "answer_key": "last_number"}
    record_traces(written_and_judged(), [("Q?", "1")], path=path, fresh_starts=2, **keys)
    (trace,) = read_traces(path)
    first, second, *_ = (attempt["usage"] for attempt in trace["attempts"])
    assert len(trace["attempts"]) == 4
    assert (first["generate"]["calls"], first["generate"]["input_tokens"]) == (2, 20)
    assert (first["verify"]["calls"], first["verify"]["output_tokens"]) == (1, 3)
    assert (second["revise"]["calls"], second["verify"]["calls"]) == (1, 1)
    assert second["revise"]["seconds"] >= 0


def test_what_a_model_does_not_report_is_unknown(path):
    watch(written_and_judged(reports=False), path, answers_key="drafts").invoke({"question": "Q?"})
    (trace,) = read_traces(path)
    assert [attempt["usage"]["verify"]["unknown"] for attempt in trace["attempts"]] == [0, 0]
    assert trace["attempts"][1]["usage"]["revise"]["unknown"] == 1
