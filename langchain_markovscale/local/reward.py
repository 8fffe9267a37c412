"""Reward models as verify-proxies: they are trained to score, in one pass and without a prompt.

There are two kinds: a model that scores an answer as a whole, and a process reward model, which
scores every step of it at a marker token after the step.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, Literal

import torch
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

from langchain_markovscale._text import at_revision
from langchain_markovscale.local.chat_template import conversation_text, encode
from langchain_markovscale.local.memory import check_finite, context_length, memory_errors
from langchain_markovscale.local.scheduler import Job, Scheduler
from langchain_markovscale.local.weights import (
    find_source,
    hub_options,
    placement,
    without_loading_bars,
)
from langchain_markovscale.types import Usage, Verdict, VerifierInput
from langchain_markovscale.verifiers.base import Verifier
from langchain_markovscale.verifiers.prompt_fence import visible


class Scored(Job):
    """Requests the model's logits on a text.

    Args:
        ids: The text's tokens.
        positions: The tokens whose logits are requested, for a model that scores tokens; None for a
            model that scores the text as a whole.
    """

    def __init__(self, ids: Sequence[int], positions: Sequence[int] | None) -> None:
        super().__init__()
        self.ids = list(ids)
        self.positions = positions


class ScoringBatch:
    """A `Batch` of `Scored` jobs, whose results are lists of rows of logits.

    Args:
        model: A model of transformers that gives logits for a text or for its tokens.
        pad_token: The token to fill rows with.
    """

    def __init__(self, model: Any, pad_token: int) -> None:
        self._model = model
        self._pad_token = pad_token
        self._results: list[tuple[Scored, list[list[float]]]] = []

    def __reduce__(self) -> tuple[type["ScoringBatch"], tuple[Any, int]]:
        return type(self), (self._model, self._pad_token)  # a copy is empty

    def cost(self, jobs: Sequence[Scored]) -> float:
        """Return the cells of the padded batch; see `Batch`."""
        return len(jobs) * max(len(job.ids) for job in jobs)

    @torch.inference_mode()
    def join(self, jobs: Sequence[Scored]) -> None:
        """Score the texts; see `Batch`."""
        width = max(len(job.ids) for job in jobs)
        padded = [(job.ids, width - len(job.ids)) for job in jobs]
        # Padding on the right: a causal model's tokens do not see what comes after them.
        ids = torch.tensor([tokens + [self._pad_token] * pad for tokens, pad in padded])
        mask = torch.tensor([[1] * len(tokens) + [0] * pad for tokens, pad in padded])
        device = self._model.device
        with memory_errors():
            output = self._model(input_ids=ids.to(device), attention_mask=mask.to(device))
            logits = output[0].float().cpu()
        for job, row in zip(jobs, logits, strict=True):
            rows = row[None] if job.positions is None else row[list(job.positions)]
            check_finite(rows, self._model)
            self._results.append((job, rows.tolist()))

    def collect(self) -> list[tuple[Scored, list[list[float]]]]:
        """Return what was scored; see `Batch`."""
        results, self._results = self._results, []
        return results

    def advance(self) -> None:
        """Nothing to do: a text is scored in one pass."""

    def leave(self, jobs: Sequence[Scored]) -> None:
        """Drop jobs; see `Batch`."""
        leaving = {id(job) for job in jobs}
        self._results = [result for result in self._results if id(result[0]) not in leaving]


Aggregate = Literal["mean", "min", "last"]

_AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": fmean,
    "min": min,
    "last": lambda scores: scores[-1],
}
_QWEN_STEP_TOKEN = "<extra_0>"


class RewardModelVerifier(Verifier):
    """Scores answers with a reward model.

    A model with one output gives sigmoid(logit), one with two outputs the softmax probability of
    the second. With `step_token` the model is a process reward model: every step is scored in this
    way at the marker after it, and `aggregate` makes one score of them. This is the layout of
    Qwen2.5-Math-PRM-7B (marker `<extra_0>`, steps separated by blank lines).

    Calls from concurrent runs share batches.

    Args:
        model: A sequence-classification model; or, with `step_token`, one that gives logits for
            every token.
        tokenizer: Its tokenizer.
        step_token: The marker of a process reward model, one token; None for a model that scores
            the answer as a whole.
        aggregate: How the steps' scores become one: their mean, the least, or the last.
        split: Splits an answer into steps.
        system: A system message, where the model was trained with one.
        max_batch_size: Most answers in a batch.
        max_batch_tokens: Most tokens in a batch.
        name: The name that traces and errors show.

    Raises:
        ValueError: If the aggregate is unknown, the marker is not one token of the tokenizer, or
            the model has more than two outputs; when called, if question and answer are longer than
            the model's context.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        step_token: str | None = None,
        aggregate: Aggregate = "min",
        split: Callable[[str], Sequence[str]] | None = None,
        system: str | None = None,
        max_batch_size: int = 32,
        max_batch_tokens: int = 32_768,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if aggregate not in _AGGREGATES:
            raise ValueError(
                f"aggregate must be one of {sorted(_AGGREGATES)}, got aggregate={aggregate!r}."
            )
        if model.config.num_labels not in (1, 2):
            raise ValueError(
                f"model has {model.config.num_labels} outputs: give a reward model, which has one "
                "or two."
            )
        self.model_name = getattr(model, "name_or_path", None)
        self.tokenizer = tokenizer
        self.step_token = step_token
        self.aggregate = aggregate
        self.split = split or _by_blank_lines
        self.system = system
        self._context = context_length(model)
        self._marker = None if step_token is None else _one_token(tokenizer, step_token)
        pad_token = tokenizer.pad_token_id
        if pad_token is None:
            pad_token = tokenizer.eos_token_id or 0
        if model.config.pad_token_id is None:
            model.config.pad_token_id = pad_token  # by which the model finds a text's last token
        self._scheduler: Scheduler[Scored] = Scheduler(
            ScoringBatch(model.eval(), pad_token),
            max_jobs=max_batch_size,
            max_cost=max_batch_tokens,
            name="markovscale-reward",
        )

    @classmethod
    def from_model_id(
        cls,
        name_or_path: str,
        *,
        step_token: str | None = None,
        device: str | None = None,
        dtype: Any = "auto",
        device_map: Any = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        **options: Any,
    ) -> "RewardModelVerifier":
        """Load a reward model.

        Args:
            name_or_path: A hub id or a folder. `Qwen/Qwen2.5-Math-PRM-7B` needs
                `trust_remote_code=True`, because its code comes with it.
            step_token: See `RewardModelVerifier`; set automatically for models of Qwen's layout.
            device: Where to run it, as for `load_pipeline`.
            dtype: The number format.
            device_map: How to spread a large model.
            revision: Branch, tag or commit of a hub model, its tokenizer and its code.
            trust_remote_code: Whether code that comes with the checkpoint may run.
            model_kwargs: Further arguments of `from_pretrained`.
            **options: Further arguments of `RewardModelVerifier`.

        Returns:
            The verifier.

        Raises:
            ValueError: If a process reward model's head is code that is not allowed to run.
            OSError: If there is no such model.
        """
        source = find_source(name_or_path)
        hub, further = hub_options(revision, trust_remote_code, model_kwargs)
        placed = placement(source, device, dtype, device_map, hub) | further
        tokenizer = AutoTokenizer.from_pretrained(source.path, **hub)
        architectures = AutoConfig.from_pretrained(source.path, **hub).architectures or [""]
        if "ProcessReward" in architectures[0]:
            step_token = step_token or _QWEN_STEP_TOKEN
            if not trust_remote_code:  # the library would load it, but without its head
                raise ValueError(
                    f"trust_remote_code=False: the head of {name_or_path!r} "
                    f"({architectures[0]}) is code that comes with the checkpoint: "
                    "read it, then pass trust_remote_code=True."
                )
        auto: Any = AutoModelForSequenceClassification
        if step_token is not None:
            by_token = "TokenClassification" in architectures[0]
            auto = AutoModelForTokenClassification if by_token else AutoModel
        with without_loading_bars():
            model = auto.from_pretrained(source.path, **hub, **placed)
        verifier = cls(model, tokenizer, step_token=step_token, **options)
        if verifier.model_name is not None:
            verifier.model_name = at_revision(verifier.model_name, hub.get("revision"))
        return verifier

    def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        """Score the answer, together with other runs' answers."""
        job = self._submitted(given)
        try:
            return self._read_off(job, job.answer.result())
        finally:
            job.answer.cancel()

    async def averify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        """Score the answer without blocking, together with other runs' answers."""
        job = self._submitted(given)
        return self._read_off(job, await asyncio.wrap_future(job.answer))

    def close(self) -> None:
        """End the verifier's thread; verifications that are not finished fail."""
        self._scheduler.close()

    def _submitted(self, given: VerifierInput) -> Scored:
        ids = encode(self.tokenizer, self._text(given))
        positions = None
        if self._marker is not None:
            positions = [i for i, token in enumerate(ids) if token == self._marker]
        if not ids or positions == []:
            missing = "no token" if not ids else f"no marker {self.step_token!r}"
            raise ValueError(
                f"{self.get_name()} has {missing} to score in the text that its tokenizer makes of "
                "question and answer: check tokenizer.chat_template."
            )
        if self._context is not None and len(ids) > self._context:
            raise ValueError(
                f"Question and answer have {len(ids)} tokens, and {self.get_name()} reads no more "
                f"than {self._context}: let the model write shorter answers, or take a reward "
                "model with a longer context."
            )
        job = Scored(ids, positions)
        self._scheduler.submit(job)
        return job

    def _text(self, given: VerifierInput) -> str:
        question, answer = (self._harmless(given[part]) for part in ("question", "answer"))
        if self.step_token is not None:
            steps = [step for step in self.split(answer) if step.strip()] or [answer]
            answer = "".join(step + self.step_token for step in steps)
        if not getattr(self.tokenizer, "chat_template", None):
            return f"{question}\n\n{answer}"
        system = [] if self.system is None else [SystemMessage(self.system)]
        messages = [*system, HumanMessage(question), AIMessage(answer)]
        return conversation_text(self.tokenizer, messages, to_go_on=False)

    def _harmless(self, text: str) -> str:
        """Return a text without markers of its own, which would be scored as steps."""
        return visible(text if self.step_token is None else _without(text, self.step_token))

    def _read_off(self, job: Scored, logits: Sequence[Sequence[float]]) -> Verdict:
        scores = [_probability(row) for row in logits]
        return Verdict(
            score=_AGGREGATES[self.aggregate](scores),
            feedback=None,
            usage=Usage(calls=1, input_tokens=len(job.ids), output_tokens=0, unknown=0),
        )


def _probability(logits: Sequence[float]) -> float:
    """Return the sigmoid of one logit; the softmax of two is the sigmoid of their difference."""
    if len(logits) > 2:
        raise ValueError(
            f"The model returned {len(logits)} numbers for a token, and a reward model returns one "
            "or two: load it with its head."
        )
    margin = logits[-1] - (logits[0] if len(logits) == 2 else 0.0)
    if margin >= 0:
        return 1 / (1 + math.exp(-margin))
    return math.exp(margin) / (1 + math.exp(margin))


def _without(text: str, marker: str) -> str:
    """Remove a marker, also where what stood around another one makes it; in linear time."""
    kept: list[str] = []
    wanted, size = list(marker), len(marker)
    for char in text:
        kept.append(char)
        if char == wanted[-1] and kept[-size:] == wanted:
            del kept[-size:]
    return "".join(kept)


def _by_blank_lines(answer: str) -> list[str]:
    return answer.split("\n\n")


def _one_token(tokenizer: Any, text: str) -> int:
    ids = encode(tokenizer, text)
    if len(ids) != 1:
        raise ValueError(
            f"step_token={text!r} must be one token of this tokenizer, got {len(ids)} tokens."
        )
    return ids[0]
