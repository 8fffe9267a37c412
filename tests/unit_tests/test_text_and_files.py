"""Text is made valid where it comes in, and files are written whole or not at all."""

import os
import stat

import pytest
from fakes import ScriptedModel
from hypothesis import given, strategies as st
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage

from langchain_markovscale import Calibration, create_markovscale_graph, record_traces
from langchain_markovscale._files import is_same_file, replacing, write_text
from langchain_markovscale._text import (
    HIDDEN,
    all_valid,
    folded,
    harmless,
    name_of,
    unhidden,
    unjoined,
    valid,
)
from langchain_markovscale.recording.past_runs import traces_from_messages
from langchain_markovscale.recording.questions import as_questions, parse_questions
from langchain_markovscale.verifiers.documents import documents_of
from langchain_markovscale.verifiers.verdicts import text_of, to_verdict

HALVES = ["\ud83d", "\ude00", "a\ud83d", "\udce9b", "\ude00\ud83d", "x" * 1000 + "\udfff"]


@given(st.text(st.characters(codec=None) | st.sampled_from("\ud83d\ude00\udce9")))
def test_text_becomes_valid_and_then_stays(text):
    mended = valid(text)
    mended.encode()
    assert valid(mended) == mended
    assert len(mended) <= len(text)


def test_halves_that_belong_together_are_joined():
    assert valid("a\ud83d\ude00b\ud83d") == "a😀b\ufffd"
    assert all_valid(["\ud83d", {"\ude00": ("\ud83d", 1)}]) == ["\ufffd", {"\ufffd": ("\ud83d", 1)}]


@given(st.text())
def test_a_folded_text_is_as_long_as_it_was_and_stays(text):
    plain = folded(text)
    assert len(plain) == len(text)
    assert folded(plain) == plain
    assert not set(unhidden(text)) & {"\u200b", "\u202e", "\r", "\u2028"}


def test_what_looks_like_ascii_is_folded_to_it_and_nothing_else():
    for text in ("\uff30\uff21\uff33\uff33", "\U0001d40f\U0001d400\U0001d412\U0001d412"):
        assert folded(text) == "PASS"
    assert folded("\u0420\u0391\u0405\ua731 \u00e9") == "PASS e"
    assert folded("\u00bd \ufb01 \ud55c \u4e2d") == "\u00bd \ufb01 \ud55c \u4e2d"
    assert unhidden("a\u2028b\r\nc\u200bd") == "a\nb\ncd"
    assert unjoined("P\u0301A\u200dSS") == "PASS"


@pytest.mark.parametrize("half", HALVES)
def test_every_door_makes_text_valid(half):
    whole = valid(half)
    assert text_of(half) == text_of(AIMessage(half)) == whole
    assert to_verdict((0.5, half))["feedback"] == whole
    given_with = {"question": "", "answer": "", "key": None, "context": [Document(half), half]}
    assert documents_of(given_with, None, "v") == [whole, whole]
    (question,) = as_questions([{"id": half, "question": half, "reference": half}])
    assert question[:3] == (whole, whole, whole)
    line = '{"question": "\\ud83d cut"}'
    assert parse_questions([line], "a file")[0].text == "\ufffd cut"
    (trace,) = traces_from_messages([[HumanMessage(half), AIMessage(half)]])
    assert (trace["question"], trace["attempts"][0]["text"]) == (whole, whole)


