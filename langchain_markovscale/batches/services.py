"""The batch interfaces of OpenAI and Anthropic: requests of a job in, replies out.

Both take many requests as one job, answer within a day and charge half. What differs lies here:
the form of a request and of a reply, and how to find a job again whose id was lost.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    SystemMessage,
    convert_to_messages,
    convert_to_openai_messages,
)
from langchain_core.messages.ai import UsageMetadata

from langchain_markovscale._text import logger_of
from langchain_markovscale.display.wording import counted

logger = logger_of(__name__)

_MEBIBYTE = 2**20
_CLOCKS_DIFFER = 86_400.0  # seconds by which the service's clock may be behind, or set wrong here
_OUR_JOB = "markovscale_job"
_ANTHROPIC_TOKENS = 4096  # it has no default of its own


class Request(NamedTuple):
    """A call that is a part of a job.

    Attributes:
        id: Its name, unique in the recording.
        body: What is sent to the model.
    """

    id: str
    body: dict[str, Any]


class Reply(NamedTuple):
    """What came back for a request.

    Attributes:
        body: What the model sent; None where there was an error.
        error: The error, in the service's words.
        temporary: Whether the same request may well succeed another time.
    """

    body: dict[str, Any] | None
    error: str = ""
    temporary: bool = False


_CANCELLED = Reply(None, "the job was cancelled at the provider's")


class JobRefusedError(RuntimeError):
    """A whole job was refused, such as for a limit of the account."""


class BatchService(ABC):
    """A provider's batch interface, as its own client offers it.

    Attributes:
        name: The provider.
        most_requests: Requests that a job may have.
        most_bytes: Bytes that a job may have.
        client: The client.
    """

    name: ClassVar[str]
    most_requests: ClassVar[int]
    most_bytes: ClassVar[int]

    def __init__(self, client: Any) -> None:
        self.client = client
        # A repeated try to submit might submit twice, where only the reply was lost.
        self._once = client.with_options(max_retries=0) if _has_options(client) else client

    @abstractmethod
    def body(
        self, model: str, messages: Sequence[BaseMessage], options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return a request for a chat model's answer to a conversation."""

    @abstractmethod
    def message(self, body: Mapping[str, Any]) -> AIMessage:
        """Return the message in what the model sent."""

    @abstractmethod
    def submit(self, job: str, requests: Sequence[Request]) -> str:
        """Submit a job of ours, and return the service's id for it."""

    @abstractmethod
    def find(self, job: str, requests: Sequence[str], since: float, others: set[str]) -> str | None:
        """Return the service's id of a job whose submission was broken off; None if it has none.

        Args:
            job: Our name for it.
            requests: Names of its requests.
            since: When it was begun, in seconds since 1970.
            others: The service's ids of jobs that are known.
        """

    @abstractmethod
    def has_ended(self, job_id: str) -> bool:
        """Return whether a job has ended, be it with replies or not.

        Raises:
            JobRefusedError: If it was refused as a whole.
        """

    @abstractmethod
    def replies(self, job_id: str) -> Iterator[tuple[str, Reply]]:
        """Yield the replies of a job that has ended, by the names of their requests.

        They are in any order. A line that can't be read is none, and is counted in a warning.
        """

    def missing(self, job_id: str) -> Reply:
        """Return what stands for the reply to a request of a job that has ended without one."""
        return Reply(None, "the job has ended without a reply to the request", temporary=True)

    @abstractmethod
    def _reply(self, record: Mapping[str, Any]) -> Reply:
        """Return what a line of a file of replies says."""

    def _read(self, results: bytes, job_id: str) -> Iterator[tuple[str, Reply]]:
        unreadable = 0
        for line in filter(bytes.strip, results.split(b"\n")):
            try:
                record = json.loads(line)
                name, reply = str(record["custom_id"]), self._reply(record)
                if reply.body is not None:
                    self.message(reply.body)
            except (ValueError, KeyError, TypeError, AttributeError, IndexError):
                unreadable += 1
            else:
                yield name, reply
        if unreadable:
            lines = counted(unreadable, "line")
            logger.warning("%s of the results of %s could not be read.", lines, job_id)


