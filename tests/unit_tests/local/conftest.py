"""Tiny models, and one thread for them."""

import pytest
from tiny_models import tiny_pipeline

from langchain_markovscale import BatchedChatHuggingFace


@pytest.fixture(scope="session", autouse=True)
def _one_thread(one_torch_thread):
    pass


@pytest.fixture
def tiny():
    model = BatchedChatHuggingFace(llm=tiny_pipeline(), max_tokens=12)
    model.engine.end_tokens = frozenset()  # random weights end their turn at random
    yield model
    model.close()
