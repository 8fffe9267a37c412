"""Which tokens a comparison counts, and that it says so."""

from pools import recorded

from langchain_markovscale import compare_strategies
from langchain_markovscale.replay.strategies import BestOfN


def compare(pool, **options):
    quick = {"costs": (0.05, 0.2), "variants": ("mixture",), "repeats": 1, "n_bootstrap": 20}
    return compare_strategies(pool, {"best of 3": BestOfN(3)}, **quick, **options)


def words(comparison):
    return " ".join(comparison.text.split())


def best_of_3(comparison):
    (row,) = (each for each in comparison.findings.rows if each.rule.name == "best of 3")
    return row


def test_tokens_read_count_where_the_traces_tell_them():
    took = {"calls": 1, "input_tokens": 90, "output_tokens": 10, "unknown": 0}
    checked = took | {"input_tokens": 15, "output_tokens": 5}
    usage = {"generate": took, "revise": took, "verify": checked}
    comparison = compare(recorded(questions=20, usage=usage))
    assert best_of_3(comparison).tokens == 3 * (100 + 20)
    assert comparison.findings.budget == "tokens"
    assert "Tokens are those read and written." in words(comparison)


def test_tokens_written_count_alone_in_traces_of_version_0_1():
    comparison = compare(recorded(questions=20), verification_tokens=4)
    assert best_of_3(comparison).tokens == 3 * (10 + 4)
    assert "Tokens are those written." in words(comparison)


def test_answers_without_a_key_are_counted_by_reason():
    pool = recorded(questions=20, starts=2, revisions=2)
    assert "had no key" not in words(compare(pool))
    for trace in pool[:3]:
        trace["attempts"][0].update(key=None, metadata={"no_key": "truncated"})
    said = "3 of 120 answers had no key: 3 cut off."
    assert said in words(compare(pool))
