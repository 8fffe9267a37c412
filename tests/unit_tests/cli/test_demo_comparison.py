from langchain_markovscale.cli.demo_comparison import Strategy, in_words
from langchain_markovscale.types import no_usage


def strategy(name: str, *grades: bool) -> Strategy:
    return Strategy(name, list(grades), no_usage(), 1.0)


def test_ways_of_answering_are_compared_question_by_question() -> None:
    loop = strategy("this loop", True, True, True, False)
    words = in_words([strategy("one pass", False, False, True, True), loop])
    assert words.startswith("Against one pass, the loop gained 2 questions and lost 1; ")
    # Three coins fall at least as unevenly as 2 to 1 always.
    assert "chance alone would split 3 as unevenly 100% of the time." in words
    assert "4 questions are few" in words


def test_no_difference_is_said_to_be_none() -> None:
    same = strategy("one pass", True, False), strategy("this loop", True, False)
    assert "Against one pass, the loop answered the same questions correctly." in in_words(same)
