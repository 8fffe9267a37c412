"""Loops with known rates, as tables of rounds and as traces with keys, scores and labels."""

import random
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Loop:
    """A mixture of chains and a verifier; everything a fit should find again."""

    weights: tuple[float, ...] = (0.5, 0.5)
    initial: tuple[float, ...] = (0.85, 0.30)
    repair: tuple[float, ...] = (0.40, 0.10)
    corruption: tuple[float, ...] = (0.05, 0.20)
    settling: float = 1.0
    sensitivity: float = 0.85
    specificity: float = 0.80
    wrong_answers: int = 4
    sticky: bool = False

    def table(self, questions, starts, revisions, seed):
        """0 and 1 of shape (questions, starts, revisions + 1)."""
        rng = np.random.default_rng(seed)
        kind = rng.choice(len(self.weights), questions, p=self.weights)
        initial, repair, corruption = (
            np.array(rate)[kind][:, None] for rate in (self.initial, self.repair, self.corruption)
        )
        correct = np.zeros((questions, starts, revisions + 1))
        correct[:, :, 0] = rng.random((questions, starts)) < initial
        for t in range(revisions):
            chance, settled = rng.random((questions, starts)), self.settling**t
            before = correct[:, :, t] == 1
            correct[:, :, t + 1] = np.where(
                before, chance >= corruption * settled, chance < repair * settled
            )
        return correct

    def traces(self, questions, starts, revisions, seed, labelled=1.0):
        """Traces with keys and accept/reject scores; a share of the attempts is labelled."""
        rng = random.Random(seed)
        made = []
        for number in range(questions):
            kind = rng.choices(range(len(self.weights)), self.weights)[0]
            verdicts, attempts = {}, []
            for _ in range(starts):
                key = self._answer(rng, self.initial[kind])
                attempts.append(self._attempt(rng, key, None, verdicts, labelled))
                for t in range(revisions):
                    parent, settled = len(attempts) - 1, self.settling**t
                    chance = (
                        1 - self.corruption[kind] * settled
                        if key == "right"
                        else self.repair[kind] * settled
                    )
                    key = self._answer(rng, chance)
                    attempts.append(self._attempt(rng, key, parent, verdicts, labelled))
            made.append({"id": str(number), "question": f"question {number}", "attempts": attempts})
        return made

    def _answer(self, rng, chance):
        return "right" if rng.random() < chance else f"wrong {rng.randrange(self.wrong_answers)}"

    def _attempt(self, rng, key, parent, verdicts, labelled):
        accepts = self.sensitivity if key == "right" else 1 - self.specificity
        score = float(rng.random() < accepts)
        if self.sticky:
            score = verdicts.setdefault(key, score)
        return {
            "text": key,
            "key": key,
            "score": score,
            "action": "generate" if parent is None else "revise",
            "parent": parent,
            "feedback": None,
            "tokens": 5,
            "correct": key == "right" if rng.random() < labelled else None,
        }


IMPROVING = Loop(initial=(0.6, 0.3), repair=(0.5, 0.2), corruption=(0.05, 0.1))
