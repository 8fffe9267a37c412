"""The real model, loaded once for all tests that need it."""

import pytest

from langchain_markovscale import BatchedChatHuggingFace
from langchain_markovscale.local.weights import load_pipeline


@pytest.fixture(scope="session", autouse=True)
def _one_thread(one_torch_thread):
    pass


@pytest.fixture
def vcr():
    """What a test of langchain-tests asks for before it skips itself: nothing is recorded here."""


@pytest.fixture(scope="session")
def smollm2_pipeline():
    return load_pipeline("smollm2")


@pytest.fixture(scope="session")
def smollm2(smollm2_pipeline):
    model = BatchedChatHuggingFace(llm=smollm2_pipeline, max_tokens=16)
    yield model
    model.close()
