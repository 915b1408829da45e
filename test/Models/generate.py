#!/usr/bin/env python3
# ===- generate.py - Tiny checkpoints with reference outputs --------------===//
#
# Part of the Quench project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------===//
"""Writes the fixtures of test/Models with the `transformers` package.

Every fixture is a folder as `save_pretrained` writes it, with random weights,
biases and gains, and one `bB-tT.safetensors` for each batch B and length T
(tokens of the sequence that the layers see): the inputs, and the outputs that
transformers computes in f32 with eager attention. The metadata entry `outputs`
names the outputs. With `--trained DIR` the trained models of DIR get reference
files too. The tests need only the files; this script needs torch 2.15.0,
transformers 5.24.0, safetensors 0.8.0 and tokenizers 0.23.3.
"""

import argparse
import json
import os
import shutil

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
import transformers
from transformers import (BertConfig, BertForMaskedLM,
                          BertForSequenceClassification,
                          BertForTokenClassification, BertModel, DeiTConfig,
                          DeiTForImageClassification,
                          DeiTForImageClassificationWithTeacher, GPT2Config,
                          GPT2LMHeadModel, GPT2Model, LlamaConfig,
                          LlamaForCausalLM, MambaConfig, MambaForCausalLM,
                          MistralConfig, MistralForCausalLM, OPTConfig,
                          OPTForCausalLM, Qwen2Config, Qwen2ForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM, ViTConfig,
                          ViTForImageClassification, ViTModel)

FULL = [(b, t) for b in (1, 3) for t in (1, 17, 200)]
SHORT = [(3, 17), (1, 200)]

BERT = dict(vocab_size=53, hidden_size=24, num_hidden_layers=2,
            num_attention_heads=3, intermediate_size=40,
            max_position_embeddings=203, type_vocab_size=2)
VISION = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
              intermediate_size=40, num_channels=3, patch_size=2, num_labels=7)
LLAMA = dict(vocab_size=53, hidden_size=24, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2,
             intermediate_size=37, max_position_embeddings=256,
             tie_word_embeddings=False)


