"""The chat model as LangChain sees it, on a tiny model."""

import asyncio
import threading

import pytest
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_huggingface import ChatHuggingFace
from tiny_models import BOS, tiny_model, tiny_pipeline

from langchain_markovscale import BatchedChatHuggingFace, load_chat_model
from langchain_markovscale.local.scheduler import SchedulerClosed

QUESTIONS = [f"{'very ' * i}short?" for i in range(8)]


@pytest.fixture
def seen(tiny):
    """The token ids that the model is called with."""
    calls = []
    hook = tiny.llm.pipeline.model.register_forward_pre_hook(
        lambda _, args, kwargs: calls.append(kwargs["input_ids"].tolist()), with_kwargs=True
    )
    yield calls
    hook.remove()


def test_the_prompt_begins_once_and_is_not_echoed(tiny, seen):
    reply = tiny.invoke([SystemMessage("Be kind."), HumanMessage("Hello")])
    (prompt,) = seen[0]
    assert prompt.count(BOS) == 1
    assert prompt[0] == BOS
    text = tiny.tokenizer.decode(prompt, skip_special_tokens=True)
    assert text == "system: Be kind.\nuser: Hello\nassistant: "
    assert "Hello" not in reply.content
    assert reply.usage_metadata == {
        "input_tokens": len(prompt),
        "output_tokens": 12,
        "total_tokens": len(prompt) + 12,
    }


def test_the_reply_says_how_it_came_about(tiny):
    metadata = tiny.invoke("Hello").response_metadata
    assert metadata == {
        "model_name": "tiny",
        "model_provider": "huggingface",
        "finish_reason": "length",
        "mean_batch_size": 1.0,
    }


def test_every_way_of_calling_gives_the_same_text(tiny):
    alone = [tiny.invoke(question).content for question in QUESTIONS]
    assert len(set(alone)) > 1
    generations = tiny.generate([[HumanMessage(question)] for question in QUESTIONS]).generations
    chain = ChatPromptTemplate([("human", "{question}")]) | tiny
    ways = {
        "batch": [reply.content for reply in tiny.batch(QUESTIONS)],
        "chain": [r.content for r in chain.batch([{"question": q} for q in QUESTIONS])],
        "generate": [generation[0].text for generation in generations],
        "stream": ["".join(chunk.content for chunk in tiny.stream(q)) for q in QUESTIONS],
    }
    for way, texts in ways.items():
        assert texts == alone, way


async def test_every_way_of_awaiting_gives_the_same_text(tiny):
    alone = [tiny.invoke(question).content for question in QUESTIONS]
    assert [reply.content for reply in await tiny.abatch(QUESTIONS)] == alone
    streamed = [[chunk.content async for chunk in tiny.astream(q)] for q in QUESTIONS]
    assert ["".join(pieces) for pieces in streamed] == alone


