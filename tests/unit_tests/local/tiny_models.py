"""Models of a few thousand weights, made on the spot: quick, exact, and of any architecture."""

import torch
from langchain_huggingface import HuggingFacePipeline
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedTokenizerFast,
    pipeline,
)

SPECIAL = ["<pad>", "<s>", "</s>", "<extra_0>"]
PAD, BOS, EOS, MARKER = range(len(SPECIAL))
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
SMALL = {
    "vocab_size": 260,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "initializer_range": 0.4,  # large enough for the outputs to vary
    "bos_token_id": BOS,
    "eos_token_id": EOS,
    "pad_token_id": PAD,
}
ARCHITECTURES = {
    "llama": {},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512},
    "mistral": {"sliding_window": 12},  # all layers forget
    "gemma2": {"sliding_window": 12, "query_pre_attn_scalar": 8},  # every other layer forgets
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False},
}


def tiny_tokenizer():
    """One token per byte; adds a BOS by itself, as many do, though the template writes one."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", BOS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        chat_template=TEMPLATE,
    )


def tiny_config(architecture="llama", **options):
    return AutoConfig.for_model(architecture, **{**SMALL, **ARCHITECTURES[architecture], **options})


def tiny_model(architecture="llama", seed=0, **options):
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(tiny_config(architecture, **options)).eval()


def tiny_pipeline(model=None, **options):
    generator = pipeline("text-generation", model=model or tiny_model(), tokenizer=tiny_tokenizer())
    return HuggingFacePipeline(pipeline=generator, model_id="tiny", **options)
