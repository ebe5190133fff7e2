#!/usr/bin/env python3
"""Tiny random BERT models and what Hugging Face's own BertModel gives for a few texts.

    pip install torch 'transformers<4.40' safetensors 'numpy<2'
    python make_bert.py            # writes bert/<variant>/

Every variant: config.json, model.safetensors, vocab.txt, and expected.npy [3, texts, hidden]: mean,
cls and pooler, none of them normalised. texts.txt is shared. Sizes are no multiples of 8 on purpose.
"""
import json
import os

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, BertTokenizer

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bert")
WORDS = ("[PAD] [UNK] [CLS] [SEP] [MASK] steel bolt nut washer ##s ##er ##ing screw drive hex head "
         "m6 m8 zinc plated pack of 10 100 , . - ( ) a the for with rubber glove tape blue").split()
TEXTS = [
    "steel bolt m6, zinc plated [SEP] pack of 100",
    "a",
    "",
    "hex head screws (pack of 10) for the screw drivers",
    "rubber gloves blue - a pack of 100 with the tape. " * 3,
    "unknown words become [UNK] tokens",
    "washer",
]
MAX_LEN = 24

VARIANTS = {
    # name: (config, weights' type, prefix of the names, gamma/beta for the normalisations)
    "gelu": (dict(hidden_size=24, num_attention_heads=3, intermediate_size=36), torch.float32, "",
             False),
    "gelu_new": (dict(hidden_size=20, num_attention_heads=2, intermediate_size=50,
                      hidden_act="gelu_new", type_vocab_size=1), torch.float16, "bert.", True),
    "relu": (dict(hidden_size=32, num_attention_heads=1, intermediate_size=16, hidden_act="relu",
                  layer_norm_eps=1e-5), torch.bfloat16, "", False),
}


def make_model(seed, config):
    torch.manual_seed(seed)
    model = BertModel(BertConfig(vocab_size=len(WORDS), num_hidden_layers=2,
                                 max_position_embeddings=40, **config)).eval()
    with torch.no_grad():  # the usual start is too tame: biases zero, every text nearly the same
        for name, p in model.named_parameters():
            scale = 1.0 if "embeddings.weight" in name else 0.3
            p.copy_(torch.randn_like(p) * scale + (1 if "LayerNorm.weight" in name else 0))
    return model


def stored_name(name, prefix, old_names):
    if old_names:
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        name = name.replace("LayerNorm.bias", "LayerNorm.beta")
    return prefix + name


def expected(model, folder):
    tokenizer = BertTokenizer(os.path.join(folder, "vocab.txt"))
    rows = [[], [], []]
    for text in TEXTS:
        batch = tokenizer(text, truncation=True, max_length=MAX_LEN, return_tensors="pt")
        with torch.no_grad():
            out = model(**batch)
        hidden = out.last_hidden_state[0]
        for row, value in zip(rows, (hidden.mean(0), hidden[0], out.pooler_output[0])):
            row.append(value.numpy())
    return np.array(rows, np.float32)


def main():
    for seed, (name, (config, dtype, prefix, old_names)) in enumerate(VARIANTS.items()):
        folder = os.path.join(HERE, name)
        os.makedirs(folder, exist_ok=True)
        model = make_model(seed, config)
        model.load_state_dict({k: v.to(dtype).float() if v.is_floating_point() else v
                               for k, v in model.state_dict().items()})
        save_file({stored_name(k, prefix, old_names): v.to(dtype).contiguous()
                   for k, v in model.state_dict().items() if v.is_floating_point()},
                  os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        keep = json.loads(model.config.to_json_string(use_diff=False))
        keys = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads",
                "intermediate_size", "hidden_act", "vocab_size", "max_position_embeddings",
                "type_vocab_size", "layer_norm_eps", "position_embedding_type")
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump({k: keep[k] for k in keys}, f, indent=1)
            f.write("\n")
        with open(os.path.join(folder, "vocab.txt"), "w") as f:
            f.write("\n".join(WORDS) + "\n")
        np.save(os.path.join(folder, "expected.npy"), expected(model, folder))
    with open(os.path.join(HERE, "texts.txt"), "w") as f:
        f.write("\n".join(TEXTS) + "\n")


if __name__ == "__main__":
    main()
