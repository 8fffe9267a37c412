"""What the middleware makes of thoughts, refusals, cut-off replies and broken text."""

import pytest
from fakes import REPAIRING, ScriptedModel, accepts, reply, scripted
from langchain.agents import create_agent
from langchain.agents.middleware import wrap_model_call
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from scripted_agents import agent_of, asked, texts, told

from langchain_markovscale import MarkovScaleMiddleware

QUESTION = "What is 3 * 5 + 4?"


def attempts_of(agent, run_input):
    """The attempts of a question, as the events show them."""
    events = agent.stream(run_input, stream_mode="custom")
    return [event["attempt"] for event in events if event["type"] == "attempt"]


def keyed_agent(model, verifier=None, **options):
    options = {"calibration": REPAIRING, "answer_key": "last_number", "max_rounds": 2} | options
    return agent_of(model, verifier, **options)


def test_thoughts_are_neither_judged_nor_revised_nor_shown_nor_keys():
    judged = []

    def verify(answer):
        judged.append(answer)
        return accepts("19")(answer)

    script = ["<think>I think 12. No: 19</think>\n\nThe total is fifteen.", "<think>7</think>19"]
    model = ScriptedModel(script=script, repeat=True)
    first, second = attempts_of(keyed_agent(model, verify), asked(QUESTION))
    assert judged == ["The total is fifteen.", "19"]
    assert (first["text"], first["key"]) == ("The total is fifteen.", None)
    assert first["metadata"] == {"thoughts": "I think 12. No: 19", "no_key": "no_number"}
    assert (second["key"], second["metadata"]) == ("19", {"thoughts": "7"})
    assert not any("No: 19" in text for text in model.texts_asked(1))
    output = keyed_agent(model, verify).invoke(asked(QUESTION))
    assert texts(output) == [QUESTION, "19"]


def test_replies_that_were_cut_off_do_not_agree():
    cut_off = AIMessage("Step by step 12", response_metadata={"finish_reason": "length"})
    model = ScriptedModel(script=["12", cut_off], repeat=True)
    agent = keyed_agent(model, actions=("generate",), max_rounds=3, cost_per_round=1e-6)
    first, second, *_ = attempts_of(agent, asked(QUESTION))
    assert (first["key"], second["key"]) == ("12", None)
    assert second["metadata"] == {"no_key": "truncated"}


@pytest.mark.parametrize("verifier", [accepts("19"), None])
def test_nothing_but_thoughts_is_an_attempt_that_nobody_is_asked_about(verifier):
    judged = []

    def verify(answer):
        judged.append(answer)
        return verifier(answer)

    model = ScriptedModel(script=["<think>12 + 7 = 19, then", "19"], repeat=True)
    options = {"actions": ("generate",), "cost_per_round": 1e-6}
    agent = keyed_agent(model, None if verifier is None else verify, **options)
    first, *_ = attempts_of(agent, asked(QUESTION))
    assert (first["text"], first["key"]) == ("", None)
    assert first["metadata"] == {"thoughts": "12 + 7 = 19, then", "no_key": "thoughts_only"}
    assert first["score"] == (None if verifier is None else 0.0)
    assert "" not in judged
    output = agent.invoke(asked(QUESTION))
    assert told(output)["error"] is None
    assert verifier is None or texts(output) == [QUESTION, "19"]


@pytest.mark.parametrize(
    "refusal",
    [
        AIMessage("", additional_kwargs={"refusal": "I cannot help."}),
        AIMessage([{"type": "refusal", "refusal": "I cannot help."}]),
    ],
)
@pytest.mark.parametrize("after", [0, 1])
def test_a_refusal_is_shown_and_is_no_failure(run, refusal, after):
    model = scripted(*["18"] * after, refusal)
    output = run(keyed_agent(model, lambda answer: 0.1, max_rounds=after + 1), asked(QUESTION))
    assert told(output)["error"] is None
    assert told(output)["attempts"] == after + 1
    assert after or texts(output) == [QUESTION, "I cannot help."]


def test_a_filtered_reply_says_that_it_was_withheld(run):
    model = scripted(AIMessage("", response_metadata={"finish_reason": "content_filter"}))
    output = run(keyed_agent(model, accepts("19"), max_rounds=1), asked(QUESTION))
    assert texts(output)[-1] == "The reply was withheld: content_filter."


def test_answers_that_mathematics_calls_equal_have_one_key():
    model = ScriptedModel(script=[r"\boxed{1/2}", r"\boxed{\sin(\pi/6)}"], repeat=True)
    agent = keyed_agent(
        model, actions=("generate",), answer_key="math", max_rounds=3, cost_per_round=1e-6
    )
    first, second, *_ = attempts_of(agent, asked(QUESTION))
    assert first["key"] == second["key"] is not None


def test_text_that_cannot_be_encoded_is_made_valid_at_the_door(run):
    seen = []

    @tool
    def look() -> str:
        """Look."""
        return "seen \ud83d"

    def verify(given):
        seen.append(given)
        return 0.1, "wrong"

    calls = reply("", look={})
    model = scripted(calls, "A cut emoji \ud83d", "A whole one \ud83d\ude00")
    agent = agent_of(model, lambda question, answer, context: verify((question, answer, context)),
                     tools=[look], checkpointer=InMemorySaver(), max_rounds=2)  # fmt: skip
    thread = {"configurable": {"thread_id": "1"}}
    output = run(agent, {"messages": [HumanMessage("Really?")]}, thread)
    assert seen[0] == ("Really?", "A cut emoji \ufffd", {"tools": ["seen \ufffd"]})
    assert seen[1][1] == "A whole one \U0001f600"
    texts(output)[-1].encode()


def test_a_question_with_half_a_character_is_verified(run):
    seen = []
    agent = agent_of(scripted("391"), lambda question, answer: seen.append(question) or 0.99)
    run(agent, asked("What is 17 * 23? \ud83d"))
    assert seen == ["What is 17 * 23? \ufffd"]


def test_draws_after_the_first_go_past_the_cache(run, llm_cache):
    model = ScriptedModel(script=["390", "391", "392"])
    agent = keyed_agent(model, actions=("generate",), max_rounds=3, cost_per_round=1e-6)
    output = run(agent, asked(QUESTION))
    assert model.calls == told(output)["attempts"] == 3


def test_a_reply_that_a_cache_gives_again_is_no_vote(llm_cache):
    @wrap_model_call
    def by_the_other(request, handler):
        return handler(request.override(model=model))

    model = ScriptedModel(script=["390"])
    ours = MarkovScaleMiddleware(
        verifier=None, answer_key="last_number", calibration=REPAIRING, actions=("generate",),
        max_rounds=3, cost_per_round=1e-6,
    )  # fmt: skip
    agent = create_agent(model, middleware=[ours, by_the_other])
    first, *others = attempts_of(agent, asked(QUESTION))
    assert (model.calls, first["key"]) == (1, "390")
    assert [other["metadata"] for other in others] == [{"no_key": "repeated"}] * len(others) != []
