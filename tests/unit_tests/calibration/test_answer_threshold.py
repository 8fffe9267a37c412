"""The threshold of a semantic key by labelled traces, and what wrongly joined keys do to a fit."""

import math

import pytest
from langchain_core.embeddings import Embeddings
from meanings import Meanings, Reader
from simulated_loops import Loop

from langchain_markovscale import Calibration, SemanticKey, fit_semantic_key
from langchain_markovscale.answers.reading import joined_key

ANGLES = {"red fox": 0, "old owl": 10, "big bear": 25, "tiny mouse": 70}  # degrees


class Plane(Embeddings):
    """Texts are directions in a plane."""

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text):
        angle = math.radians(ANGLES[text])
        return [math.cos(angle), math.sin(angle)]


def trace_of(answers):
    attempts = [{"text": text, "correct": label} for text, label in answers.items()]
    return {"id": "q", "question": "?", "attempts": attempts}


CLEAR = trace_of({"red fox": True, "old owl": True, "big bear": False})
CONFUSED = trace_of({"red fox": True, "old owl": False})  # as alike as two right answers


def test_the_threshold_parts_right_answers_from_wrong_ones():
    found = fit_semantic_key([CLEAR] * 150, embeddings=Plane())
    assert found.key.threshold == pytest.approx(math.cos(math.radians(10)))
    assert (found.pairs, found.joined, found.wrong, found.recall) == (450, 150, 0, 1.0)
    assert found.at_least == pytest.approx((0.05 / 10) ** (1 / 150))  # 150 of 150, one of ten
    assert found.key.same("red fox", "old owl")
    assert not found.key.same("old owl", "big bear")
    assert str(found) == (
        "From a likeness of 0.985 on, 150 of 450 pairs of answers are joined, 0 of them wrongly; "
        "at least 96.5% are rightly joined, at the confidence asked for. Of the pairs that should "
        "be joined, 100% are."
    )


def test_entailment_has_a_threshold_of_its_own():
    both_ways = {("red fox", "old owl"): 0.9, ("old owl", "red fox"): 0.8}
    one_way = {("red fox", "big bear"): 0.95}
    found = fit_semantic_key([CLEAR] * 150, entailment=Reader({**both_ways, **one_way}))
    assert found.key.threshold == pytest.approx(0.8)
    assert found.key.same("old owl", "red fox")
    assert not found.key.same("red fox", "big bear")


def test_the_bound_is_exact_where_some_are_joined_wrongly():
    found = fit_semantic_key([CLEAR] * 297 + [CONFUSED] * 3, embeddings=Plane())
    assert (found.joined, found.wrong) == (300, 3)
    share = found.at_least
    at_most_three_wrong = sum(
        math.comb(300, k) * (1 - share) ** k * share ** (300 - k) for k in range(4)
    )
    assert at_most_three_wrong == pytest.approx(0.05 / 10)


@pytest.mark.parametrize("traces", [[], [CLEAR] * 50, [CLEAR] * 150 + [CONFUSED] * 20])
def test_traces_that_show_too_little_are_refused(traces):
    with pytest.raises(ValueError, match=r"traces show for no threshold that 95%.*Record more"):
        fit_semantic_key(traces, embeddings=Plane())


def test_only_what_the_model_decides_counts():
    decided = {"red fox": True, "Red fox.": True, "yes": True, "It is the red fox": True}
    unknown = {"red fox": None, "big bear": False, "tiny mouse": False}
    extra = [trace_of(decided), trace_of(unknown)] * 100
    assert fit_semantic_key([CLEAR] * 150 + extra, embeddings=Plane()).pairs == 450


@pytest.mark.parametrize("name", ["precision", "confidence"])
@pytest.mark.parametrize("value", [0, 1, 95, float("nan")])
def test_shares_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be between 0 and 1"):
        fit_semantic_key([CLEAR], embeddings=Plane(), **{name: value})


NAMES = ["old owl", "big bear", "tiny mouse", "grey wolf", "wild cat", "fat pig", "shy deer", "bat"]


def keyed(traces, key):
    """The traces with the keys that a loop would have given their answers."""
    for trace in traces:
        attempts = []
        for attempt in trace["attempts"]:
            kind, _, number = attempt["text"].partition(" ")
            text = "red fox" if kind == "right" else NAMES[int(number)]
            joined = joined_key(key(text), key, attempts)
            attempts.append({**attempt, "text": text, "key": joined})
        trace["attempts"] = attempts
    return traces


def test_wrongly_joined_answers_are_coincidences_in_a_fit():
    """κ rises and θ = 1/κ − 1 falls, so that agreement is weaker evidence."""

    def coincidence(*confused):
        traces = Loop(wrong_answers=8).traces(100, 4, 0, seed=1)
        key = SemanticKey(Meanings(*confused), threshold=0.9)
        options = {"n_classes": 1, "n_bootstrap": 20, "delivery": False}
        return Calibration.fit(keyed(traces, key), **options).rates.coincidence

    exact, joining = coincidence(), coincidence(set(NAMES[:3]), set(NAMES[3:7]))
    assert exact == pytest.approx(1 / 8, abs=0.05)
    assert joining == pytest.approx((9 + 16 + 1) / 64, abs=0.1)
    assert 1 / joining - 1 < 1 / exact - 1
