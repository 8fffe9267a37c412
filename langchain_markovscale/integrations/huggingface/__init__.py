"""Local models on langchain-huggingface, transformers and torch (extra ``huggingface``)."""

from langchain_markovscale.integrations.huggingface.chat import BatchedChatHuggingFace
from langchain_markovscale.integrations.huggingface.loading import load_chat_model

__all__ = ["BatchedChatHuggingFace", "load_chat_model"]
