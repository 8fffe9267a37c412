import asyncio
import threading

import pytest
from fakes import ScriptedModel, always, reply
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableLambda

from langchain_markovscale import AgreementVerifier

pytestmark = pytest.mark.filterwarnings("ignore:AgreementVerifier is deprecated:DeprecationWarning")


def test_it_is_deprecated_and_says_what_to_use_instead():
    instead = r'actions=\("generate",\) and an answer key'
    with pytest.warns(DeprecationWarning, match=instead) as warned:
        AgreementVerifier(RunnableLambda(str))
    assert warned[0].filename == __file__


def asked(answer="It is 4.", key="4"):
    return {"question": "2 + 2?", "answer": answer, "key": key}


def replying(*replies):
    """A model that gives one reply after another, whoever asks."""
    return ScriptedModel(script=list(replies))


def test_the_score_is_the_share_of_draws_that_agree():
    verifier = AgreementVerifier(replying("4", "so 4.0", "5", "no idea"))
    assert verifier.invoke(asked())["score"] == 0.5


async def test_awaiting_gives_the_same():
    verifier = AgreementVerifier(replying("4", "so 4.0", "5"), draws=3)
    assert (await verifier.ainvoke(asked()))["score"] == pytest.approx(2 / 3)


def test_an_answer_without_a_key_is_read():
    verifier = AgreementVerifier(replying("4", "4", "5", "4"))
    assert verifier.invoke(asked("The result: 4", key=None))["score"] == 0.75


def test_an_unreadable_answer_costs_nothing_and_has_no_score():
    verdict = AgreementVerifier(replying()).invoke(asked("I do not know", key=None))
    assert verdict["score"] is None
    assert verdict["usage"]["calls"] == 0


def test_answers_are_compared_by_the_key_that_is_given():
    verifier = AgreementVerifier(replying("B", "(b)", "A", "C"), answer_key="choice_letter")
    assert verifier.invoke(asked("The answer is B", key=None))["score"] == 0.5


def test_the_draws_usage_adds_up():
    verifier = AgreementVerifier(replying(*[reply("4", 7, 2)] * 3, AIMessage("4")))
    assert verifier.invoke(asked())["usage"] == {
        "calls": 4,
        "input_tokens": 21,
        "output_tokens": 6,
        "unknown": 1,
    }


def test_the_draws_are_made_at_once():
    together = threading.Barrier(5, timeout=30)

    def reply(messages):
        together.wait()
        return "4"

    assert AgreementVerifier(RunnableLambda(reply), draws=5).invoke(asked())["score"] == 1


async def test_the_draws_are_awaited_at_once():
    waiting = []
    everybody = asyncio.Event()

    async def reply(messages):
        waiting.append(messages)
        if len(waiting) == 5:
            everybody.set()
        await asyncio.wait_for(everybody.wait(), timeout=30)
        return "4"

    verifier = AgreementVerifier(RunnableLambda(lambda _: "4", afunc=reply), draws=5)
    assert (await verifier.ainvoke(asked()))["score"] == 1


def test_the_model_is_asked_the_question():
    seen = []
    model = RunnableLambda(lambda messages: seen.append(messages) or "4")
    AgreementVerifier(model, draws=1).invoke(asked())
    AgreementVerifier(
        model, draws=1, messages=lambda question: [SystemMessage("Count."), HumanMessage(question)]
    ).invoke(asked())
    assert seen == [
        [HumanMessage("2 + 2?")],
        [SystemMessage("Count."), HumanMessage("2 + 2?")],
    ]


def test_draws_are_traced_and_kept_out_of_the_stream():
    class Listener(BaseCallbackHandler):
        runs = ()

        def on_chat_model_start(self, serialized, messages, *, run_id, tags, name, **kwargs):
            self.runs = (*self.runs, (run_id, name, "nostream" in tags))

    listener = Listener()
    AgreementVerifier(always("4"), draws=3).invoke(asked(), {"callbacks": [listener]})
    assert len({run_id for run_id, _, _ in listener.runs}) == 3
    assert {(name, quiet) for _, name, quiet in listener.runs} == {("draw", True)}


def test_errors_of_the_model_rise():
    with pytest.raises(ConnectionError, match="down"):
        AgreementVerifier(always(ConnectionError("down"))).invoke(asked())


def test_a_model_that_returns_no_text_is_refused():
    with pytest.raises(TypeError, match="returned int; it must return a message or a str"):
        AgreementVerifier(RunnableLambda(lambda _: 4)).invoke(asked())


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="draws must be at least 1, got 0"):
        AgreementVerifier(replying(), draws=0)