@pytest.mark.parametrize("way", ["batch", "generate", "abatch", "threads"])
def test_concurrent_calls_share_a_batch(way):
    model = BatchedChatHuggingFace(llm=tiny_pipeline(), max_tokens=20, gather_seconds=0.05)
    questions = [f"Question {i}" for i in range(24)]
    if way == "generate":
        result = model.generate([[HumanMessage(question)] for question in questions])
        replies = [generation[0].message for generation in result.generations]
    elif way == "abatch":
        replies = asyncio.run(model.abatch(questions))
    elif way == "batch":
        replies = model.batch(questions)
    else:
        replies = [None] * 24

        def call(i):
            replies[i] = model.invoke(questions[i])

        threads = [threading.Thread(target=call, args=(i,)) for i in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert min(reply.response_metadata["mean_batch_size"] for reply in replies) > 12
    model.close()


def test_a_wish_for_fewer_threads_is_kept(tiny):
    replies = tiny.batch(QUESTIONS, {"max_concurrency": 2})
    assert max(reply.response_metadata["mean_batch_size"] for reply in replies) <= 2


async def test_cancelling_a_call_leaves_the_others_alone(tiny):
    expected = [(await tiny.ainvoke(question, max_tokens=60)).content for question in QUESTIONS]
    tasks = [asyncio.create_task(tiny.ainvoke(q, max_tokens=60)) for q in QUESTIONS]
    await asyncio.sleep(0.02)
    tasks[3].cancel()
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(replies[3], asyncio.CancelledError)
    assert [reply.content for reply in replies[:3] + replies[4:]] == expected[:3] + expected[4:]


def test_a_stream_that_nobody_reads_to_the_end_is_ended(tiny, seen):
    stream = tiny.stream("Hello", max_tokens=400)
    next(stream)
    stream.close()
    tiny.invoke("again", max_tokens=2)
    assert len(seen) < 300


def test_a_stream_adds_up_to_the_reply(tiny):
    whole = tiny.invoke("Hello", logprobs=True, top_logprobs=2)
    chunks = list(tiny.stream("Hello", logprobs=True, top_logprobs=2))
    added = chunks[0]
    for chunk in chunks[1:]:
        added += chunk
    assert added.content == whole.content
    assert added.usage_metadata == whole.usage_metadata
    logprobs = added.response_metadata["logprobs"]["content"]
    assert logprobs == whole.response_metadata["logprobs"]["content"]
    assert len(logprobs) == 12
    assert [len(entry["top_logprobs"]) for entry in logprobs] == [2] * 12
    assert added.response_metadata["finish_reason"] == "length"


def test_usage_is_reported_to_callbacks(tiny):
    usage = UsageMetadataCallbackHandler()
    tiny.batch(["one", "two"], {"callbacks": [usage]})
    assert usage.usage_metadata["tiny"]["output_tokens"] == 24


def test_an_existing_chat_model_keeps_its_settings():
    plain = ChatHuggingFace(
        llm=tiny_pipeline(), tokenizer=tiny_pipeline().pipeline.tokenizer, temperature=0.7, seed=3
    )
    model = BatchedChatHuggingFace(llm=plain, max_tokens=9)
    assert isinstance(model, ChatHuggingFace)
    assert (model.temperature, model.seed, model.max_tokens) == (0.7, 3, 9)
    assert model.llm is plain.llm
    assert model.invoke("Hello").usage_metadata["output_tokens"] == 9
    model.close()


def settings_of(model, stop=None, **options):
    return model._generation_options(stop, options)


def test_the_call_decides_before_the_model_and_the_model_before_the_checkpoint():
    network = tiny_model()
    network.generation_config.update(do_sample=True, temperature=0.6, top_p=0.8, top_k=20)
    network.generation_config.repetition_penalty = 1.1
    llm = tiny_pipeline(network, pipeline_kwargs={"max_new_tokens": 33})
    model = BatchedChatHuggingFace(llm=llm, top_p=0.9, stop=["\n"])
    settings = settings_of(model, temperature=0.0)
    assert (settings.temperature, settings.top_p, settings.top_k) == (0.0, 0.9, 20)
    assert (settings.max_tokens, settings.repetition_penalty) == (33, 1.1)
    assert settings.stop == ["\n"]
    assert settings_of(model).temperature == 0.6
    assert settings_of(model, ["."]).stop == ["."]


def test_a_pipeline_that_samples_samples():
    llm = tiny_pipeline(pipeline_kwargs={"do_sample": True, "max_new_tokens": 5})
    assert settings_of(BatchedChatHuggingFace(llm=llm)).temperature == 1.0


def test_without_any_setting_decoding_is_greedy_and_bounded(tiny):
    model = BatchedChatHuggingFace(llm=tiny.llm)
    assert settings_of(model).sampling.temperature == 0
    assert model._get_ls_params()["ls_max_tokens"] == 256


def test_traces_name_the_model_and_its_settings(tiny):
    params = tiny._get_ls_params(stop=["."], temperature=0.5)
    assert params == {
        "ls_provider": "huggingface",
        "ls_model_name": "tiny",
        "ls_model_type": "chat",
        "ls_max_tokens": 12,
        "ls_temperature": 0.5,
        "ls_stop": ["."],
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, r"temperature\s+Input should be greater than or equal to 0"),
        ({"top_p": 0.0}, r"top_p\s+Input should be greater than 0"),
        ({"max_tokens": 0}, r"max_tokens\s+Input should be greater than or equal to 1"),
        ({"temprature": 1.0}, r"temprature\s+Extra inputs are not permitted"),
        ({"tools": []}, r"tools\s+Extra inputs are not permitted"),
    ],
)
def test_a_wrong_option_is_refused(tiny, options, message):
    with pytest.raises(ValueError, match=message):
        tiny.invoke("Hello", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, "greater than or equal to 0"),
        ({"n": 3}, "n=3 is not supported by the local engine: leave it out"),
        ({"frequency_penalty": 0.5}, "frequency_penalty=0.5 is not supported"),
        ({"llm": "gpt2"}, "llm must be a HuggingFacePipeline .* got 'gpt2'"),
    ],
)
def test_a_wrong_field_is_refused(tiny, options, message):
    with pytest.raises(ValueError, match=message):
        BatchedChatHuggingFace(**{"llm": tiny.llm, **options})


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "messages is empty"),
        ([HumanMessage([{"type": "image", "url": "x"}])], "content of type 'image'"),
    ],
)
def test_messages_that_cannot_be_read_are_refused(tiny, messages, message):
    with pytest.raises(ValueError, match=message):
        tiny.invoke(messages)


