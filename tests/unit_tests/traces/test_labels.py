import numpy as np
import pytest

from langchain_markovscale.traces.labels import is_blank, is_label, label_of, score_of

RIGHT = [
    *("1", "1.0", "1,0", "true", "TRUE", "C", "c", "correct", "Correct", "right", "pass", "PASS"),
    *("passed", "yes", "Y", "ok", "✓", "✔", "✔\ufe0f", "✅", "√"),
]
WRONG = [
    *("0", "0.0", "0,0", "false", "False", "I", "i", "incorrect", "wrong", "fail", "FAILED", "no"),
    *("N", "✗", "✘", "❌", "✖\ufe0f", "×"),
]
LOCAL = [("WAHR", "FALSCH"), ("ja", "nein"), ("vrai", "faux"), ("sí", "no"), ("正确", "错误")]
LOCAL += [
    ("정답", "오답"),
    ("はい", "いいえ"),
    ("صحيح", "خطأ"),
    ("सही", "गलत"),
    ("Doğru", "yanl\u0131ş"),
]
LOCAL += [("Korrekt", "forkert"), ("juist", "onjuist"), ("правда", "ложь"), ("DOĞRU", "YANLIŞ")]
LOCAL += [("dobrze", "źle"), ("oikein", "väärin"), ("對", "錯"), ("맞음", "틀림"), ("○", "✕")]
LOCAL += [("đúng", "sai"), ("benar", "salah"), ("ΣΩΣΤΌ", "λάθος"), ("верно", "неверно")]
UNKNOWN = ["", " ", "N/A", "n/a", "NA", "NaN", "none", "null", "#N/A", "-", "–", "?", None]


@pytest.mark.parametrize("word", [*RIGHT, *(right for right, _ in LOCAL), True, 1, np.bool_(True)])
def test_a_word_for_right(word):
    assert label_of(word) is True


@pytest.mark.parametrize("word", [*WRONG, *(wrong for _, wrong in LOCAL), False, 0.0, np.int64(0)])
def test_a_word_for_wrong(word):
    assert label_of(word) is False


@pytest.mark.parametrize("word", [*UNKNOWN, float("nan")])
def test_a_word_for_unknown(word):
    assert (label_of(word), is_label(word), is_blank(word)) == (None, True, True)


@pytest.mark.parametrize("word", ["P", "partly", "x", "0.5", "2", "10", "1_0", 0.5, [1], {"a": 1}])
def test_what_says_neither_is_no_label(word):
    assert (label_of(word), is_label(word)) == (None, False)


@pytest.mark.parametrize("mark", [" Correct. ", "correct!", "\uff43orrect"])
def test_a_word_may_be_written_in_other_ways(mark):
    assert label_of(mark) is True


@pytest.mark.parametrize(
    ("cell", "score"),
    [
        *((".9", 0.9), ("0,25", 0.25), ("95%", 0.95), ("95 %", 0.95), (1, 1.0), ("0", 0.0)),
        *(("pass", 1.0), ("✗", 0.0), ("", None), ("8", None), ("-1", None), ("1e400", None)),
        *(("4/5", 0.8), ("8 / 10", 0.8), ("3,5 out of 5", 0.7), ("6/5", None), ("1/0", None)),
        *(("inf", None), ("1,000", 1.0), ("high", None), (float("nan"), None), ([0.5], None)),
    ],
)
def test_a_score_is_a_number_up_to_one_or_a_share(cell, score):
    assert score_of(cell) == score