class Sending(ScriptedModel):
    """Encodes what it is sent, as every client of an API does."""

    def _generate(self, messages, *args, **kwargs):
        for message in messages:
            str(message.content).encode()
        return super()._generate(messages, *args, **kwargs)


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("form", ["question", "messages", "blocks", "before"])
def test_a_loop_sends_and_returns_valid_text(half, form):
    graph = create_markovscale_graph(
        Sending(script=[AIMessage(f"{half} 4")] * 3),
        verifier=lambda answer: (0.5, half),
        answer_key="last_number",
        calibration=Calibration.from_rates(initial=0.2, repair=0.5, corruption=0.1),
        actions=("revise",),
        cost_per_round=0,
        max_rounds=3,
    )
    request = {
        "question": {"question": f"2 + 2? {half}"},
        "messages": {"messages": [HumanMessage(f"2 + 2? {half}")]},
        "blocks": {"messages": [HumanMessage([{"type": "text", "text": half}])]},
        "before": {"messages": [HumanMessage("a"), AIMessage(half), HumanMessage("2 + 2?")]},
    }
    state = graph.invoke(request[form])
    assert len(state["attempts"]) >= 2
    assert state["answer"] == f"{valid(half)} 4"
    assert {attempt["feedback"] for attempt in state["attempts"]} == {valid(half)}


def test_a_reply_that_was_cut_is_recorded(tmp_path):
    graph = create_markovscale_graph(
        Sending(script=[AIMessage("4 \ud83d")] * 4), verifier=None, answer_key="last_number"
    )
    recording = record_traces(
        graph,
        [("2 + 2? \ud83d", "4")],
        path=tmp_path / "traces.jsonl",
        revisions=1,
        fresh_starts=2,
        grader="exact",
        answer_key="last_number",
    )
    assert (recording.recorded, recording.failed) == (1, {})


@pytest.mark.usefixtures("few_simulated_questions")
def test_a_name_that_is_no_utf8_can_be_written_down(tmp_path):
    name = os.fsdecode(b"caf\xe9.json")
    assert name_of(name) == r"caf\xe9.json"
    calibration = Calibration.from_rates(
        initial=0.6, repair=0.3, corruption=0.1, sensitivity=0.9, specificity=0.8, source=name
    )
    calibration.save(tmp_path / name)
    assert Calibration.load(tmp_path / name).source == name
    for text in (calibration.report().text, calibration.report().markdown):
        text.encode()


def test_harmless_text_has_nothing_hidden():
    hostile = "".join(map(chr, range(0x20))) + "\x9b\u202e\u2066\u200f\u2028\ufeff\U000e0041\ud800"
    shown = harmless(hostile)
    assert shown.count("\t") == shown.count("\n") == 1
    assert set(shown) == {"\t", "\n", "\ufffd"}
    joined = "naïve 👩\u200d🔬 — ≤\r\n\tx"
    assert harmless(joined) == joined.replace("\r", "")
    assert "\u200d" not in HIDDEN


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a"
    write_text(path, "old")
    path.chmod(0o640)
    with pytest.raises(ValueError, match="broken off"), replacing(path) as file:  # noqa: PT012
        file.write(b"new")
        raise ValueError("broken off")
    assert path.read_text() == "old"
    write_text(path, "new \ud83d")
    assert path.read_text() == "new \\ud83d"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208
    with pytest.raises(IsADirectoryError):
        write_text(tmp_path, "x")


def test_no_link_that_somebody_laid_is_written_through(tmp_path):
    """Nobody can guess the draft's name; a link at the target is the user's own: it is followed."""
    theirs, path = tmp_path / "theirs", tmp_path / "calibration.json"
    theirs.write_text("theirs")
    for name in ("calibration.json.tmp", f".calibration.json.{os.getpid()}.part"):
        (tmp_path / name).symlink_to(theirs)
    Calibration.training_free().save(path)
    assert theirs.read_text() == "theirs"
    assert Calibration.load(path)
    link = tmp_path / "link"
    link.symlink_to(path)
    write_text(link, "{}")
    assert (link.is_symlink(), path.read_text()) == (True, "{}")


def test_a_long_name_and_a_device_can_be_written_to(tmp_path):
    write_text(tmp_path / ("n" * 255), "x")
    write_text("/dev/null", "x")


def test_files_are_the_same_by_every_way_to_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("")
    (tmp_path / "soft").symlink_to("a")
    (tmp_path / "hard").hardlink_to("a")
    for other in ("a", "./a", tmp_path / "a", "soft", "hard"):
        assert is_same_file("a", other)
    assert is_same_file("new", "./new")
    assert not is_same_file("a", "new")
