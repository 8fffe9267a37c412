"""The options of one request, and the defaults of those that the caller leaves out."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from langchain_markovscale.local.sequences import Sampling

DEFAULT_MAX_TOKENS = 256

_LEAST = 1e-6  # less is nothing to numbers of 16 or 32 bits, and divides by zero


class GenerationOptions(BaseModel):
    """Options of one request; None leaves the choice to the next layer.

    Attributes:
        temperature: 0 takes the most likely token, and so does what is below a millionth.
        top_p: Draw from the most likely tokens that together have this probability.
        top_k: Draw from this many most likely tokens; 0 for all.
        min_p: Draw from tokens at least this likely, relative to the most likely one.
        repetition_penalty: Divides the logits of tokens that were there before, in [.01, 100]; 1
            for none.
        max_tokens: Most tokens to write.
        stop: Strings at which the text ends.
        seed: Seed of the draws: the same seed gives the same text where the request runs alone.
        logprobs: Whether to report the tokens' log-probabilities.
        top_logprobs: How many likely tokens to report beside each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float | None = Field(default=None, ge=0.01, le=100)
    max_tokens: int | None = Field(default=None, ge=1)
    stop: list[str] | None = None
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)

    @field_validator("stop", mode="before")
    @classmethod
    def _as_list(cls, stop: Any) -> Any:
        return [stop] if isinstance(stop, str) else stop

    @field_validator("stop")
    @classmethod
    def _without_empty(cls, stop: list[str] | None) -> list[str] | None:
        return None if stop is None else [one for one in stop if one]

    @classmethod
    def layered(cls, layers: Iterable[Mapping[str, Any]]) -> "GenerationOptions":
        """Merge options; the first layer that has a value for an option decides.

        Raises:
            ValueError: If an option is unknown or out of range.
        """
        merged: dict[str, Any] = {}
        for layer in layers:
            for name, value in layer.items():
                if merged.get(name) is None:
                    merged[name] = value
        return cls.model_validate(merged)

    @property
    def sampling(self) -> Sampling:
        """How tokens are drawn."""
        temperature = self.temperature or 0.0
        return Sampling(
            temperature=temperature if temperature >= _LEAST else 0.0,
            top_p=1.0 if self.top_p is None else max(self.top_p, _LEAST),
            top_k=self.top_k or 0,
            min_p=self.min_p or 0.0,
            repetition_penalty=self.repetition_penalty or 1.0,
        )

    @property
    def logprob_count(self) -> int | None:
        """How many likely tokens to report, None for no log-probabilities at all."""
        return (self.top_logprobs or 0) if self.logprobs or self.top_logprobs else None


def from_transformers(options: Mapping[str, Any]) -> dict[str, Any]:
    """Read options of transformers, where a temperature has an effect only with `do_sample`."""
    settings = {
        "max_tokens": options.get("max_new_tokens"),
        "repetition_penalty": options.get("repetition_penalty"),
    }
    if options.get("do_sample"):
        temperature = options.get("temperature")
        settings["temperature"] = 1.0 if temperature is None else temperature
        settings |= {name: options.get(name) for name in ("top_p", "top_k", "min_p")}
    elif options.get("do_sample") is False:
        settings["temperature"] = 0.0
    return settings
