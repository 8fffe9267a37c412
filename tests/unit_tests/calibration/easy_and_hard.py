"""Questions of two kinds, which say in words and as a feature of which they are."""

import numpy as np
from langchain_core.embeddings import Embeddings
from simulated_loops import Loop

from langchain_markovscale import Rates

RATES = Rates(
    weights=(0.5, 0.5),
    initial=(0.85, 0.3),
    repair=(0.4, 0.1),
    corruption=(0.05, 0.2),
    sensitivity=0.85,
    specificity=0.8,
    coincidence=0.25,
    retention=0.3,
    verdict_correlation=0.4,
    settling=0.9,
)
EASY = Loop((1.0,), (0.85,), (0.4,), (0.05,))
HARD = Loop((1.0,), (0.3,), (0.1,), (0.2,))


def traces_of(questions, seed=0, labelled=1.0):
    """Easy and hard questions in turn, which say in words and as a feature what they are."""
    pairs = zip(
        EASY.traces(questions // 2, 2, 3, seed, labelled),
        HARD.traces(questions // 2, 2, 3, seed + 1000, labelled),
        strict=True,
    )
    made = []
    for number, pair in enumerate(pairs):
        for kind, trace in zip(("easy", "hard"), pair, strict=True):
            name = f"{kind} {number}"
            made.append({**trace, "id": name, "question": name, "features": {"kind": kind}})
    return made


class Words(Embeddings):
    """Two numbers that tell easy from hard, among others that tell nothing."""

    model = "words"

    def __init__(self):
        self.asked = []

    def embed_documents(self, texts):
        self.asked.append(list(texts))
        return [self._vector(text) for text in texts]

    def embed_query(self, text):
        raise AssertionError("training and use have to embed alike")

    async def aembed_documents(self, texts):
        self.asked.append("awaited")
        return [self._vector(text) for text in texts]

    def _vector(self, text):
        noise = np.random.default_rng(int(text.split()[-1])).normal(size=6)
        return [float("easy" in text), float("hard" in text), *noise.tolist()]
