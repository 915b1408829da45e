#!/usr/bin/env python3
"""Writes reference.safetensors: PyTorch's sentence embeddings of sentences.txt.

Usage: generate.py MODEL_DIR   (MODEL_DIR: what tools/fetch-minilm.sh prints)
Needs torch, transformers and safetensors; made with the versions that the
file's metadata names. Mean of the token embeddings over the attention mask,
then L2 normalization, as the model's modules.json says.
"""

import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent
sentences = (here / "sentences.txt").read_text().splitlines()
tokenizer = transformers.AutoTokenizer.from_pretrained(sys.argv[1])
model = transformers.AutoModel.from_pretrained(
    sys.argv[1], torch_dtype=torch.float32, attn_implementation="eager"
).eval()
batch = tokenizer(sentences, padding=True, return_tensors="pt")
with torch.no_grad():
    tokens = model(**batch).last_hidden_state
mask = batch["attention_mask"].unsqueeze(-1).float()
pooled = (tokens * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
embedding = torch.nn.functional.normalize(pooled, dim=1)
save_file(
    {
        "sentence_embedding": embedding.contiguous(),
        "input_ids": batch["input_ids"],
        "attention_mask": batch["attention_mask"],
    },
    here / "reference.safetensors",
    metadata={"torch": torch.__version__, "transformers": transformers.__version__},
)
