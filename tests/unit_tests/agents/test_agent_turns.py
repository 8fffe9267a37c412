"""A turn is its invocation: other middleware may edit the messages, and it goes on as it began."""

import pytest
from fakes import SURE, ScriptedModel, accepts, always, reply
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ContextEditingMiddleware,
    PIIMiddleware,
    SummarizationMiddleware,
    TodoListMiddleware,
    hook_config,
)
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command
from pydantic import BaseModel
from scripted_agents import asked, multiply, texts, told

from langchain_markovscale import Budget, Criterion, MarkovScaleMiddleware

QUESTION = "What is 17 * 23?"
THREAD = {"configurable": {"thread_id": "1"}}


class Asked:
    """A verifier that accepts nothing, and keeps what it is asked."""

    def __init__(self, score=0.1):
        self.questions, self.score = [], score

    def __call__(self, question, answer):
        self.questions.append(question)
        return self.score


def rejecting(verifier, **options):
    options = {
        "calibration": SURE,
        "cost_per_round": 0.0,
        "max_rounds": 3,
        "actions": ("revise",),
    } | options
    return MarkovScaleMiddleware(verifier=verifier, **options)


def accepting(verifier, **options):
    return rejecting(verifier, cost_per_round=0.1, **options)


def summaries():
    return SummarizationMiddleware(
        always("They want a product."), trigger=("messages", 3), keep=("messages", 1)
    )


def calls_tool(messages):
    """Calls the tool for every attempt, and then answers."""
    if messages[-1].type == "tool":
        return reply("391")
    call = reply("", multiply={"a": 17, "b": 23})
    call.tool_calls[0]["id"] = f"call {id(call)}"
    return call


@pytest.mark.parametrize("action", ["revise", "generate"])
@pytest.mark.parametrize("first", [True, False], ids=["ours first", "ours last"])
@pytest.mark.parametrize("tools", [[], [multiply]], ids=["no tools", "tools"])
def test_summaries_start_no_new_turn(tools, first, action, run):
    verifier, model = Asked(), always(calls_tool if tools else "390")
    ours = rejecting(verifier, actions=(action,))
    middleware = [ours, summaries()] if first else [summaries(), ours]
    output = run(create_agent(model, tools, middleware=middleware), asked())
    assert verifier.questions == [QUESTION] * 3
    assert model.calls == (6 if tools else 3)
    assert told(output)["attempts"] == 3
    assert told(output)["reason"] == "max_rounds"


def test_summaries_keep_the_budget(run):
    verifier, model = Asked(), always("390")
    ours = rejecting(verifier, max_rounds=50, budget=Budget(tokens=45))
    output = run(create_agent(model, [], middleware=[ours, summaries()]), asked())
    assert model.calls == 4
    assert told(output)["reason"] == "budget"
    assert told(output)["usage"]["revise"]["calls"] == 3


def test_a_fresh_draw_after_a_summary_is_asked_the_question(run):
    verifier, model = Asked(), always("390")
    ours = rejecting(verifier, actions=("generate",))

    class Forgetting(AgentMiddleware):
        def after_model(self, state, runtime):
            kept = [HumanMessage("A summary."), state["messages"][-1]]
            return {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES), *kept]}

    run(create_agent(model, [], middleware=[ours, Forgetting()]), asked())
    assert [model.texts_asked(call)[-1] for call in range(3)] == [QUESTION] * 3


class Editing(AgentMiddleware):
    """Edits the messages before each call of the model."""

    def __init__(self, edit):
        super().__init__()
        self.tools = ()
        self.edit = edit

    def before_model(self, state, runtime):
        edited = self.edit(list(state["messages"]))
        return {"messages": [RemoveMessage(id=REMOVE_ALL_MESSAGES), *edited]}


def with_reminder(messages):
    return [*messages, HumanMessage("Remember: be brief.")]


def with_new_ids(messages):
    return [message.model_copy(update={"id": None}) for message in messages]


def without_question(messages):
    return [message for message in messages if message.text != QUESTION]


def with_picture(messages):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    return [*messages, HumanMessage([picture])]


@pytest.mark.parametrize("edit", [with_reminder, with_new_ids, without_question, with_picture])
@pytest.mark.parametrize("action", ["revise", "generate"])
def test_edited_messages_start_no_new_turn(edit, action, run):
    verifier, model = Asked(), always("390")
    ours = rejecting(verifier, actions=(action,), budget=Budget(tokens=1000))
    output = run(create_agent(model, [], middleware=[ours, Editing(edit)]), asked())
    assert verifier.questions == [QUESTION] * 3
    assert model.calls == 3
    assert told(output)["attempts"] == 3


