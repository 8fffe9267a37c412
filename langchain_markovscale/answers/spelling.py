"""One spelling for all that differ in case, width, punctuation or articles alone."""

import unicodedata

from langchain_markovscale.answers.numerals import canonical_number
from langchain_markovscale.answers.thoughts import without_thoughts

_FOLDED_AT_ONCE = 500  # characters
_APOSTROPHES = "\u2018\u2019\u02bc\u2032`\u00b4"


def folded(text: str) -> str:
    """Return a text in NFKC, case folded, every apostrophe straight; in linear time."""
    for apostrophe in _APOSTROPHES:  # first, because NFKC takes an acute accent apart
        text = text.replace(apostrophe, "'")
    if text.isascii():
        return text.casefold()
    # Piece by piece, because normalising a long run of combining marks takes quadratic time; and
    # each piece once, because a flood is of few.
    pieces = [text[i : i + _FOLDED_AT_ONCE] for i in range(0, len(text), _FOLDED_AT_ONCE)]
    together = {piece: unicodedata.normalize("NFKC", piece).casefold() for piece in set(pieces)}
    whole = {piece: unicodedata.normalize("NFKC", each) for piece, each in together.items()}
    return "".join(map(whole.__getitem__, pieces))


_EDGE_PUNCTUATION = ".,;:?…\"'\u201c\u201d\u2018\u2019«»()[]{}*_`~\u3002\u3001"
_ARTICLES = frozenset({"a", "an", "the"})


def normalized_text(text: str) -> str | None:
    """Return a short answer in one spelling, so that variants of it are equal.

    NFKC and case folding; straight apostrophes; single spaces; punctuation trimmed from both ends
    of each word (not within: "u.s", "c++" and "-5" stay); leading articles dropped; a text that is
    one number gets its canonical form.

    Args:
        text: The whole text of an answer.

    Returns:
        The folded text, or None where nothing is left of it.
    """
    return in_one_spelling(without_thoughts(text))


def in_one_spelling(text: str) -> str | None:
    """Return what `normalized_text` returns for an answer without its thoughts."""
    whole = folded(text)
    number = canonical_number(whole)
    if number is not None:
        return number
    written = whole.split()
    bare = {word: _trimmed(word) for word in set(written)}  # a flood is of few words
    words = [trimmed for word in written if (trimmed := bare[word])]
    first = next((i for i, word in enumerate(words) if word not in _ARTICLES), 0)
    kept = " ".join(words[first:])
    return (canonical_number(kept) if kept != whole else None) or kept or None


def _trimmed(word: str) -> str:
    if word.isalnum():
        return word
    bare = word.lstrip(_EDGE_PUNCTUATION).rstrip(_EDGE_PUNCTUATION + "!")
    if bare.isalpha():
        return bare
    core = word.rstrip(_EDGE_PUNCTUATION)
    if not core[:-1].rstrip("!")[-1:].isdigit():
        core = core.rstrip(_EDGE_PUNCTUATION + "!")  # but "5!" is a number of its own
    bare = core.lstrip(_EDGE_PUNCTUATION)
    decimal = bare[:1].isdigit() and core[: -len(bare)].endswith(".")
    return f".{bare}" if decimal else bare
