"""Answers that say the same have one key, wherever answers have keys."""

import asyncio
import itertools
import pickle
import sys
import threading
from types import SimpleNamespace

import pytest
from fakes import REPAIRING, ScriptedModel
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from meanings import CLOSED, ENDED, RENT, SHUT, Meanings, Reader

from langchain_markovscale import (
    ChatMarkovScale,
    MarkovScaleMiddleware,
    MarkovScaleRouter,
    SemanticKey,
    create_markovscale_graph,
    traces_from_messages,
)
from langchain_markovscale.answers import semantics
from langchain_markovscale.answers.keys import resolve_answer_key
from langchain_markovscale.answers.reading import joined_key, read_answer, read_key
from langchain_markovscale.recording.graders import resolve_grader

DRAWS = {"actions": ("generate",), "max_rounds": 4, "cost_per_round": 1e-9}


@pytest.fixture
def model():
    return Meanings({CLOSED, SHUT, ENDED})


@pytest.fixture
def key(model):
    return SemanticKey(model, threshold=0.9)


def keys_of(key, *texts):
    """The keys of answers in their order, as a loop gives them."""
    attempts = []
    for text in texts:
        found, _ = read_key(read_answer(text), key)
        attempts.append({"key": joined_key(found, key, attempts)})
    return [attempt["key"] for attempt in attempts]


def loop_of(key, *answers, **options):
    lines = iter(answers)
    return create_markovscale_graph(
        generate=lambda request: next(lines),
        verifier=None,
        calibration=REPAIRING,
        answer_key=key,
        **{**DRAWS, **options},
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**Canberra.**", "canberra"),
        ("Answer: 75.0", "75"),
        ("<think>Sydney?</think>\nThe final answer is: The  bakery\nclosed.", "The bakery closed."),
        ("...", None),
        ("", None),
    ],
)
def test_a_key_is_the_text_in_a_line_or_the_canonical_form_of_a_word(key, text, expected):
    assert key(text) == expected


def test_an_answer_without_words_says_why_it_has_no_key(key):
    assert read_key(read_answer("***"), key) == (None, {"no_key": "no_text"})


def test_the_first_of_equal_answers_names_them_all(key):
    assert keys_of(key, CLOSED, RENT, SHUT, ENDED) == [CLOSED, RENT, CLOSED, CLOSED]
    assert keys_of(key, SHUT, RENT, CLOSED) == [SHUT, RENT, SHUT]


def test_a_run_that_is_resumed_goes_the_same_way(key, model):
    before = keys_of(key, CLOSED, RENT)
    elsewhere = pickle.loads(pickle.dumps(key))
    attempts = [{"key": each} for each in before]
    assert joined_key(SHUT, elsewhere, attempts) == joined_key(SHUT, key, attempts) == CLOSED
    assert elsewhere.threshold == key.threshold


def test_short_answers_are_compared_without_the_model(key, model):
    assert keys_of(key, "B", "b.", "75", "$75.00", "Paris", "Lyon") == [
        *("b", "b", "75", "75", "paris", "lyon")
    ]
    assert keys_of(key, "Paris", "The capital is Paris.") == ["paris", "paris"]
    assert model.asked == []


def test_an_answer_that_is_there_in_another_spelling_is_not_left_to_the_model(key, model):
    assert keys_of(key, RENT, CLOSED, f"**{RENT.upper()}**") == [RENT, CLOSED, RENT]
    assert RENT.upper() not in model.asked


def test_what_is_easily_missed_is_not_left_to_the_model():
    answers = ("It is open at 9 am.", "It is open at 9 pm.", "It isn't open at 9 am.")
    key = SemanticKey(Meanings(set(answers)), threshold=0.1)
    assert keys_of(key, *answers) == list(answers)


def test_texts_too_long_for_a_model_are_compared_by_their_canonical_form():
    long = "The owner retired. " * 60
    model = Meanings({long.strip(), CLOSED})
    key = SemanticKey(model, threshold=0.1)
    assert len(set(keys_of(key, long, CLOSED, long.lower()))) == 2
    assert model.asked == []


