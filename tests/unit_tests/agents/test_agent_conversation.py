"""The verifier of an agent's answers is given what its model saw, however others edit messages."""

from fakes import SURE, ScriptedModel, always, reply, stored
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, SummarizationMiddleware, dynamic_prompt
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from scripted_agents import LATER_MAY_BE_BETTER, agent_of, asked, multiply

from langchain_markovscale import JudgeVerifier, MarkovScaleMiddleware

PICTURE = {"type": "image", "url": "https://example.org/goethe.png"}
TURNS = [HumanMessage("Who wrote Faust?"), AIMessage("Goethe.")]
ASKED = {"messages": [*TURNS, HumanMessage("And when was he born?")]}
FAIL = "CRITIQUE: It was 1749.\nVERDICT: FAIL\nPROBABILITY: 0.05"


def watching(*scores):
    """A verifier that gives one score after the other, and what it is given, in words."""
    left, seen = iter(scores), []

    def verify(answer, messages):
        seen.append([(message.type, message.text) for message in messages])
        return next(left)

    return verify, seen


def checked(verifier, **options):
    options = {"calibration": SURE, "cost_per_round": 0.1, "actions": ("revise",), **options}
    return MarkovScaleMiddleware(verifier=verifier, **options)


async def test_the_system_prompt_and_earlier_turns_are_given_with_the_question():
    verify, seen = watching(0.95, 0.95)
    agent = create_agent(
        always("In 1749."), middleware=[checked(verify)], system_prompt="You are a librarian."
    )
    expected = [
        ("system", "You are a librarian."),
        ("human", "Who wrote Faust?"),
        ("ai", "Goethe."),
        ("human", "And when was he born?"),
    ]
    agent.invoke(ASKED)
    await agent.ainvoke(ASKED)
    assert seen == [expected, expected]


def test_the_system_prompt_is_that_which_the_model_was_sent():
    @dynamic_prompt
    def polite(request):
        return "Be polite."

    verify, seen = watching(0.95)
    model = always("In 1749.")
    agent = create_agent(model, middleware=[checked(verify), polite], system_prompt="Be brief.")
    agent.invoke(ASKED)
    assert model.asked[0][0].text == "Be polite."
    assert seen[0][0] == ("system", "Be polite.")


def test_the_tool_calls_of_each_attempt_are_given_with_it_and_no_critique_is():
    verify, seen = watching(0.1, 0.1, 0.1)
    script = [
        reply("", multiply={"a": 17, "b": 23}),
        "It is 390.",
        reply("", multiply={"a": 23, "b": 17}),
        "It is 391.",
        "It is 392.",
    ]
    model = ScriptedModel(script=script)
    agent_of(model, verify, [multiply], **LATER_MAY_BE_BETTER).invoke(asked())
    question = ("human", "What is 17 * 23?")
    first, second = [("ai", ""), ("tool", "391")], [("ai", ""), ("tool", "391")]
    assert seen == [
        [question, *first],
        [question, *first, *second],
        [question, *first, *second],
    ]


def test_after_a_summary_the_users_question_is_given_as_the_user_wrote_it():
    verify, seen = watching(0.1, 0.95)
    summaries = SummarizationMiddleware(
        always("They spoke of Faust."), trigger=("messages", 3), keep=("messages", 1)
    )
    agent = create_agent(always("In 1749."), middleware=[checked(verify), summaries])
    agent.invoke(ASKED)
    for messages in seen:
        kinds = [kind for kind, _ in messages]
        assert kinds[-1] == "human"
        assert messages[-1] == ("human", "And when was he born?")
        assert "In 1749." not in str(messages)


def test_a_picture_alone_is_a_question_to_an_agent():
    judge = always(FAIL.replace("FAIL", "PASS").replace("0.05", "0.95"))
    agent = create_agent(always("A poet."), middleware=[checked(JudgeVerifier(judge))])
    output = agent.invoke({"messages": [HumanMessage([PICTURE])]})
    assert "[picture]" in judge.asked[0][1].text
    usage = output["messages"][-1].response_metadata["markovscale"]["usage"]
    assert usage["verify"]["unseen"] == 1


def test_events_of_an_agent_have_the_verdicts_on_single_criteria():
    said = "CRITERION: 1\nVERDICT: PASS\nCRITERION: 2\nVERDICT: PASS"
    judge = JudgeVerifier(always(said), criteria=["It is right.", "It is short."])
    agent = create_agent(always("In 1749."), middleware=[checked(judge)])
    first, *_ = agent.stream(ASKED, stream_mode="custom")
    assert [each["score"] for each in first["criteria"]] == [0.9, 0.9]


def times_of(text, verifier):
    """How often a thread keeps a text after three questions with two attempts each."""
    saver = InMemorySaver()
    agent = create_agent(
        always("In 1749."),
        middleware=[checked(verifier, max_rounds=2)],
        system_prompt="You are a librarian.",
        checkpointer=saver,
    )
    for question in ("Who wrote Faust?", "And when was he born?", "And where?"):
        agent.invoke(asked(question), {"configurable": {"thread_id": "1"}})
    kept = stored((saver.storage, saver.blobs, saver.writes))
    return sum(each.count(text.encode()) for each in kept)


def test_no_checkpoint_has_a_message_more_often_because_the_verifier_is_given_it():
    def reads(answer, messages):
        return 0.1

    text = "And when was he born?"
    assert times_of(text, reads) == times_of(text, lambda answer: 0.1) > 0


def test_the_system_prompt_is_kept_once_for_a_thread():
    # As a write of the step that made it, and as the value of its channel.
    assert times_of("You are a librarian.", lambda answer: 0.1) <= 2


def test_what_other_middleware_adds_before_the_question_is_given_too():
    class Reminding(AgentMiddleware):
        def before_model(self, state, runtime):
            if len(state["messages"]) > 3:
                return None
            note = HumanMessage("Remember the date.", additional_kwargs={"lc_source": "reminder"})
            return {"messages": [note]}

    verify, seen = watching(0.95)
    create_agent(always("In 1749."), middleware=[checked(verify), Reminding()]).invoke(ASKED)
    assert seen[0][-1] == ("human", "Remember the date.")
    assert ("human", "And when was he born?") in seen[0]
