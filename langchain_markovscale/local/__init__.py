"""Local models on langchain-huggingface, transformers and torch (extra `huggingface`).

Many runs share a local model, so all calls go through one engine per model: a `Scheduler` that
decides which jobs run together, and a batch that computes them.
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
