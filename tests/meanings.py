"""Models that know which answers mean the same, because a test tells them."""

from types import SimpleNamespace

from langchain_core.embeddings import Embeddings

SHUT = "The bakery shut down when its owner went into retirement."
CLOSED = "The bakery closed because the owner retired."
ENDED = "Retirement of the owner was the end of the shop."
RENT = "The rent had gone up too much."


class Meanings(Embeddings):
    """Texts of one group have one vector, all others are at right angles; `asked` counts texts."""

    def __init__(self, *groups):
        self.groups = groups
        self.asked = []

    def embed_documents(self, texts):
        self.asked += texts
        return [self._vector(text) for text in texts]

    def embed_query(self, text):
        return self._vector(text)

    def _vector(self, text):
        vector = [0.0] * 64
        group = next((n for n, group in enumerate(self.groups) if text in group), None)
        vector[len(self.groups) + len(self.asked) if group is None else group] = 2.0
        return vector


class Alike(Embeddings):
    """Finds that every text means the same."""

    def embed_documents(self, texts):
        return [[1.0, 0.0] for _ in texts]

    def embed_query(self, text):
        return [1.0, 0.0]


class Reader:
    """A cross-encoder that finds what one text entails of another in a table."""

    config = SimpleNamespace(label2id={"contradiction": 0, "entailment": 1, "neutral": 2})

    def __init__(self, shares):
        self.shares = shares

    def predict(self, inputs, *, activation_fn, apply_softmax, show_progress_bar):
        assert apply_softmax
        assert not show_progress_bar
        rows = [self.shares.get(tuple(pair), 0.0) for pair in inputs]
        return [[1 - share, share, 0.0] for share in rows]