class OpenAIBatches(BatchService):
    """OpenAI's: a file of requests for chat completions, and a file of what came of them."""

    name = "openai"
    most_requests = 50_000
    most_bytes = 190 * _MEBIBYTE
    _ENDED = ("completed", "expired", "cancelled")

    def body(
        self, model: str, messages: Sequence[BaseMessage], options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the body of a chat completion."""
        return {"model": model, "messages": convert_to_openai_messages(messages), **options}

    def message(self, body: Mapping[str, Any]) -> AIMessage:
        """Return the first choice of a chat completion."""
        choice = body["choices"][0]
        said = choice["message"]
        (message,) = convert_to_messages([{**said, "content": said.get("content") or ""}])
        usage = body.get("usage") or {}
        about = {
            "response_metadata": {
                "model_name": body.get("model"),
                "finish_reason": choice.get("finish_reason"),
            },
            "usage_metadata": _usage(usage.get("prompt_tokens"), usage.get("completion_tokens")),
        }
        if said.get("refusal"):
            about["additional_kwargs"] = {"refusal": said["refusal"]}
        return AIMessage(**{**message.model_dump(exclude={"type"}), **about})

    def submit(self, job: str, requests: Sequence[Request]) -> str:
        """Upload the file, and have it worked through."""
        lines = "".join(f"{json.dumps(_openai_line(each))}\n" for each in requests)
        file = self.client.files.create(file=(f"{job}.jsonl", lines.encode()), purpose="batch")
        batch = self._once.batches.create(
            input_file_id=file.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={_OUR_JOB: job},
        )
        return str(batch.id)

    def find(self, job: str, requests: Sequence[str], since: float, others: set[str]) -> str | None:
        """Look for the name of the job in the metadata of later ones."""
        for batch in self.client.batches.list(limit=100):
            if batch.created_at < since - _CLOCKS_DIFFER:
                return None
            if (batch.metadata or {}).get(_OUR_JOB) == job and batch.id not in others:
                return str(batch.id)
        return None

    def has_ended(self, job_id: str) -> bool:
        """Ask for the status."""
        batch = self.client.batches.retrieve(job_id)
        if batch.status == "failed":
            errors = (batch.errors and batch.errors.data) or ()
            why = "; ".join(str(error.message) for error in errors) or "no reason is given"
            raise JobRefusedError(f"OpenAI refused the job {job_id}: {why}")
        return batch.status in self._ENDED

    def replies(self, job_id: str) -> Iterator[tuple[str, Reply]]:
        """Read both files, that of the replies and that of the errors."""
        batch = self.client.batches.retrieve(job_id)
        for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
            yield from self._read(self.client.files.content(file_id).content, job_id)

    def missing(self, job_id: str) -> Reply:
        """Ask whether the job was cancelled: whoever did that does not want its requests."""
        if self.client.batches.retrieve(job_id).status == "cancelled":
            return _CANCELLED
        return super().missing(job_id)

    def _reply(self, record: Mapping[str, Any]) -> Reply:
        response, error = record.get("response") or {}, record.get("error")
        status, body = response.get("status_code"), response.get("body") or {}
        if error is None and status == 200:
            return Reply(body)
        error = error or body.get("error") or {}
        if error.get("code") == "batch_cancelled":
            return _CANCELLED
        words = f"{error.get('code') or status}: {error.get('message') or 'no reason is given'}"
        refused = isinstance(status, int) and 400 <= status < 500 and status not in (408, 409, 429)
        return Reply(None, words, temporary=not refused)


def _openai_line(request: Request) -> dict[str, Any]:
    return {
        "custom_id": request.id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": request.body,
    }


class AnthropicBatches(BatchService):
    """Anthropic's: a list of requests for messages, and a stream of what came of them."""

    name = "anthropic"
    most_requests = 100_000
    most_bytes = 240 * _MEBIBYTE
    _REFUSED = ("invalid_request_error", "authentication_error", "permission_error", "not_found")

    def body(
        self, model: str, messages: Sequence[BaseMessage], options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the parameters of a message."""
        system = [str(each.text) for each in messages if isinstance(each, SystemMessage)]
        others = [each for each in messages if not isinstance(each, SystemMessage)]
        stop = {"stop_sequences": options["stop"]} if "stop" in options else {}
        return {
            "model": model,
            "max_tokens": _ANTHROPIC_TOKENS,
            "messages": [_anthropic_message(each) for each in convert_to_openai_messages(others)],
            **({"system": "\n\n".join(system)} if system else {}),
            **{name: value for name, value in options.items() if name != "stop"},
            **stop,
        }

    def message(self, body: Mapping[str, Any]) -> AIMessage:
        """Return the text of a message, and its other blocks where it has any."""
        blocks, usage = body["content"], body.get("usage") or {}
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        read = [usage.get(name) or 0 for name in _ANTHROPIC_READ]
        return AIMessage(
            "".join(texts) if len(texts) == len(blocks) else blocks,
            response_metadata={
                "model_name": body.get("model"),
                "stop_reason": body.get("stop_reason"),
            },
            usage_metadata=_usage(sum(read) if usage else None, usage.get("output_tokens")),
        )

    def submit(self, job: str, requests: Sequence[Request]) -> str:
        """Send the list."""
        listed = [{"custom_id": each.id, "params": each.body} for each in requests]
        return str(self._once.messages.batches.create(requests=listed).id)

    def find(self, job: str, requests: Sequence[str], since: float, others: set[str]) -> str | None:
        """Look for its requests among the replies of later jobs; they have no names to search by.

        Those tell it only at their end, so that one which may be it is taken for it until then.
        """
        begun = datetime.fromtimestamp(since - _CLOCKS_DIFFER, UTC)
        running = None
        for batch in self.client.messages.batches.list(limit=100):
            if batch.created_at < begun:
                break
            counts = batch.request_counts.model_dump()
            if batch.id in others or sum(counts.values()) != len(requests):
                continue
            if batch.processing_status != "ended":
                running = running or str(batch.id)
            elif any(name in requests for name, _ in self.replies(batch.id)):
                return str(batch.id)
        return running

    def has_ended(self, job_id: str) -> bool:
        """Ask for the status."""
        batch = self.client.messages.batches.retrieve(job_id)
        return bool(batch.processing_status == "ended")

    def replies(self, job_id: str) -> Iterator[tuple[str, Reply]]:
        """Read the stream of results."""
        # Not by the client's own decoder, which gives up at a line that it can't read.
        streaming = self.client.messages.batches.with_streaming_response
        with streaming.results(job_id) as response:
            yield from self._read(response.read(), job_id)

    def _reply(self, record: Mapping[str, Any]) -> Reply:
        result = record["result"]
        if result["type"] == "succeeded":
            return Reply(result["message"])
        if result["type"] == "canceled":
            return _CANCELLED
        error = (result.get("error") or {}).get("error") or {}
        words = error.get("message") or f"the request was {result['type']}"
        return Reply(None, words, temporary=error.get("type") not in self._REFUSED)


_ANTHROPIC_READ = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def _anthropic_message(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if not isinstance(content, str):
        content = [_anthropic_block(block) for block in content]
    return {"role": message["role"], "content": content}


def _anthropic_block(block: Mapping[str, Any]) -> Mapping[str, Any]:
    if block.get("type") != "image_url":
        return block
    url = block["image_url"]["url"]
    if not url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": url}}
    kind, _, data = url.removeprefix("data:").partition(";base64,")
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def _usage(read: int | None, written: int | None) -> UsageMetadata | None:
    if read is None or written is None:
        return None
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


def _has_options(client: Any) -> bool:
    return callable(getattr(client, "with_options", None))


def service_for(client: Any) -> BatchService:
    """Return the batch interface of a client.

    Args:
        client: An `openai.OpenAI` (or `AzureOpenAI`) or an `anthropic.Anthropic`.

    Raises:
        TypeError: If it is another object, or a client for asyncio.
    """
    name = type(client).__name__
    if name.startswith("Async"):
        raise TypeError(
            f"client must be a client without asyncio, got {name}: give {name[5:]}(), which is "
            "called in threads while jobs are waited for."
        )
    if hasattr(getattr(client, "messages", None), "batches"):
        return AnthropicBatches(client)
    if hasattr(client, "batches") and hasattr(client, "files"):
        return OpenAIBatches(client)
    raise TypeError(
        f"client must be openai.OpenAI() or anthropic.Anthropic(), got {name}: other providers' "
        "batches are not known, record with record_traces."
    )


def in_jobs(service: BatchService, requests: Iterable[Request]) -> Iterator[list[Request]]:
    """Yield requests in jobs of a size that the service takes."""
    job: list[Request] = []
    size = 0
    for request in requests:
        more = len(json.dumps(_openai_line(request))) + 1  # of both forms the longer one
        if job and (len(job) == service.most_requests or size + more > service.most_bytes):
            yield job
            job, size = [], 0
        job.append(request)
        size += more
    if job:
        yield job