def test_each_text_is_read_by_the_model_once(key, model):
    for _ in range(3):
        keys_of(key, CLOSED, RENT, SHUT)
    assert sorted(model.asked) == sorted({CLOSED, RENT, SHUT})


def test_entailment_must_hold_both_ways():
    key = SemanticKey(entailment=Reader({(CLOSED, SHUT): 0.9, (SHUT, CLOSED): 0.8,
                                         (CLOSED, RENT): 0.9}))  # fmt: skip
    assert key.threshold == 0.5
    assert keys_of(key, CLOSED, SHUT, RENT) == [CLOSED, CLOSED, RENT]
    assert keys_of(SemanticKey(entailment=key.likeness.model, threshold=0.85), CLOSED, SHUT) == [
        *(CLOSED, SHUT)
    ]


@pytest.mark.parametrize("threshold", [0, -0.1, 1.01, float("nan"), True])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(ValueError, match=r"threshold must be above 0 and at most 1"):
        SemanticKey(Meanings(), threshold=threshold)


def test_what_makes_no_key_is_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"threshold must be given.*fit_semantic_key"):
        SemanticKey(Meanings())
    with pytest.raises(ValueError, match=r"give one of them"):
        SemanticKey(Meanings(), entailment=Reader({}), threshold=0.5)
    with pytest.raises(TypeError, match=r"embeddings must have embed_documents.*got int"):
        SemanticKey(3, threshold=0.5)
    with pytest.raises(TypeError, match=r"entailment must be a cross-encoder.*got Meanings"):
        SemanticKey(entailment=Meanings())
    with pytest.raises(ValueError, match=r"must end in a threshold.*'semantic:high'"):
        resolve_answer_key("semantic:high")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ModuleNotFoundError, match=r"langchain-markovscale\[nli\]"):
        resolve_answer_key("semantic")


def test_a_model_that_returns_nan_is_an_error():
    class Broken(Meanings):
        def embed_documents(self, texts):
            return [[float("nan"), 1.0] for _ in texts]

    with pytest.raises(ValueError, match=r"returned NaN"):
        keys_of(SemanticKey(Broken(), threshold=0.5), CLOSED, SHUT)


def test_keys_of_a_loop_are_joined(key):
    attempts = loop_of(key, CLOSED, RENT, SHUT, ENDED).invoke({"question": "Why?"})["attempts"]
    assert [attempt["key"] for attempt in attempts[:3]] == [CLOSED, RENT, CLOSED]


async def test_the_event_loop_goes_on_while_answers_are_compared(key, model):
    loop_runs = threading.Event()

    class Waiting(Meanings):
        def embed_documents(self, texts):
            assert loop_runs.wait(10), "the event loop stands still"
            return super().embed_documents(texts)

    key = SemanticKey(Waiting(*model.groups), threshold=0.9)
    graph = loop_of(key, CLOSED, RENT, SHUT, max_rounds=3)
    run = asyncio.create_task(graph.ainvoke({"question": "Why?"}))
    router = MarkovScaleRouter(REPAIRING, answers_key="drafts", answer_key=key, **DRAWS)
    routed = asyncio.create_task(router.ainvoke({"drafts": [CLOSED, SHUT]}))
    for _ in range(200):
        await asyncio.sleep(0.001)
    loop_runs.set()
    assert [attempt["key"] for attempt in (await run)["attempts"]] == [CLOSED, RENT, CLOSED]
    assert await routed in ("stop", "generate")


def test_agreement_in_other_words_raises_the_belief_of_a_router(key):
    router = MarkovScaleRouter(REPAIRING, answers_key="drafts", answer_key=key, **DRAWS)
    agreeing = router.decide({"drafts": [CLOSED, SHUT, ENDED]})["belief"]
    assert agreeing > router.decide({"drafts": [CLOSED, SHUT, RENT]})["belief"] > 0.5


def test_past_conversations_have_joined_keys(key):
    messages = [HumanMessage("Why?"), AIMessage(CLOSED), HumanMessage("Sure?"), AIMessage(SHUT)]
    bare = {"action": "generate", "parent": None}
    state = {"question": "Why?", "attempts": [{"text": CLOSED, **bare}, {"text": SHUT, **bare}]}
    for trace in traces_from_messages([messages, state], answer_key=key):
        assert [attempt["key"] for attempt in trace["attempts"]] == [CLOSED, CLOSED]