def test_a_model_without_a_chat_template_is_refused(tiny):
    llm = tiny_pipeline()
    llm.pipeline.tokenizer.chat_template = None
    with pytest.raises(ValueError, match="has no chat template: take an instruction-tuned model"):
        BatchedChatHuggingFace(llm=llm).invoke("Hello")


def test_content_blocks_and_any_last_message_are_read(tiny, seen):
    tiny.invoke([HumanMessage([{"type": "text", "text": "Hello"}]), AIMessage("Well,")])
    text = tiny.tokenizer.decode(seen[0][0], skip_special_tokens=True)
    assert text == "user: Hello\nassistant: Well,\nassistant: "


def test_tools_are_refused_where_the_template_has_none(tiny):
    with pytest.raises(NotImplementedError, match="serve the model with vLLM"):
        tiny.bind_tools([])
    with pytest.raises(NotImplementedError, match="parse the text"):
        tiny.with_structured_output({})


def test_a_closed_model_says_so():
    model = BatchedChatHuggingFace(llm=tiny_pipeline(), max_tokens=2)
    model.invoke("Hello")
    model.close()
    with pytest.raises(SchedulerClosed, match="closed"):
        model.invoke("Hello")


def test_a_prompt_near_the_end_of_the_context_leaves_room_for_less(tiny):
    prompt = "x" * (512 - len("user: \nassistant: ") - 1 - 5)
    reply = tiny.invoke(prompt, max_tokens=50)
    assert reply.usage_metadata["total_tokens"] == 512
    assert reply.response_metadata["finish_reason"] == "length"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny-chat"
    tiny_model().save_pretrained(path)
    tiny_pipeline().pipeline.tokenizer.save_pretrained(path)
    return path


@pytest.mark.parametrize("options", [{}, {"device": "cpu"}, {"device_map": {"": "cpu"}}])
def test_a_folder_is_loaded_without_a_word(folder, tiny, options, capfd):
    model = load_chat_model(f"hf:{folder}", dtype="float32", max_tokens=12, **options)
    assert capfd.readouterr() == ("", "")
    assert model.model_id == "tiny-chat"
    assert model.invoke("Hello").content == tiny.invoke("Hello").content
    model.close()


def test_options_go_to_where_they_belong(folder):
    model = BatchedChatHuggingFace.from_model_id(
        str(folder),
        device="cpu",
        model_kwargs={"attn_implementation": "eager"},
        temperature=0.5,
        max_batch_size=3,
    )
    network = model.llm.pipeline.model
    assert network.config._attn_implementation == "eager"
    assert network.device.type == "cpu"
    assert (model.temperature, model.engine.max_batch_size) == (0.5, 3)
    with pytest.raises(ValueError, match=r"max_token\s+Extra inputs are not permitted"):
        load_chat_model(str(folder), max_token=3)


def test_a_cache_tells_local_models_apart(tmp_path, monkeypatch):
    def identity(source=None):
        pipeline = tiny_pipeline()
        pipeline.pipeline.model.name_or_path = "" if source is None else str(source)
        return BatchedChatHuggingFace(llm=pipeline)._identifying_params["path"]

    one, other = tmp_path / "a" / "checkpoint-100", tmp_path / "b" / "checkpoint-100"
    one.mkdir(parents=True), other.mkdir(parents=True)
    assert identity(one) != identity(other)
    monkeypatch.chdir(one.parent)
    assert identity("checkpoint-100") == identity(one)
    assert identity() != identity()
