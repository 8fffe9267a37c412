"""Whether two answers differ in what is easily missed: a number, a name, a "not", who did what.

A language model puts "Anna beat Ben" beside "Ben beat Anna", and "open at 9 am" beside "open at
9 pm", because nearly all of their words are the same. What tells such answers apart is small and
exact, so it is compared exactly, and what remains is left to the model. The short lists are of
English; the rest holds in any language with spaces between its words.
"""

import re
from collections import Counter
from functools import lru_cache
from typing import Literal, NamedTuple

from langchain_markovscale.answers.numerals import NUMERAL, canonical_number, plain_digits
from langchain_markovscale.answers.spelling import normalized_text

Difference = Literal["number", "negation", "name", "word", "order"]
"""What two answers differ in, so that they are not the same whatever a model says."""


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_TOKEN = re.compile(
    r"(?<!\S)-\d+(?:[./]\d+)*|[^\W_]+(?:['\u2019.][^\W_]+)*(?:\+\+|\#(?!\w))?"
    r"|[$€£¥%<>=\u2264\u2265\u2260]|(?<=\s)[-+*/^](?=\s)"
)
_SAYING_LITTLE = _words(
    "a an the is are was were be been being it its that this these those of to in on at for with "
    "by from as and or so do does did has have had will would which there your their our yes also "
    "then than degree degrees about mainly answer"
)
_ONE_WORD = """km kilometre kilometer, kg kilogram kilo, cm centimetre centimeter, mg milligram
mm millimetre millimeter, ml millilitre milliliter, h hour, min minute, sec second, ms millisecond
litre liter, gram gramme, lb pound, kb kilobyte, mb megabyte, gb gigabyte, tb terabyte
c celsius, f fahrenheit, m metre meter, $ dollar usd, € euro eur, £ gbp, % percent
dr doctor, mr mister, mrs missus, st street
jan january, feb february, aug august, sept september, oct october, nov november, dec december
can't cannot, i me, he him, they them
beat beaten, begin began begun, bite bit bitten, blow blew blown, break broke broken
bring brought, build built, buy bought, catch caught, choose chose chosen, draw drew drawn
drink drank drunk, drive drove driven, eat ate eaten, fall fell fallen, feed fed, feel felt
fight fought, find found, fly flew flown, forget forgot forgotten, freeze froze frozen
get got gotten, give gave given, go went gone, grow grew grown, hear heard, hide hid hidden
hold held, keep kept, know knew known, lead led, lend lent, lose lost, make made, mean meant
meet met, pay paid, ride rode ridden, ring rang rung, rise rose risen, run ran, say said
see saw seen, seek sought, sell sold, send sent, shake shook shaken, shoot shot, show shown
sing sang sung, sink sank sunk, sleep slept, speak spoke spoken, spend spent, stand stood
steal stole stolen, strike struck, swim swam swum, take took taken, teach taught
tear tore torn, tell told, think thought, throw threw thrown, understand understood
wear wore worn, win won, write wrote written"""
_SAME_WORD = {
    form: forms.split()[0] for forms in re.split(r"[,\n]", _ONE_WORD) for form in forms.split()
}
_UP_TO_TWENTY = """zero one two three four five six seven eight nine ten eleven twelve thirteen
fourteen fifteen sixteen seventeen eighteen nineteen twenty"""
_TENS = "ten twenty thirty forty fifty sixty seventy eighty ninety"
_IN_WORDS = {
    **{word: str(number) for number, word in enumerate(_UP_TO_TWENTY.split())},
    **{word: f"{number}0" for number, word in enumerate(_TENS.split(), start=1)},
}
del _IN_WORDS["one"]  # often no number: "the red one"
_NUMBER_WORDS = _words(
    "hundred thousand million billion half quarter third dozen double triple once twice"
)
_NEGATIONS = _words(
    "not no never none neither nor nobody nothing nowhere without cannot hardly unable impossible "
    "forbidden"
)
_NEGATING_VERBS = _words("fail refuse deny lack exclude forbid prohibit ban")
_NEGATING = re.compile(r"(?:un|in|im|il|ir|dis|non)(?=\w{3})")
_DECISIVE = _words(
    "will would shall may might could should must only almost nearly until since unless if or from "
    "against some most few many all every each any more less fewer before after new north south "
    "east west"
)
"""Small words that make another statement of a sentence that is otherwise the same."""

