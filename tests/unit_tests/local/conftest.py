"""Tiny models, and one thread for them."""

import pytest
import torch
from tiny_models import tiny_pipeline

from langchain_markovscale import BatchedChatHuggingFace


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    # Small models gain little from more, and lose much where other programs want the cores too.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tiny():
    model = BatchedChatHuggingFace(llm=tiny_pipeline(), max_tokens=12)
    model.engine.end_tokens = frozenset()  # random weights end their turn at random
    yield model
    model.close()
