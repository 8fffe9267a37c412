"""The looping edge: a pure function from a state to where to go next.

No clock, no randomness, nothing written but warnings: the same state takes the same edge, so that a
resumed run goes the same way. A decision in the state is followed whatever the settings of the run;
only a new one is made with them. In a user's own graph its arguments name the keys of the state to
read.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Unpack, cast, get_args

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import set_config_context
from langgraph.constants import END
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send

from langchain_markovscale.answers.choices import key_for
from langchain_markovscale.answers.keys import AnswerKey, name_of_key
from langchain_markovscale.answers.reading import compares
from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.graph.class_weights import CLASS_WEIGHTS_KEY, weights_in
from langchain_markovscale.graph.conversation import values_of
from langchain_markovscale.graph.settings import (
    CALLS_NO_VERIFIER,
    PerRun,
    RuleOptions,
    criterion_of,
    loop_measured_by,
)
from langchain_markovscale.graph.state_reader import Answers, AttemptsReader, Source
from langchain_markovscale.graph.telemetry import warn_without_evidence
from langchain_markovscale.theory.criterion import Criterion, new_decision
from langchain_markovscale.theory.latest_answer import decide_on_latest
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.traces.provenance import Loop
from langchain_markovscale.types import Decision, Reason, Step

_INSTEAD: ContextVar[Callable[[int], Step] | None] = ContextVar("step_instead", default=None)


_NODES_OF_OURS = (
    "draws_at_once needs a node that can be called several times at once, and generate_node writes "
    "the run and its usage, which a state has once: leave draws_at_once out, or give it to "
    "create_markovscale_graph, whose own nodes put several draws together."
)


@contextmanager
def stepping_by(step: Callable[[int], Step]) -> Iterator[None]:
    """Let routers follow a schedule in place of their criterion, in runs that begin within.

    Args:
        step: What comes after so many attempts.
    """
    token = _INSTEAD.set(step)
    try:
        yield
    finally:
        _INSTEAD.reset(token)


Next = str | list[Send]
"""Where a router leads: a step, or so many draws at once."""


class MarkovScaleRouter(Runnable[Any, Next]):
    """Decides after each attempt: stop, revise the best answer, or draw a fresh one.

    It is a path function of `add_conditional_edges`, and needs three lines in a loop of your own:

        router = MarkovScaleRouter(answers_key="drafts", scores_key="scores")
        builder.add_conditional_edges("reflect", router, {"revise": "write", "stop": END})

    It reads the attempts from one of: a list of `Attempt` dictionaries under `attempts_key` (the
    nodes of this package and the reducer `add_attempt` write it; `text` and `score` alone will do
    in a list whose attempts are all made by one action); two parallel lists of answers and scores;
    or a conversation in which every AI message is an attempt. The last two don't say how an answer
    was made: each is taken for a revision of the one before, or for a fresh draw with
    `actions=("generate",)`. The answer to return is `router.best(state)`. A run can have a cost and
    a number of rounds of its own in its context, see `MarkovScaleContext`.

    A state that keeps the latest draft alone works as well, `{"draft": str, "score": float,
    "iteration": int}`: `iteration` counts the attempts, and the draft is weighed by its own score
    alone. A better draft before it is lost, which is logged once, and so the rule goes on only
    where the last draft of all is expected to be better; with `add_attempt` the state keeps all.

    With `draws_at_once` it returns a list of LangGraph's `Send`, one for each draw, where several
    are to be made: `draw_node` is then called so often at the same time, each time with the whole
    state. The graph has to bear that: what this node writes is in keys with a reducer (`attempts:
    Annotated[list, add_attempt]`), and the node after it scores every attempt that has no score.

    Args:
        calibration: The option of this name in `rule`; it may be given by position.
        criterion: Decides, in place of one that is made from `rule`.
        answer_key: Makes the key of answers that come without one: a function, or a name such as
            `"last_number"`.
        attempts_key: Key of the state that holds a list of attempts.
        decision_key: Key of a decision that was made before; used if made from as many attempts,
            and if its action is one of the router's.
        answers_key: Key of a list of answers, or of the latest answer alone, instead of
            `attempts_key`; or a function of the state that returns them. An answer is a text, a
            message or a typed answer.
        scores_key: Key of their scores in [0, 1], True, False or None, with `answers_key` or
            `messages_key`; or a function of the state that returns them, such as
            `lambda state: state["error"] == "no"`. Without it nothing is scored.
        messages_key: Key of a conversation with one question, instead of `attempts_key`.
        iteration_key: Key of the number of attempts made so far, the first included, where
            `answers_key` leads to the latest answer alone; or a function of the state.
        state_schema: The class of the graph's state, a TypedDict, a dataclass or a pydantic class.
            Whether it has what the router reads is then checked here, and not at the first call.
        class_weights_key: Key of the question's class weights, which the variant `"map"` needs and
            `"gate"` uses where there are any.
        draw_node: Name of the node that draws, for `draws_at_once`.
        routes: What to return for each step, where it is not `"stop"`, `"revise"`, `"generate"`.
        name: Name of the branch in LangGraph's diagrams and traces.
        **rule: How to decide: `calibration`, `variant`, `cost_per_round`, `max_rounds`, `actions`,
            `choices`, `exact_verifier`, `delivery`, `draws_at_once`, `cost_per_second` and
            `seconds_per_round`, described by `help(langchain_markovscale.RuleOptions)`.

    Attributes:
        loop: The parts of the loop by name, as far as they are known; of a router alone, its answer
            key. Where the calibration was measured with others, its first decision warns.

    Raises:
        ValueError: If arguments are out of range or contradict each other, or `state_schema` lacks
            a key that is to be read.
        TypeError: If the calibration is of no accepted type, or an option is unknown.
    """

    def __init__(
        self,
        calibration: Calibration | Rates | None = None,
        /,
        *,
        criterion: Criterion | None = None,
        answer_key: AnswerKey | str | None = None,
        attempts_key: str = "attempts",
        decision_key: str = "decision",
        answers_key: Source | None = None,
        scores_key: Source | None = None,
        messages_key: str | None = None,
        iteration_key: Source = "iteration",
        state_schema: type | None = None,
        class_weights_key: str = CLASS_WEIGHTS_KEY,
        draw_node: str | None = "generate",
        routes: Mapping[Step, str] | None = None,
        name: str = "markovscale_router",
        **rule: Unpack[RuleOptions],
    ) -> None:
        self.name = self.__name__ = name
        reads_other_keys = answers_key is not None or messages_key is not None
        if calibration is not None:
            _check_is_calibration(calibration)
            if rule.get("calibration") is not None:
                raise TypeError(
                    "calibration is given twice, by position and by name: give it once."
                )
            rule["calibration"] = calibration
        if reads_other_keys and criterion is None and rule.get("actions") is None:
            rule["actions"] = ("revise",)
        self.criterion = criterion_of(MarkovScaleRouter, criterion, rule)
        self._measured = loop_measured_by(self.criterion)
        if reads_other_keys and scores_key is None:
            self.criterion = self.criterion.without_verifier()
        self.answer_key = key_for(answer_key, rule.get("choices"))
        if reads_other_keys and self.answer_key is None:
            self.criterion = self.criterion.without_keys()
        self._per_run = PerRun(self.criterion)
        self._warned_of: int | None = None  # the answers, hashed: nothing of a run is kept
        self.loop: Loop = {}
        if self.answer_key is not None and (key := name_of_key(self.answer_key)):
            self.loop["answer_key"] = key
        allowed = self.criterion.actions
        self._reader = AttemptsReader(
            attempts_key,
            answers_key,
            messages_key,
            scores_key,
            action=allowed[0] if len(allowed) == 1 else None,
            answer_key=self.answer_key,
            iteration_key=iteration_key,
        )
        at_once = self.criterion.waiting.draws_at_once != 1
        if state_schema is not None:
            self._reader.check(state_schema, at_once=at_once and draw_node is not None)
        self._draw_node = draw_node if at_once else None
        self._decision_key = decision_key
        self._class_weights_key = class_weights_key
        self._routes = _complete_routes(routes or {})

    def decide(self, state: Any) -> Decision:
        """Return the whole decision, as plain values.

        Where there is neither a key nor a score to decide by, it warns: once a run, which ends with
        this decision, also where its state is read again.

        Raises:
            ValueError: If the state lacks a key that is to be read, or a score is out of range.
        """
        answers = self._reader.answers(state)
        if (found := self._found(answers, state)) is not None:
            return found
        decision = self._made(answers, state)
        if decision["reason"] == "no_evidence" and self._warned_of != (read := hash(repr(answers))):
            self._warned_of = read
            warn_without_evidence()
        return decision

    def best(self, state: Any) -> Any:
        """Return the best answer as the state has it; None before the first attempt.

        That is the element of the list under `answers_key`, or the latest answer where it is alone;
        of a conversation the AI message (its text, where messages are in another form than
        LangChain's); of a list of attempts the text, or the typed answer as plain JSON.

        Raises:
            ValueError: If the state lacks a key that is to be read, or a score is out of range.
        """
        answers = self._reader.answers(state)
        if not answers.kept:
            return None
        index = (self._found(answers, state) or self._made(answers, state))["best"]
        return None if index is None else self._reader.best(answers, index)

    def _found(self, answers: Answers, state: Any) -> Decision | None:
        """Return a decision that is there already: the schedule's, or one in the state."""
        if (step := _INSTEAD.get()) is not None:
            return _decision_by_schedule(step(answers.made), answers.made)
        stored = values_of(state).get(self._decision_key)
        if (
            isinstance(stored, Mapping)
            and stored.get("attempts") == answers.made
            and stored.get("action") in ("stop", *self.criterion.actions)  # those of today
        ):
            return cast("Decision", stored)
        return None

    def _made(self, answers: Answers, state: Any) -> Decision:
        """Return a new decision."""
        if not answers.kept and "generate" not in self.criterion.actions:
            raise ValueError(
                f"{self.name} found no attempt and may only revise: let it follow a node that has "
                "written an answer."
            )
        self._measured.compare(lambda: self.loop)
        weights = weights_in(values_of(state), self.criterion, self._class_weights_key)
        criterion = self._per_run.now().criterion
        attempts = self._reader.attempts(answers, state)
        if self._draw_node is not None and answers.lost is not None:
            raise ValueError(self._reader.one_at_a_time())
        if answers.lost is not None and attempts:
            return decide_on_latest(criterion, attempts[0], answers.lost, weights)
        return criterion.decide(attempts, weights)

    def __call__(self, state: Any) -> Next:
        """Return `"stop"`, `"revise"` or `"generate"`, or what `routes` has for it.

        Where several draws are to be made at once it is a list of one `Send` for each.

        Raises:
            ValueError: If several are to be made by a node that can make one at a time only.
        """
        decision = self.decide(state)
        draws = decision.get("draws", 1)
        if self._draw_node is not None and draws > 1:
            run = values_of(state).get("run")
            if isinstance(run, Mapping) and "message_id" in run:
                raise ValueError(_NODES_OF_OURS)
            return [Send(self._draw_node, state) for _ in range(draws)]
        return self._routes[decision["action"]]

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Next:
        """Return the next step as a call does, with the settings of the run of `config`."""
        if config is None:
            return self(input)
        with set_config_context(config) as context:  # LangGraph does this for nodes only
            return context.run(self, input)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Next:
        """Return the next step as `invoke` does, in a thread only where keys are compared."""
        if compares(self.answer_key):
            return await asyncio.to_thread(self.invoke, input, config)
        return self.invoke(input, config)

    @property
    def keys(self) -> dict[str, str]:
        """The keys of the state that it reads, by argument; functions of the state are left out."""
        reader = self._reader
        named = {
            "answers_key": reader.answers_key,
            "messages_key": reader.messages_key,
            "scores_key": reader.scores_key,
        }
        given = {name: key for name, key in named.items() if isinstance(key, str)}
        return given or {"attempts_key": reader.attempts_key}

    def path_map(
        self, *, stop: str = END, revise: str = "revise", generate: str = "generate"
    ) -> dict[Hashable, str]:
        """Return the path map for `add_conditional_edges`, of the edges that can be taken.

        Args:
            stop: The node to end in.
            revise: The node that revises.
            generate: The node that draws.
        """
        targets: dict[Step, str] = {"stop": stop, "revise": revise, "generate": generate}
        steps: tuple[Step, ...] = ("stop", *self.criterion.actions)
        return {self._routes[step]: targets[step] for step in steps}


def _decision_by_schedule(step: Step, made: int) -> Decision:
    """Return a schedule's step as a decision: what is read of it is the step and the parent.

    Args:
        step: The step.
        made: How many attempts there are; the latest is revised.
    """
    latest = made - 1 if made else None
    reason: Reason = "max_rounds" if step == "stop" else "gain_exceeds_cost"
    return new_decision(step, latest, made, reason, belief=0.5, parent=latest)


def _check_is_calibration(given: object) -> None:
    if isinstance(given, type):
        raise TypeError(
            f"MarkovScaleRouter takes a calibration by position, got {given.__name__}: give the "
            "class of a state as state_schema=."
        )
    if isinstance(given, Runnable) or (callable(given) and not hasattr(given, "rates")):
        raise TypeError(
            f"MarkovScaleRouter takes a calibration by position, got {given!r:.80}. "
            f"{CALLS_NO_VERIFIER}"
        )


def _complete_routes(routes: Mapping[Step, str]) -> dict[Step, str]:
    if unknown := sorted(set(routes).difference(get_args(Step))):
        raise ValueError(
            f"routes has unknown steps {', '.join(map(repr, unknown))}: the steps are "
            f"{', '.join(map(repr, get_args(Step)))}."
        )
    return {"stop": "stop", "revise": "revise", "generate": "generate", **routes}


def router_of(
    graph: CompiledStateGraph[Any, Any, Any, Any],
) -> MarkovScaleRouter | None:
    """Return the first `MarkovScaleRouter` among a graph's branches, or None.

    Args:
        graph: A compiled graph, one of `create_markovscale_graph` or one of yours.
    """
    for branches in graph.builder.branches.values():
        for branch in branches.values():
            if isinstance(branch.path, MarkovScaleRouter):
                return branch.path
    return None
