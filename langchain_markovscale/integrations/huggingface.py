"""The address of `langchain_markovscale.local` in version 0.1."""

from langchain_markovscale.local import (
    BatchedChatHuggingFace,
    RewardModelVerifier,
    TokenProbabilityVerifier,
    load_chat_model,
)

__all__ = [
    "BatchedChatHuggingFace",
    "RewardModelVerifier",
    "TokenProbabilityVerifier",
    "load_chat_model",
]
