import pytest

from langchain_markovscale.recording.recorder import Watch


def attempts(*scores):
    return [{"text": f"{n}", "score": score, "parent": None} for n, score in enumerate(scores)]


def test_a_verifier_that_scores_nothing_is_told_after_the_first_question_and_at_the_end(caplog):
    watch = Watch("judge:small")
    watch.look(attempts(None, None), verified=True)
    assert len(caplog.records) == 1
    assert "the verifier judge:small" in caplog.text
    watch.look(attempts(None, None), verified=True)
    assert len(caplog.records) == 1
    assert watch.trouble in caplog.text


@pytest.mark.parametrize("scores", [(0.0, None), (None, 0.5)])
def test_one_score_is_no_trouble(caplog, scores):
    watch = Watch()
    watch.look(attempts(*scores), verified=True)
    assert (watch.trouble, caplog.text) == (None, "")


def test_where_nothing_verifies_no_score_is_missed(caplog):
    watch = Watch()
    watch.look(attempts(None, None), verified=False)
    assert (watch.trouble, caplog.text) == (None, "")


def test_a_late_score_ends_the_trouble():
    watch = Watch()
    watch.look(attempts(None), verified=True)
    assert "none could be read from what the verifier replied" in watch.trouble
    watch.look(attempts(0.3), verified=True)
    assert watch.trouble is None
