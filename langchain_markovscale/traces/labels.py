"""Right or wrong in other people's words: `C` and `I`, pass and fail, yes and no, marks."""

import re
import unicodedata
from math import isfinite
from typing import Any

_RIGHT = (
    *("1", "true", "t", "yes", "y", "c", "correct", "right", "pass", "passed", "success", "ok"),
    *("successful", "succeeded", "solved", "resolved", "accept", "accepted"),
    *("✓", "✔", "✅", "☑", "🗸", "√", "👍", "🟢", "○", "◯", "⭕"),
    # What spreadsheets write for TRUE, and people for "correct", in other languages.
    *("wahr", "richtig", "korrekt", "ja", "vrai", "correcte", "oui", "verdadero", "correcto"),
    *("sí", "verdadeiro", "correto", "certo", "sim", "vero", "corretto", "giusto", "waar"),
    *("prawda", "tak", "истина", "верно", "правильно", "да", "正确", "对", "是", "正解", "真"),
    *("はい", "정답", "네", "예", "صحيح", "نعم", "सही", "हाँ", "doğru", "evet", "đúng", "có"),
    *("benar", "ya", "σωστό", "ναι", "juste", "exact", "goed", "rätt", "accurate", "juist"),
    *("sant", "sand", "rigtigt", "rigtig", "riktig", "oikein", "tosi", "kyllä", "dobrze"),
    *("poprawne", "poprawna", "helyes", "igaz", "igen", "správně", "pravda", "ano", "corect"),
    *("adevărat", "правда", "верный", "так", "правильний", "對"),
    *("正確", "맞음", "참", "真的", "ถูก"),
)
_WRONG = (
    *("0", "false", "f", "no", "n", "i", "incorrect", "wrong", "fail", "failed", "failure"),
    *("unsuccessful", "unsolved", "unresolved", "reject", "rejected"),
    *("✗", "✘", "❌", "✖", "☒", "🗙", "×", "👎", "🔴"),
    *("falsch", "inkorrekt", "nein", "faux", "incorrecte", "non", "falso", "incorrecto"),
    *("incorreto", "errado", "não", "nao", "errato", "sbagliato", "onwaar", "onjuist", "nee"),
    *("fałsz", "nie", "ложь", "неверно", "неправильно", "нет", "错误", "错", "否", "不正解", "假"),
    *(
        "いいえ",
        "오답",
        "아니요",
        "아니오",
        "خطأ",
        "لا",
        "गलत",
        "नहीं",
        "yanl\u0131ş",
        "hay\u0131r",
        "sai",
    ),
    *("không", "salah", "tidak", "λάθος", "όχι", "inexact", "fout", "fel", "inaccurate", "yanliş"),
    *("falskt", "falsk", "forkert", "feil", "nej", "nei", "väärin", "epätosi", "ei", "źle"),
    *("niepoprawne", "niepoprawna", "helytelen", "hamis", "nem", "špatně", "nepravda", "greșit"),
    *("fals", "неверный", "ні", "неправильний", "錯", "錯誤", "틀림", "거짓", "ผิด", "✕", "❎"),
)
_UNKNOWN = (
    *("", "nan", "none", "null", "nil", "na", "<na>", "n/a", "#n/a", "n.a", "#nv", "k.a", "-"),
    *("–", "—", "?", "unknown", "missing", "skipped", "error", "not applicable", "not available"),
)

_POINTS = re.compile(r"(\d{1,4}(?:[.,]\d{1,4})?)\s?(?:/|out of)\s?(\d{1,4}(?:[.,]\d{1,4})?)")
_LABELS: dict[str, bool | None] = {
    **dict.fromkeys(map(str.casefold, _RIGHT), True),
    **dict.fromkeys(map(str.casefold, _WRONG), False),
    **dict.fromkeys(_UNKNOWN, None),
}


def is_label(value: Any) -> bool:
    """Return whether a value says right, wrong or unknown."""
    return _folded(value) in _LABELS


def label_of(value: Any) -> bool | None:
    """Return whether a value says right or wrong; None where it says neither.

    Args:
        value: A word for right or wrong in any case, a mark such as ✓ or ✗, a boolean, or 1 or 0 in
            any form (`1.0`, `0,0`). Everything else, fractions included, is unknown.
    """
    return _LABELS.get(_folded(value))


def score_of(value: Any) -> float | None:
    """Return a value as a verifier's score; None where it is no number in [0, 1].

    Args:
        value: A number or its text, with a decimal point or comma, a percentage with its sign, or
            points of a scale, as in `4/5` and `4 out of 5`; words for right and wrong are 1 and 0.
    """
    text = _folded(value)
    if points := _POINTS.fullmatch(text):
        reached, most = (float(each.replace(",", ".")) for each in points.groups())
        return reached / most if reached <= most > 0 else None
    number = _number(text.removesuffix("%").rstrip())
    if number is None:
        label = _LABELS.get(text)
        return None if label is None else float(label)
    if text.endswith("%"):
        number /= 100
    return number if 0 <= number <= 1 else None


def graded(value: Any) -> float | None:
    """Return a value as a number that is neither 0 nor 1; None where it is none."""
    number = _number(_folded(value))
    return None if number in (0, 1) else number


def is_blank(value: Any) -> bool:
    """Return whether a value says that nothing is known."""
    return _LABELS.get(_folded(value), True) is None


def _folded(value: Any) -> str:
    if isinstance(value, (dict, list, tuple)):
        return "not a word"
    # A variation selector makes a mark an emoji; ✓ and ✓ with it are one mark.
    text = unicodedata.normalize("NFKC", str(value)).replace("\ufe0f", "")
    text = text.strip().casefold().rstrip(".!").strip()
    number = _number(text)
    return str(int(number)) if number in (0, 1) else text


def _number(text: str) -> float | None:
    if not text or text[0] not in "+-.,0123456789" or "_" in text:
        return None
    try:
        number = float(text.replace(",", ".", 1))
    except ValueError:
        return None
    return number if isfinite(number) else None