def test_a_chat_model_believes_in_agreement_in_other_words(key):
    beliefs = [
        ChatMarkovScale(graph=loop_of(key, CLOSED, second, "Who knows?", max_rounds=3))
        .invoke("Why?")
        .response_metadata["markovscale"]["belief"]
        for second in (SHUT, RENT)
    ]
    assert beliefs[0] > beliefs[1]


@pytest.mark.parametrize(
    ("answer", "right"), [(SHUT, True), (RENT, False), (CLOSED.upper(), True), ("...", False)]
)
def test_an_answer_is_graded_by_what_it_says(key, answer, right):
    assert resolve_grader("exact", key)(answer, CLOSED) is right


def test_a_reference_without_words_is_refused(key):
    with pytest.raises(ValueError, match=r"reference '\*\*\*' has no key"):
        resolve_grader("exact", key).read("***")


def test_the_default_is_loaded_once_and_takes_a_threshold_from_its_name(monkeypatch):
    loaded = []

    class SentenceTransformer:
        def __init__(self, name):
            loaded.append(name)

        def encode(self, text, show_progress_bar):
            return Meanings({CLOSED, SHUT}).embed_query(text)

    library = SimpleNamespace(SentenceTransformer=SentenceTransformer)
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    monkeypatch.setattr(semantics, "DEFAULT_EMBEDDINGS", "some/model")
    keys = [resolve_answer_key(name) for name in ("semantic", "semantic", "semantic:0.5")]
    assert [key.threshold for key in keys] == [0.88, 0.88, 0.5]
    assert keys_of(keys[0], CLOSED, SHUT) == [CLOSED, CLOSED]
    assert pickle.loads(pickle.dumps(keys[2])).threshold == 0.5
    assert loaded == ["some/model"]


def test_the_default_model_is_not_asked_about_other_scripts(monkeypatch):
    one, other = "\u4e1c\u4eac\u662f\u9996\u90fd", "\u9996\u90fd\u662f\u4e1c\u4eac"
    asked = Meanings({one, other})
    monkeypatch.setattr(semantics, "DEFAULT_EMBEDDINGS", asked)
    assert len(set(keys_of(SemanticKey(), one, other))) == 2
    assert asked.asked == []
    multilingual = SemanticKey(Meanings({one, other}), threshold=0.9)
    assert keys_of(multilingual, one, other) == [one, one]


def test_threads_ask_the_model_one_at_a_time(model):
    busy = threading.Lock()

    class Watched(Meanings):
        def embed_documents(self, texts):
            assert busy.acquire(blocking=False), "two threads at once"
            try:
                return super().embed_documents(texts)
            finally:
                busy.release()

    watched = Watched()
    key = SemanticKey(watched, threshold=0.9)
    texts = [(f"{CLOSED} {word}", f"{RENT} {word}") for word in ("so", "then", "also", "there")]
    threads = [threading.Thread(target=keys_of, args=(key, *pair)) for pair in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(watched.asked) == sorted(itertools.chain(*texts))


def test_keys_of_an_agent_are_joined(key):
    loop = MarkovScaleMiddleware(
        verifier=None, calibration=REPAIRING, answer_key=key, **{**DRAWS, "max_rounds": 3}
    )
    model = ScriptedModel(script=[CLOSED, RENT, SHUT])
    agent = create_agent(model, [], middleware=[loop])
    events = agent.stream({"messages": [HumanMessage("Why?")]}, stream_mode="custom")
    attempts = [event["attempt"]["key"] for event in events if event["type"] == "attempt"]
    assert attempts == [CLOSED, RENT, CLOSED]


def test_a_model_that_cannot_be_fetched_is_named(monkeypatch):
    def fail(name):
        raise OSError("We couldn't connect.\nCheck your connection.")

    library = SimpleNamespace(SentenceTransformer=fail, CrossEncoder=fail)
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    for given in ({"embeddings": "no/model"}, {"entailment": "no/model"}):
        with pytest.raises(OSError, match=r"'no/model', .* \(We couldn't connect\): check"):
            SemanticKey(**given, threshold=0.5)
