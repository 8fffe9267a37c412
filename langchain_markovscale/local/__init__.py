"""Local models on langchain-huggingface, transformers and torch (extra `huggingface`).

A local model is where many runs share one machine, so everything here goes through one engine per
model: a `Scheduler` that knows when who runs, and a batch that computes.
"""

from langchain_markovscale.local.chat import BatchedChatHuggingFace, load_chat_model
from langchain_markovscale.local.reward import RewardModelVerifier
from langchain_markovscale.local.token_probability import (
    TokenProbabilityVerifier,
)

__all__ = [
    "BatchedChatHuggingFace",
    "RewardModelVerifier",
    "TokenProbabilityVerifier",
    "load_chat_model",
]
