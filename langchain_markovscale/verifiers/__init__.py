"""Verify-proxies: Runnables that score an answer and return feedback on it."""

from langchain_markovscale.types import Verdict, VerifierInput
from langchain_markovscale.verifiers.base import Verifier
from langchain_markovscale.verifiers.function import FunctionVerifier, as_verifier
from langchain_markovscale.verifiers.judge import JudgeVerifier
from langchain_markovscale.verifiers.verdicts import to_verdict

__all__ = [
    "FunctionVerifier",
    "JudgeVerifier",
    "Verdict",
    "Verifier",
    "VerifierInput",
    "as_verifier",
    "to_verdict",
]
