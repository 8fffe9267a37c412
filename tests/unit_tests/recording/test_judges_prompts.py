"""A trace tells what its judge was shown beside question and answer."""

from fakes import always
from recorded_parts import by_question

from langchain_markovscale import JudgeVerifier, Prompts, create_markovscale_graph
from langchain_markovscale.calibration.sufficient_statistics import collect
from langchain_markovscale.traces.trace import read_traces


def shown(record, path, prompts):
    """What the judge of the attempts at a question was shown, as their trace tells."""
    judge = JudgeVerifier(always("CRITIQUE: none\nVERDICT: PASS\nPROBABILITY: 0.9"))
    graph = create_markovscale_graph(
        always("4"), verifier=judge, answer_key="last_number", prompts=prompts
    )
    record(graph, [("2 + 2?", "4")], path=path, revisions=1, fresh_starts=2)
    attempts = by_question(path)["2 + 2?"]["attempts"]
    return [(attempt.get("metadata") or {}).get("judged_with") for attempt in attempts]


def test_attempts_at_a_question_that_came_alone_say_nothing(record, path):
    assert shown(record, path, None) == [None] * 4


def test_attempts_tell_that_the_judge_has_seen_a_system_prompt(record, path):
    assert shown(record, path, Prompts(system="Be brief.")) == ["2: system prompt"] * 4
    assert collect(read_traces(path)).n_questions == 1  # a fit takes them as they are