_ENDINGS = [
    *(("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("ly", ""), ("er", "")),
    ("e", ""),
]
_DETERMINERS = ("the", "a", "an", "her", "his", "their", "my", "its", "your", "our")
_ITEM = rf"(?:(?:{'|'.join(_DETERMINERS)}) )?(?:--)?(?<!\w)\w++"
_WITHIN_LIST = r"(?<!\w, )" + "".join(rf"(?<!\b{word} )" for word in _DETERMINERS)
_LIST = re.compile(rf"{_WITHIN_LIST}{_ITEM}(?:, {_ITEM})*,? (?:and|or|&) {_ITEM}", re.IGNORECASE)
_BETWEEN_ITEMS = re.compile(r",? (?:and|or|&) |, ", re.IGNORECASE)
_AM_PM = re.compile(r"\b([ap])\.m\b\.?", re.IGNORECASE)
_YES_NO = re.compile(r"\W*(yes|no)\b\s*[,.:;!\u2013\u2014]", re.IGNORECASE)
_BEGINS = re.compile(r"(?:\A|[.!?:\n])[^\w]*\Z")
_COPULA = "(?:is|are|was|were|am)"
_LEADS_TO_ANSWER = rf"(?:\b(?:{_COPULA}|by)|\b(?:it|that|he|she)'s)"
_CLAUSES = re.compile(r"[;:,]|[.!?]\s|\b(?:but|and|or|while)\b", re.IGNORECASE)
_PREPOSITION = re.compile(r"(?:in|on|at|because|by|from|to|during|after|before|with)\b")
_SHORT = 4  # words of an answer that a sentence may restate


def differ(one: str, other: str) -> Difference | None:
    """Return what two answers differ in that is easily missed; None where they don't.

    Two answers are not the same if their numbers differ; if one says "not" oftener, or "unsafe"
    where the other says "safe"; if each names somebody whom the other does not; if they are one
    sentence in which a word stands in place of another, or a small word such as "only" is added; or
    if their words are the same in an order that is neither that of a passive, nor of an
    enumeration, nor of a clause that was moved. Two texts are taken for one sentence from half of
    their words in common on, or where each has but one of its own.

    Args:
        one: A text; the time that it takes grows with the square of its length.
        other: Another one.
    """
    a, b = _read(_spelled_out(one, other)), _read(_spelled_out(other, one))
    if a.numbers != b.numbers:
        return "number"
    if a.negations != b.negations or {a.opening, b.opening} == {"yes", "no"}:
        return "negation"
    if _is_negated(a, b) or _is_negated(b, a):
        return "negation"
    certain = a.certain_names | b.certain_names
    if (a.names & certain) - b.stems and (b.names & certain) - a.stems:
        return "name"
    if _is_one_place(a.words, b.words):
        return "word"
    common, own = set(a.words) & set(b.words), set(a.words) ^ set(b.words)
    has_spaces = " " in one and " " in other
    is_one_sentence = len(common) >= len(own) or (len(own) == 2 and has_spaces)
    if not is_one_sentence:
        return None
    if (common < set(a.words) and common < set(b.words)) or a.decisive != b.decisive:
        return "word"
    return "order" if _is_reordered(a, b, common) else None


def restates(one: str, other: str) -> bool:
    """Return whether one of two answers is short, and the other a sentence that gives it.

    "Canberra" is given by "The capital is Canberra" and "Canberra is the capital", not by "The
    capital is near Canberra"; "no" by "No, it is closed".
    """
    short, long = sorted((one, other), key=lambda text: len(text.split()))
    name, sentence = normalized_text(short), normalized_text(long)
    if not name or not sentence or len(name.split()) > min(_SHORT, len(sentence.split()) - 1):
        return False
    if name in ("yes", "no"):
        return _read(long).opening == name
    if _read(short).negations != _read(long).negations or _CLAUSES.search(long):
        return False
    answer = rf"(?:the |an? )?{re.escape(name)}"
    if _PREPOSITION.match(name):
        return re.search(rf"\s{answer}\Z", sentence) is not None
    forms = rf"\A{answer} {_COPULA}\b|{_LEADS_TO_ANSWER} {answer}\Z"
    return re.search(forms, sentence) is not None


class _Reading(NamedTuple):
    """What is compared of a text.

    Attributes:
        words: Its words without those that say little, each in one form, in order.
        stems: All of its words, each in one form.
        numbers: Its numbers in canonical form.
        names: Words with a capital.
        certain_names: Those that do not begin a sentence.
        negations: How often it says no, but for an opening "No,".
        decisive: Its small words that decide.
        passive: Whether it says by whom.
        opening: The "yes" or "no" that it opens with, if any.
    """

    words: tuple[str, ...]
    stems: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    certain_names: frozenset[str]
    negations: int
    decisive: Counter[str]
    passive: bool
    opening: str | None


@lru_cache(maxsize=1_024)
def _read(text: str) -> _Reading:
    opening = _YES_NO.match(text)
    tokens = list(_TOKEN.finditer(text, opening.end() if opening else 0))
    plain = [match[0].lower().replace("\u2019", "'") for match in tokens]
    stems = list(map(_stem, plain))
    capitals = [
        (stem, _BEGINS.search(text[max(0, match.start() - 20) : match.start()]) is not None)
        for stem, match in zip(stems, tokens, strict=True)
        if match[0][0].isupper() and match[0] != "I"
    ]
    words = tuple(
        _IN_WORDS.get(word.lower()) or _stem(word.lower())
        for word in _TOKEN.findall(_in_one_style(text))
        if word.lower() not in _SAYING_LITTLE
    )
    return _Reading(
        words=words,
        stems=frozenset(stems),
        numbers=frozenset(
            word for word in words if word[-1].isdigit() or word in _STEMMED_NUMBER_WORDS
        ),
        names=frozenset(stem for stem, _ in capitals),
        certain_names=frozenset(stem for stem, begins in capitals if not begins),
        negations=sum(
            word in _NEGATIONS or stem in _STEMMED_VERBS or word.endswith("n't")
            for word, stem in zip(plain, stems, strict=True)
        ),
        decisive=Counter(word for word in plain if word in _DECISIVE),
        passive="by" in plain,
        opening=opening and opening[1].lower(),
    )


def _in_one_style(text: str) -> str:
    """Write numbers in canonical form, and the items of an enumeration in alphabetical order."""
    text = NUMERAL.sub(_canonical, plain_digits(text))
    text = _AM_PM.sub(r"\1m", text)
    return _LIST.sub(_sorted_items, text)


def _sorted_items(match: re.Match[str]) -> str:
    return ", ".join(sorted(_BETWEEN_ITEMS.split(match[0]), key=str.lower))


def _canonical(match: re.Match[str]) -> str:
    is_date = match["run"].count("/") > 1
    value = None if is_date else _number(match[0])
    return f" {value or match[0]} {match['currency'] or ''} "


@lru_cache(maxsize=256)  # a flood repeats itself
def _number(written: str) -> str | None:
    return canonical_number(written)


def _spelled_out(text: str, other: str) -> str:
    """Return a text with its acronyms as the other one spells them out."""
    capitals = {word for word in _TOKEN.findall(text) if len(word) > 1 and word.isupper()}
    words = _TOKEN.findall(other) if capitals else []
    initials = "".join(word[0].lower()[0] for word in words)
    for acronym in capitals:
        start = initials.find(acronym.lower())
        if start >= 0:
            text = text.replace(acronym, " ".join(words[start : start + len(acronym)]))
    return text


@lru_cache(maxsize=2_048)
def _stem(word: str) -> str:
    """Return a word without its ending, roughly: only whether two are the same matters."""
    word = word.removesuffix("'s")
    for form in (word, word.removesuffix("s"), word.removesuffix("ing")):
        if form in _SAME_WORD:
            return _SAME_WORD[form]
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + instead
            break
    if len(word) > 3:
        word = word.removesuffix("e")
        if word[-1] == word[-2] and word[-1] in "bdgmnprt":
            word = word[:-1]  # "stopped"
    return word


_STEMMED_VERBS = frozenset(map(_stem, _NEGATING_VERBS))
_STEMMED_NUMBER_WORDS = frozenset(map(_stem, _NUMBER_WORDS))


def _is_negated(one: _Reading, other: _Reading) -> bool:
    """Whether a text says "unsafe" where the other says "safe"."""
    return any(
        (prefix := _NEGATING.match(word)) is not None
        and word[prefix.end() :] in other.stems - one.stems
        for word in one.stems - other.stems
    )


def _is_one_place(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two texts are the same but for one place, where each has its own words."""
    begin = _common_length(one, other)
    one, other = one[begin:], other[begin:]
    end = _common_length(one[::-1], other[::-1])
    one, other = one[: len(one) - end], other[: len(other) - end]
    return bool(one and other and begin + end) and set(one).isdisjoint(other)


def _common_length(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return how many words two texts have in common where they begin."""
    differing = (
        i for i, (left, right) in enumerate(zip(one, other, strict=False)) if left != right
    )
    return next(differing, min(len(one), len(other)))


def _is_reordered(one: _Reading, other: _Reading, common: set[str]) -> bool:
    first, second = (
        [word for word in dict.fromkeys(reading.words) if word in common]
        for reading in (one, other)
    )
    if one.passive != other.passive:
        return first == second and len(first) > 1
    turns = range(len(first)) if len(first) > 2 else [0]
    return second not in [first[turn:] + first[:turn] for turn in turns]