def randomize(model):
    """Gives every parameter random values that a wrong use would betray."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("A_log"):
                parameter.add_(0.3 * torch.randn_like(parameter))
            elif name.endswith("norm.weight") or "norm" in name.lower(
            ) and name.endswith("weight") or "ln_" in name and name.endswith(
                    "weight"):
                parameter.uniform_(0.5, 1.5)
            elif parameter.dim() == 1:
                parameter.normal_(0, 0.3)
            elif "embed" in name or "wte" in name or "wpe" in name:
                parameter.normal_(0, 0.8)
            else:
                # The selection of Mamba multiplies three of its outputs.
                gain = 0.5 if "x_proj" in name else 1.2
                fan_in = parameter[0].numel()
                parameter.normal_(0, gain / fan_in**0.5)


def edit_config(folder, edit):
    path = os.path.join(folder, "config.json")
    with open(path) as stream:
        config = json.load(stream)
    edit(config)
    with open(path, "w") as stream:
        json.dump(config, stream, indent=2)
        stream.write("\n")


def rope_as_v4(config):
    """Spells the rotary embedding and the data type as transformers 4 does."""
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = rope if rope.get("rope_type",
                                              "default") != "default" else None
    config["torch_dtype"] = config.pop("dtype", "float32")


def rename(folder, how):
    path = os.path.join(folder, "model.safetensors")
    tensors = {how(name): value for name, value in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def write_reference(folder, batch, length, inputs, outputs):
    data = {**inputs, **outputs}
    data = {name: value.contiguous() for name, value in data.items()}
    save_file(data, os.path.join(folder, f"b{batch}-t{length}.safetensors"),
              metadata={"outputs": ",".join(outputs)})


def load(cls, folder, **options):
    model, info = cls.from_pretrained(folder, attn_implementation="eager",
                                      dtype=torch.float32,
                                      output_loading_info=True, **options)
    assert not info["missing_keys"] and not info["mismatched_keys"], info
    return model.eval()


def text_inputs(config, batch, length, seed):
    generator = torch.Generator().manual_seed(seed)
    return {"input_ids": torch.randint(config.vocab_size, (batch, length),
                                       generator=generator)}


def run_bert(model, folder, shapes, sentence=False):
    for batch, length in shapes:
        inputs = text_inputs(model.config, batch, length, 7 * batch + length)
        ids = inputs["input_ids"]
        if batch > 1:
            mask = torch.ones_like(ids)
            mask[1, (length + 1) // 2:] = 0
            mask[2, 1:length - 1:3] = 0
            inputs["attention_mask"] = mask
            inputs["token_type_ids"] = (torch.arange(length).expand(
                batch, length) > length // 3).long()
        with torch.no_grad():
            result = model(**inputs)
        names = [name for name in ("last_hidden_state", "pooler_output",
                                   "logits") if name in result]
        outputs = {name: result[name] for name in names}
        if sentence:
            weights = inputs.get("attention_mask",
                                 torch.ones_like(ids))[..., None].float()
            mean = (outputs["last_hidden_state"] *
                    weights).sum(1) / weights.sum(1).clamp(min=1e-9)
            outputs["sentence_embedding"] = torch.nn.functional.normalize(mean)
        write_reference(folder, batch, length, inputs, outputs)


def run_decoder(model, folder, shapes, positions=None):
    """`positions(length)` chooses the positions whose logits are kept."""
    for batch, length in shapes:
        inputs = text_inputs(model.config, batch, length, 7 * batch + length)
        with torch.no_grad():
            result = model(**inputs, use_cache=False)
        name = "logits" if "logits" in result else "last_hidden_state"
        value = result[name]
        if positions:
            kept = torch.tensor(positions(length))
            inputs["positions"] = kept
            value = value[:, kept]
        write_reference(folder, batch, length, inputs, {name: value})


def run_vision(model, folder, batches, length):
    height, width = model.config.image_size if not isinstance(
        model.config.image_size, int) else 2 * [model.config.image_size]
    for batch in batches:
        generator = torch.Generator().manual_seed(batch + length)
        pixels = torch.randn(batch, model.config.num_channels, height, width,
                             generator=generator)
        with torch.no_grad():
            result = model(pixel_values=pixels)
        outputs = {name: result[name] for name in ("logits",
                                                   "last_hidden_state",
                                                   "pooler_output")
                   if name in result}
        write_reference(folder, batch, length, {"pixel_values": pixels},
                        outputs)


class Writer:

    def __init__(self, root):
        self.root = root

    def save(self, name, cls, config, seed=1, edit=None, tensors=None,
             dtype=None, **options):
        """Writes the checkpoint and reads it back as users would."""
        folder = os.path.join(self.root, name)
        shutil.rmtree(folder, ignore_errors=True)
        torch.manual_seed(seed)
        model = cls(config)
        randomize(model)
        model.tie_weights()
        if dtype:
            model = model.to(dtype)
        model.save_pretrained(folder, **options)
        generation = os.path.join(folder, "generation_config.json")
        if os.path.exists(generation):
            os.remove(generation)
        if edit:
            edit_config(folder, edit)
        loaded = load(cls, folder)
        if tensors:
            rename(folder, tensors)
        return loaded, folder

    def bert(self):
        model, folder = self.save("bert", BertModel, BertConfig(**BERT))
        run_bert(model, folder, FULL)

        # A masked language model: prefix, tied decoder, tanh GELU.
        config = BertConfig(**BERT, hidden_act="gelu_new")
        model, folder = self.save("bert-mlm", BertForMaskedLM, config)
        run_bert(model, folder, SHORT)

        # A classifier under the names of the first releases.
        config = BertConfig(**BERT, num_labels=3, hidden_act="relu")
        legacy = lambda name: name.replace(
            "LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta")
        model, folder = self.save("bert-classifier",
                                  BertForSequenceClassification, config,
                                  tensors=legacy)
        run_bert(model, folder, SHORT)

        config = BertConfig(**BERT, num_labels=5, hidden_act="quick_gelu")
        model, folder = self.save("bert-tokens", BertForTokenClassification,
                                  config)
        run_bert(model, folder, SHORT)

        # A sentence-transformers folder with a word-piece vocabulary.
        config = BertConfig(**BERT)
        model, folder = self.save("bert-sentence", BertModel, config, seed=5)
        run_bert(model, folder, FULL, sentence=True)
        self.sentence(folder)

    def sentence(self, folder):

        def write(path, value):
            path = os.path.join(folder, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as stream:
                json.dump(value, stream, indent=2)
                stream.write("\n")

        kinds = ["cls_token", "mean_tokens", "max_tokens",
                 "mean_sqrt_len_tokens"]
        pooling = {"pooling_mode_" + kind: kind == "mean_tokens"
                   for kind in kinds}
        write("1_Pooling/config.json",
              {"word_embedding_dimension": BERT["hidden_size"], **pooling})
        package = "sentence_transformers.models."
        parts = [("", "Transformer"), ("1_Pooling", "Pooling"),
                 ("2_Normalize", "Normalize")]
        write("modules.json", [{"idx": i, "name": str(i), "path": path,
                                "type": package + kind}
                               for i, (path, kind) in enumerate(parts)])
        write("sentence_bert_config.json",
              {"max_seq_length": 128, "do_lower_case": False})
        write("tokenizer_config.json", {
            "do_lower_case": True, "unk_token": "[UNK]", "sep_token": "[SEP]",
            "pad_token": "[PAD]", "cls_token": "[CLS]",
            "mask_token": "[MASK]", "tokenize_chinese_chars": True,
            "strip_accents": None, "tokenizer_class": "BertTokenizer",
            "model_max_length": 203})
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        words += [chr(c) for c in range(ord("a"), ord("z") + 1)]
        words += ["##" + c for c in "aeinorst"]
        words += ["the", "a\u00df", "tree", "##ing", "\u6728", ".", ",", "!",
                  "stone", "##ly", "house", "water", "##ed", "bread"]
        assert len(words) == BERT["vocab_size"] and len(set(words)) == len(
            words), len(words)
        with open(os.path.join(folder, "vocab.txt"), "w",
                  encoding="utf-8") as stream:
            stream.write("".join(word + "\n" for word in words))

    def vit(self):
        # 1 patch; 16 patches and the class token; 199 and the class token.
        for length, size in ((2, 2), (17, [4, 16]), (200, [2, 398])):
            config = ViTConfig(**VISION, image_size=size,
                               qkv_bias=length != 2)
            model, folder = self.save(f"vit-{length}",
                                      ViTForImageClassification, config)
            run_vision(model, folder, (1, 3), length)
        config = ViTConfig(**VISION, image_size=[4, 16], pooler_act="tanh")
        model, folder = self.save("vit-bare", ViTModel, config)
        run_vision(model, folder, (3,), 17)

    def deit(self):
        # 1 patch; 15 and two tokens; 198 and two tokens.
        for length, size in ((3, 2), (17, [6, 10]), (200, [22, 36])):
            config = DeiTConfig(**VISION, image_size=size)
            model, folder = self.save(f"deit-{length}",
                                      DeiTForImageClassificationWithTeacher,
                                      config)
            run_vision(model, folder, (1, 3), length)
        config = DeiTConfig(**VISION, image_size=[6, 10])
        model, folder = self.save("deit-classifier",
                                  DeiTForImageClassification, config)
        run_vision(model, folder, (3,), 17)

    def llama(self):
        model, folder = self.save("llama", LlamaForCausalLM,
                                  LlamaConfig(**LLAMA))
        run_decoder(model, folder, FULL)

        # Llama 3.2: tied head, scaled frequencies, version 4 spelling.
        config = LlamaConfig(
            **{**LLAMA, "tie_word_embeddings": True},
            rope_parameters=dict(rope_type="llama3", rope_theta=10000.0,
                                 factor=4.0, low_freq_factor=1.0,
                                 high_freq_factor=4.0,
                                 original_max_position_embeddings=64))
        model, folder = self.save("llama-tied", LlamaForCausalLM, config,
                                  edit=rope_as_v4)
        run_decoder(model, folder, SHORT)

        config = LlamaConfig(
            **LLAMA, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5,
            hidden_act="gelu_pytorch_tanh",
            rope_parameters=dict(rope_type="linear", rope_theta=5000.0,
                                 factor=2.5))
        model, folder = self.save("llama-bias", LlamaForCausalLM, config)
        run_decoder(model, folder, SHORT)

        config = LlamaConfig(
            **{**LLAMA, "head_dim": 16},
            rope_parameters=dict(rope_type="yarn", rope_theta=10000.0,
                                 factor=4.0, beta_fast=32.0, beta_slow=1.0,
                                 original_max_position_embeddings=64))
        model, folder = self.save("llama-yarn", LlamaForCausalLM, config)
        run_decoder(model, folder, SHORT)

    def mistral(self):
        config = MistralConfig(**{**LLAMA, "hidden_size": 18,
                                  "num_attention_heads": 3,
                                  "num_key_value_heads": 1},
                               head_dim=10, sliding_window=12)
        model, folder = self.save("mistral", MistralForCausalLM, config)
        run_decoder(model, folder, FULL)
        config = MistralConfig(**LLAMA, sliding_window=None)
        model, folder = self.save("mistral-bf16", MistralForCausalLM, config,
                                  dtype=torch.bfloat16)
        run_decoder(model, folder, SHORT)

    def qwen2(self):
        # Tied, in shards; the second layer slides.
        config = Qwen2Config(**{**LLAMA, "tie_word_embeddings": True},
                             use_sliding_window=True, sliding_window=12,
                             max_window_layers=1)
        model, folder = self.save("qwen2", Qwen2ForCausalLM, config,
                                  max_shard_size="12KB")
        run_decoder(model, folder, FULL)

        def old(config):
            rope_as_v4(config)
            config.pop("layer_types", None)

        config = Qwen2Config(**LLAMA)
        model, folder = self.save("qwen2-untied", Qwen2ForCausalLM, config,
                                  edit=old)
        run_decoder(model, folder, SHORT)

    def qwen3(self):
        config = Qwen3Config(**{**LLAMA, "hidden_size": 20}, head_dim=8)
        model, folder = self.save("qwen3", Qwen3ForCausalLM, config)
        run_decoder(model, folder, FULL)

    def gpt2(self):
        shape = dict(vocab_size=53, n_embd=24, n_layer=2, n_head=3,
                     n_positions=256)
        model, folder = self.save("gpt2", GPT2LMHeadModel, GPT2Config(**shape))
        run_decoder(model, folder, FULL)
        config = GPT2Config(**shape, n_inner=50,
                            scale_attn_by_inverse_layer_idx=True)
        model, folder = self.save("gpt2-bare", GPT2Model, config)
        run_decoder(model, folder, SHORT)

    def opt(self):
        shape = dict(vocab_size=53, hidden_size=24, num_hidden_layers=2,
                     num_attention_heads=3, ffn_dim=40,
                     max_position_embeddings=256)
        config = OPTConfig(**shape, word_embed_proj_dim=24)
        model, folder = self.save("opt", OPTForCausalLM, config)
        run_decoder(model, folder, FULL)
        # The 350m form: norms after the branches, narrow embeddings.
        config = OPTConfig(**shape, word_embed_proj_dim=14,
                           do_layer_norm_before=False)
        model, folder = self.save("opt-post-norm", OPTForCausalLM, config)
        run_decoder(model, folder, SHORT)

    def mamba(self):
        shape = dict(vocab_size=53, hidden_size=20, state_size=5,
                     num_hidden_layers=2, conv_kernel=4, expand=2)
        config = MambaConfig(**shape, tie_word_embeddings=True)
        model, folder = self.save("mamba", MambaForCausalLM, config)
        run_decoder(model, folder, FULL)
        config = MambaConfig(**{**shape, "conv_kernel": 3}, use_bias=True,
                             use_conv_bias=False, time_step_rank=3,
                             tie_word_embeddings=False)
        model, folder = self.save("mamba-bias", MambaForCausalLM, config)
        run_decoder(model, folder, SHORT)


def trained_references(root):
    """Reference files for the trained models that lie in `root`."""
    for name in sorted(os.listdir(root)):
        folder = os.path.join(root, name)
        expected = os.path.join(folder, "expected.safetensors")
        if not os.path.exists(expected):
            continue
        with open(os.path.join(folder, "config.json")) as stream:
            cls = getattr(transformers, json.load(stream)["architectures"][0])
        model = load(cls, folder)
        with safe_open(expected, "pt") as stream:
            logits = stream.get_tensor("logits")
            with torch.no_grad():
                if "input_ids" in stream.keys():
                    result = model(stream.get_tensor("input_ids"))
                else:
                    images = load_file(
                        os.path.join(root, "data", "digits-test.safetensors"))
                    result = model(images["pixel_values"])
        print(name, "max |difference|", (result.logits - logits).abs().max())
        if model.config.model_type == "vit":
            run_vision(model, folder, (1, 3), 17)
        else:
            # All positions of 200 would be a megabyte.
            run_decoder(model, folder, FULL,
                        lambda n: sorted({0, n // 2, n - 1}))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*",
                        help="families to write (default: all)")
    parser.add_argument("--output", default=here)
    parser.add_argument("--trained", action="store_true",
                        help="only write references of the trained models")
    arguments = parser.parse_args()
    transformers.utils.logging.disable_progress_bar()
    if arguments.trained:
        return trained_references(arguments.output)
    families = ["bert", "vit", "deit", "llama", "mistral", "qwen2", "qwen3",
                "gpt2", "opt", "mamba"]
    writer = Writer(arguments.output)
    for family in arguments.families or families:
        getattr(writer, family)()


if __name__ == "__main__":
    main()