def test_a_picture_by_a_tool_starts_no_new_turn_and_stays_with_its_answer(run):
    def look() -> Command:
        """Look at the page."""
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
        shown = [ToolMessage("shown", tool_call_id="look"), HumanMessage([picture])]
        return Command(update={"messages": shown})

    verifier = Asked(0.95)
    model = ScriptedModel(script=[reply("", look={}), "391"])
    output = run(create_agent(model, [look], middleware=[accepting(verifier)]), asked())
    assert verifier.questions == [QUESTION]
    assert [m.type for m in output["messages"]] == ["human", "ai", "tool", "human", "ai"]


@pytest.mark.parametrize("first", [True, False], ids=["ours first", "ours last"])
def test_our_critique_says_that_no_user_wrote_it(first, run):
    model = always("390")
    middleware = [rejecting(Asked()), TodoListMiddleware()]
    run(create_agent(model, [], middleware=middleware if first else middleware[::-1]), asked())
    critique = model.asked[1][-1]
    assert critique.additional_kwargs["lc_source"] == "markovscale"
    assert critique.name == "markovscale"


class Grading(AgentMiddleware):
    """Asks for another reply at the end, as deepagents' rubric does."""

    def __init__(self, times):
        super().__init__()
        self.tools = ()
        self.left = times

    @hook_config(can_jump_to=["model"])
    def after_agent(self, state, runtime):
        if not self.left:
            return None
        self.left -= 1
        critique = HumanMessage("Do better.", additional_kwargs={"lc_source": "rubric_grader"})
        return {"messages": [critique], "jump_to": "model"}


@pytest.mark.parametrize("first", [True, False], ids=["ours first", "ours last"])
def test_a_turn_that_has_stopped_stays_stopped(first, run):
    verifier, model = Asked(), always("390")
    middleware = [rejecting(verifier), Grading(4)]
    agent = create_agent(model, [], middleware=middleware if first else middleware[::-1])
    output = run(agent, asked())
    assert model.calls == 3
    assert verifier.questions == [QUESTION] * 3
    assert told(output)["attempts"] == 3


def test_a_removed_answer_comes_back(run):
    class Removing(AgentMiddleware):
        def after_agent(self, state, runtime):
            return {"messages": [RemoveMessage(id=state["messages"][-1].id)]}

    ours = accepting(accepts("391"))
    output = run(create_agent(always("391"), [], middleware=[ours, Removing()]), asked())
    assert texts(output) == [QUESTION, "391"]


def test_a_removed_reply_ends_with_the_best_answer(run):
    class Removing(AgentMiddleware):
        replies = 0

        def after_model(self, state, runtime):
            self.replies += 1
            gone = state["messages"][-1].id
            return {"messages": [RemoveMessage(id=gone)]} if self.replies > 1 else None

    output = run(
        create_agent(always("390"), [], middleware=[rejecting(Asked()), Removing()]), asked()
    )
    assert texts(output) == [QUESTION, "390"]
    assert told(output)["reason"] == "interrupted"


def test_redacted_and_edited_contexts_start_no_new_turn(run):
    verifier, model = Asked(), always(calls_tool)
    others = [PIIMiddleware("email", apply_to_output=True), ContextEditingMiddleware()]
    middleware = [rejecting(verifier), *others]
    question = "Ask a@b.de what 17 * 23 is."
    run(create_agent(model, [multiply], middleware=middleware), asked(question))
    assert verifier.questions == [question] * 3
    assert model.calls == 6


class Place(BaseModel):
    """A place."""

    name: str


@pytest.mark.parametrize("tools", [[], [multiply]], ids=["no tools", "tools"])
def test_a_reply_without_the_format_is_no_attempt(tools, run):
    model = ScriptedModel(script=[reply("", Place={"name": "Weimar"}), "It is Jena."])
    ours = rejecting(Asked())
    agent = create_agent(model, tools, middleware=[ours], response_format=ToolStrategy(Place))
    output = run(agent, asked("Where did Goethe live?"))
    assert output["structured_response"] == Place(name="Weimar")
    assert model.calls == 2
    (answer,) = [m for m in output["messages"] if "markovscale" in m.response_metadata]
    assert answer.response_metadata["markovscale"]["attempts"] == 1
    assert "without the structured response" in answer.response_metadata["markovscale"]["error"]


