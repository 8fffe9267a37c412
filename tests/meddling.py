"""Agents among middleware that does to the messages whatever it likes, and what must hold then.

A script is a seed: it places up to three meddlers around ours, each of which at every hook inserts,
deletes, rewrites, summarises or gives new ids, and sometimes asks for another reply.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from fakes import REPAIRING, ScriptedModel, reply
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, hook_config
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from langchain_markovscale import Budget, MarkovScaleMiddleware

CALL = 10  # tokens of a call
QUESTIONS = ("What is 17 * 23?", "And what is 2 + 3?")


class Meddler(AgentMiddleware):
    """Does something random to the messages at every hook."""

    def __init__(self, name: str, rng: random.Random, *, outside: bool) -> None:
        super().__init__()
        self._name, self._rng, self._outside = name, rng, outside
        self.tools = ()
        self.jumps = 2
        self.meddles = rng.choice([0.2, 0.5, 0.9])

    @property
    def name(self) -> str:
        return self._name

    def before_agent(self, state, runtime):
        # What stands before ours changes the question before it is pinned.
        return None if self._outside else self._meddled(state)

    def before_model(self, state, runtime):
        return self._meddled(state)

    @hook_config(can_jump_to=["model"])
    def after_model(self, state, runtime):
        return self._meddled(state, jumps=0.1)

    @hook_config(can_jump_to=["model"])
    def after_agent(self, state, runtime):
        return None if self._outside else self._meddled(state, jumps=0.2)

    def _meddled(self, state, jumps=0.0) -> dict[str, Any] | None:
        rng = self._rng
        update: dict[str, Any] = {}
        if rng.random() < self.meddles:
            way = rng.choice([_insert, _insert, _delete, _rewrite, _summarise, _new_ids, _shuffle])
            kept = way(list(state["messages"]), rng)
            update["messages"] = [RemoveMessage(id=REMOVE_ALL_MESSAGES), *kept]
        if self.jumps and rng.random() < jumps:
            self.jumps -= 1
            update["jump_to"] = "model"
        return update or None


def _insert(messages, rng):
    sources = [{}, {"lc_source": "summarization"}, {"lc_source": "rubric_grader"}]
    added = rng.choice(
        [
            HumanMessage("Remember your manners.", additional_kwargs=rng.choice(sources)),
            HumanMessage([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]),
            AIMessage("(thinking aloud)"),
        ]
    )
    messages.insert(rng.randint(0, len(messages)), added)
    return messages


def _delete(messages, rng):
    if messages:
        del messages[rng.randrange(len(messages))]
    return messages


def _rewrite(messages, rng):
    if messages:
        at = rng.randrange(len(messages))
        messages[at] = messages[at].model_copy(update={"content": messages[at].text.upper()})
    return messages


def _summarise(messages, rng):
    summary = HumanMessage(
        "Here is a summary of the conversation to date.",
        additional_kwargs={"lc_source": "summarization"},
    )
    return [summary, *messages[rng.randint(0, len(messages)) :]]


def _new_ids(messages, rng):
    return [message.model_copy(update={"id": None}) for message in messages]


def _shuffle(messages, rng):
    if len(messages) > 1:
        messages.append(messages.pop(rng.randrange(len(messages))))
    return messages


def look_up(word: str) -> str:
    """Look a word up."""
    return f"{word} is found"


@dataclass
class Played:
    """What a script has done.

    Attributes:
        model: The model, with what it was asked.
        questions: What the verifier was asked, by turn.
        answers: The answers that it was shown, by turn.
        outputs: What the agent returned, by turn.
        calls: Calls of the model, by turn.
        firsts: Calls of the model before the first verdict, by turn.
        max_rounds: The limit of attempts.
        budget: The limit of tokens, if any.
    """

    model: ScriptedModel
    max_rounds: int
    budget: int | None
    questions: list[list[str]] = field(default_factory=list)
    answers: list[list[str]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)


def played(seed: int) -> Played:
    """Play a script: two questions on a thread."""
    rng = random.Random(seed)
    has_tools = rng.random() < 0.4
    lines = random.Random(seed + 1)

    def write(messages):
        if has_tools and lines.random() < 0.3:
            call = reply("", look_up={"word": "word"})
            call.tool_calls[0]["id"] = f"call {lines.random()}"
            return call
        return reply(f"Answer {lines.randint(100, 999)}")

    model = ScriptedModel(script=[write], repeat=True)
    rounds = rng.randint(1, 4)
    budget = rng.choice([None, rng.randint(10, 100)])
    result = Played(model, rounds, budget)

    def verify(question, answer):
        if not result.questions[-1]:
            result.firsts.append(model.calls)
        result.questions[-1].append(question)
        result.answers[-1].append(answer)
        return lines.choice([0.05, 0.3, 0.6, 0.95])

    ours = MarkovScaleMiddleware(
        verifier=verify,
        calibration=REPAIRING,
        cost_per_round=0.0,
        max_rounds=rounds,
        budget=None if budget is None else Budget(tokens=budget),
        actions=rng.choice([("revise",), ("generate",), ("revise", "generate")]),
    )
    outside = [Meddler(f"out{i}", rng, outside=True) for i in range(rng.randint(0, 1))]
    inside = [Meddler(f"in{i}", rng, outside=False) for i in range(rng.randint(0, 2))]
    agent = create_agent(
        model,
        [look_up] if has_tools else [],
        middleware=[*outside, ours, *inside],
        checkpointer=InMemorySaver(),
    )
    thread = {"configurable": {"thread_id": "1"}, "recursion_limit": 2_000}
    for question in QUESTIONS:
        result.questions.append([])
        result.answers.append([])
        before = model.calls
        result.outputs.append(agent.invoke({"messages": [HumanMessage(question)]}, thread))
        result.calls.append(model.calls - before)
        while len(result.firsts) < len(result.questions):
            result.firsts.append(model.calls)
        result.firsts[-1] -= before
    return result


def check(result: Played) -> None:
    """Hold what a script has done against what was promised."""
    for turn, question in enumerate(QUESTIONS):
        asked = result.questions[turn]
        assert set(asked) <= {question}
        assert len(asked) <= result.max_rounds
        if result.budget is not None and asked:
            spent = result.calls[turn] * CALL
            assert spent <= max(result.budget + CALL, result.firsts[turn] * CALL)
        if asked:
            left = {m.text.upper() for m in result.outputs[turn]["messages"] if m.type == "ai"}
            assert left.intersection(answer.upper() for answer in result.answers[turn])
