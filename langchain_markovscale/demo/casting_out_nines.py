"""A cheap verify-proxy that makes mistakes: casting out nines.

A sum and its right value leave the same remainder by nine, so comparing digit sums checks an
addition without doing it. The check never rejects a right answer and passes one wrong answer in
nine, and it abstains where the question is not a sum: an imperfect proxy, as in real loops.
"""

import re

_SUM = re.compile(r"\d+(?:\s*\+\s*\d+)+")


def casting_out_nines(question: str, key: str | None) -> tuple[float | None, str | None]:
    """Check an answer to a sum by its remainder by nine; a function for `FunctionVerifier`.

    Args:
        question: The question; its first sum, such as `3 + 4`, is checked.
        key: The answer's key, a number.

    Returns:
        A score and feedback. The score is 1.0 where the remainders agree, 0.0 where they do not or
        the answer holds no whole number, None where the question holds no sum; only a rejection
        has feedback.
    """
    addition = _SUM.search(question)
    if addition is None:
        return None, None
    if key is None or not re.fullmatch(r"\d+", key):
        return 0.0, "The answer must be one whole number."
    terms = re.findall(r"\d+", addition[0])
    if remainder_by_nine("".join(terms)) == remainder_by_nine(key):
        return 1.0, None
    return 0.0, f"Casting out nines shows that {key} is not {addition[0]}."


def remainder_by_nine(digits: str) -> int:
    """Return the remainder by nine, by adding up digits until one is left; nine counts as 0."""
    while len(digits) > 1:
        digits = str(sum(map(int, digits)))
    return int(digits) % 9
