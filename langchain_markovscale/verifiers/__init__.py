"""Verify-proxies: Runnables that score an answer and say what is wrong with it."""

from langchain_markovscale.verifiers.base import Verdict, Verifier, VerifierInput, to_verdict
from langchain_markovscale.verifiers.function import FunctionVerifier, as_verifier
from langchain_markovscale.verifiers.judge import JudgeVerifier

__all__ = [
    "FunctionVerifier",
    "JudgeVerifier",
    "Verdict",
    "Verifier",
    "VerifierInput",
    "as_verifier",
    "to_verdict",
]
