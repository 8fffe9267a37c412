"""Traces with labels: written out by hand, or recorded in a world of known rates."""

from random import Random

from worlds import ACCEPT, REJECT, RIGHT, Question, World, attempt


def answer(key, parent=None, *, correct=None, score=None, tokens=10, feedback=None):
    """An attempt; unless told otherwise, the key "right" is the correct one."""
    return attempt(key, score, parent) | {
        "text": f"It is {key}.",
        "feedback": feedback,
        "tokens": tokens,
        "correct": key == RIGHT if correct is None else correct,
    }


def trace(*attempts, name="q", **fields):
    """A trace of attempts."""
    return {"id": name, "question": f"{name}?", "attempts": list(attempts), **fields}


def recorded(world=None, questions=60, seed=0, starts=3, revisions=3, **fields):
    """Traces of every start and revision, as a loop without its stopping rule leaves them.

    The feature of a question is its band. `fields` are what every attempt has, whatever the world
    says, such as `score=None`.
    """
    world = world or World()
    random, traces = Random(seed), []
    for number in range(questions):
        band = number % len(world.bands)
        question = Question(world, world.bands[band], random)
        attempts = []
        for _ in range(starts):
            parent = None
            for _ in range(revisions + 1):
                before = None if parent is None else attempts[parent]
                key = question.draw() if before is None else question.revise(before["text"])
                score = ACCEPT if question.accepts(key) else REJECT
                attempts.append(
                    answer(key, parent, score=score) | {"text": key, "correct": key == RIGHT}
                )
                parent = len(attempts) - 1
        labelled = (each | fields for each in attempts)
        traces.append(trace(*labelled, name=f"q{number}", features=str(band)))
    return traces
