"""One loaded model and the thread that serves it."""

from typing import Any

from langchain_markovscale.local.decoding import DecodingBatch
from langchain_markovscale.local.memory import context_length, tokens_that_fit
from langchain_markovscale.local.scheduler import Scheduler
from langchain_markovscale.local.sequences import Prompted


class Engine:
    """Serves a causal language model to any number of threads and event loops.

    Args:
        model: A causal language model of transformers.
        tokenizer: Its tokenizer.
        max_batch_size: Most requests at once; by default 64 on a CPU, 256 elsewhere.
        max_batch_tokens: Most tokens at once, prompts and reserved answers together; by default
            what fits into half of the free memory.
        gather_seconds: How long an idle engine waits for more requests after the first one.

    Raises:
        ValueError: If the model is not one that writes text token by token, or a limit is not
            positive.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        max_batch_size: int | None = None,
        max_batch_tokens: int | None = None,
        gather_seconds: float = 0.003,
    ) -> None:
        for name, limit in (
            ("max_batch_size", max_batch_size),
            ("max_batch_tokens", max_batch_tokens),
        ):
            if limit is not None and limit < 1:
                raise ValueError(
                    f"{name} must be at least 1, got {limit}: leave it out for the default."
                )
        if model.config.is_encoder_decoder:
            raise ValueError(
                f"model must be a causal language model, got {type(model).__name__}, an "
                "encoder-decoder: give one that AutoModelForCausalLM loads."
            )
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.end_tokens = _end_tokens(model, tokenizer)
        self.context = context_length(model)
        on_cpu = model.device.type == "cpu"
        self._scheduler: Scheduler[Prompted] = Scheduler(
            DecodingBatch(model),
            max_jobs=max_batch_size or (64 if on_cpu else 256),
            max_cost=max_batch_tokens or tokens_that_fit(model),
            gather_seconds=gather_seconds,
        )
        self.max_batch_size = max_batch_size or (64 if on_cpu else 256)

    def submit(self, job: Prompted) -> None:
        """Queue a job; see `Scheduler.submit`."""
        self._scheduler.submit(job)

    def tokens_left(self, prompt_tokens: int) -> int | None:
        """Return how many tokens may follow a prompt, or None where the model sets no limit.

        Raises:
            ValueError: If the prompt fills the model's context.
        """
        if self.context is None:
            return None
        if prompt_tokens >= self.context:
            raise ValueError(
                f"The prompt has {prompt_tokens} tokens and the model's context only "
                f"{self.context}: shorten the conversation."
            )
        return self.context - prompt_tokens

    def close(self) -> None:
        """End the engine's thread; requests that are not finished fail."""
        self._scheduler.close()


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end a model's turn: its generation config's and its tokenizer's."""
    configured = model.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [configured]
    return frozenset(int(end) for end in (*ends, tokenizer.eos_token_id) if end is not None)