@pytest.mark.parametrize("tools", [[], [multiply]], ids=["no tools", "tools"])
def test_a_first_reply_without_the_format_is_not_verified(tools, run):
    verifier = Asked(0.95)
    model = ScriptedModel(script=["Weimar.", reply("", Place={"name": "Weimar"})])
    agent = create_agent(
        model, tools, middleware=[accepting(verifier)], response_format=ToolStrategy(Place)
    )
    output = run(agent, asked("Where did Goethe live?"))
    # LangChain asks again where there are no tools, and ends the agent where there are.
    assert len(verifier.questions) == (0 if tools else 1)
    assert output.get("structured_response") == (None if tools else Place(name="Weimar"))


def test_a_stopped_turn_with_a_format_ends_also_where_it_is_asked_again(run):
    model = ScriptedModel(script=['{"name": "Jena"}', '{"name": "Weimar"}'])
    ours = rejecting(Asked(), max_rounds=2)
    agent = create_agent(
        model, [], middleware=[ours, Grading(2)], response_format=ProviderStrategy(Place)
    )
    output = run(agent, asked("Where did Goethe live?"))
    assert model.calls == 2
    assert isinstance(output["structured_response"], Place)


def test_settings_are_kept_when_a_run_is_resumed_without_them(run):
    model = ScriptedModel(script=["389", KeyboardInterrupt(), "390", "391", "392"])
    agent = create_agent(
        model, [], middleware=[rejecting(Asked(), max_rounds=4)], checkpointer=InMemorySaver()
    )
    with pytest.raises(KeyboardInterrupt):
        run(agent, asked(), THREAD, context={"max_rounds": 2}, durability="sync")
    output = run(agent, None, THREAD)
    assert told(output)["attempts"] == 2
    assert told(output)["reason"] == "max_rounds"


def test_a_question_that_is_asked_again_before_its_answer_goes_on(run):
    model = ScriptedModel(script=["389", KeyboardInterrupt(), "390"])
    verifier = Asked()
    agent = create_agent(
        model, [], middleware=[rejecting(verifier, max_rounds=2)], checkpointer=InMemorySaver()
    )
    question = {"messages": [HumanMessage(QUESTION, id="mine")]}
    with pytest.raises(KeyboardInterrupt):
        run(agent, question, THREAD, durability="sync")
    output = run(agent, question, THREAD)
    assert told(output)["attempts"] == 2
    assert len(verifier.questions) == 2


def test_the_same_words_on_a_thread_are_another_turn(run):
    verifier, model = Asked(), always("390")
    agent = create_agent(
        model, [], middleware=[rejecting(verifier), summaries()], checkpointer=InMemorySaver()
    )
    for turn in range(1, 4):
        output = run(agent, asked(), THREAD)
        assert told(output)["attempts"] == 3
        assert verifier.questions == [QUESTION] * 3 * turn


def test_a_thread_does_not_grow_by_what_is_pinned():
    agent = create_agent(
        always("391"), [], middleware=[accepting(Asked(0.95))], checkpointer=InMemorySaver()
    )
    for number in range(20):
        agent.invoke(asked(f"Question {number}?"), THREAD)
    kept = agent.get_state(THREAD).values
    assert len(kept["messages"]) == 40
    assert (kept["markovscale"]["attempts"], kept["markovscale"]["trails"]) == ([], [])
    assert len(str(kept["markovscale"])) < 3_000


@pytest.mark.parametrize("rounds", [0, 65, 100_000, "many"])
def test_rounds_of_a_context_are_bounded_before_anything_is_paid(rounds, run):
    model = always("never")
    agent = create_agent(model, [], middleware=[rejecting(Asked())])
    with pytest.raises(ValueError, match="max_rounds"):
        run(agent, asked(), context={"max_rounds": rounds})
    assert not model.asked


class Failing(Criterion):
    """A criterion that has no room for its table."""

    def decide(self, attempts, class_weights=None):
        raise MemoryError("no room")


def test_an_answer_comes_back_where_the_criterion_fails(run):
    ours = MarkovScaleMiddleware(verifier=Asked(), criterion=Failing(SURE, actions=("revise",)))
    output = run(create_agent(ScriptedModel(script=["390"]), [], middleware=[ours]), asked())
    assert texts(output) == [QUESTION, "390"]
    assert told(output)["reason"] == "error"
    assert told(output)["error"] == "MemoryError: no room"


def test_the_last_message_is_the_answer_among_reminders(run):
    middleware = [accepting(accepts("391")), Editing(with_reminder)]
    output = run(create_agent(always("391"), [], middleware=middleware), asked())
    assert isinstance(output["messages"][-1], AIMessage)
    assert told(output)["attempts"] == 1
