#!/usr/bin/env python3
"""Tiny random models of the BERT family and what Hugging Face's own give for a few texts.

    pip install torch transformers safetensors tokenizers
    python make_bert.py [NAME...]            # writes bert/<variant>/

Every variant: config.json, model.safetensors, its tokenizer, and expected.npy [3, texts, hidden]:
mean, cls and pooler, none of them normalised. texts.txt is shared; the variants that are not BERT
itself have texts_long.txt, where positions and distances matter. Sizes are no multiples of 8 on
purpose.
"""
import json
import os
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, Unigram, WordPiece
from tokenizers.trainers import BpeTrainer
from transformers import (BertConfig, BertModel, MPNetConfig, MPNetModel, RobertaConfig,
                          RobertaModel, XLMRobertaConfig, XLMRobertaModel)

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
TEXTS_LONG = TEXTS + [
    "steel <pad> bolt <mask> nut</s> washer <pad><pad> m6",
    "steel bolts, washers and nuts (a pack of 100): hex head screws m8, zinc plated. " * 14,
]
MAX_LEN = {"texts.txt": 24, "texts_long.txt": 200}


def bert_tokenizer():
    t = Tokenizer(WordPiece({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    t.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return t


def mpnet_tokenizer():
    words = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"] + WORDS[5:]
    t = Tokenizer(WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer()
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    t.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "[UNK]", AddedToken("<mask>", lstrip=True)])
    return t


def roberta_tokenizer():
    t = Tokenizer(BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(TEXTS_LONG * 2, BpeTrainer(
        vocab_size=330, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)]))
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return t


def xlm_roberta_tokenizer():
    """Words, and single characters for the rest."""
    words = ["\u2581" + w for w in WORDS[5:] if w[0] != "#"] + ["s", "er", "ing", "\u2581"]
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    vocab = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocab += [(w, -3.5 - 0.25 * i % 4) for i, w in enumerate(dict.fromkeys(words + letters))] + [("<mask>", 0.0)]
    t = Tokenizer(Unigram(vocab, 3))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    t.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)])
    return t


BERT = dict(config_class=BertConfig, model_class=BertModel, tokenizer=bert_tokenizer, texts="texts.txt",
            max_position_embeddings=40)
MPNET = dict(config_class=MPNetConfig, model_class=MPNetModel, tokenizer=mpnet_tokenizer,
             texts="texts_long.txt", max_position_embeddings=302)
ROBERTA = dict(config_class=RobertaConfig, model_class=RobertaModel, tokenizer=roberta_tokenizer,
               texts="texts_long.txt", max_position_embeddings=202)
XLM_ROBERTA = dict(config_class=XLMRobertaConfig, model_class=XLMRobertaModel,
                   tokenizer=xlm_roberta_tokenizer, texts="texts_long.txt", max_position_embeddings=202)
# as multilingual-e5-small and paraphrase-multilingual-MiniLM are: the one's model, the other's words
BERT_XLM = dict(config_class=BertConfig, model_class=BertModel, tokenizer=xlm_roberta_tokenizer,
                texts="texts_long.txt", max_position_embeddings=200)

VARIANTS = {
    # name: (family, config, weights' type, prefix of the names, gamma/beta for the normalisations)
    "gelu": (BERT, dict(hidden_size=24, num_attention_heads=3, intermediate_size=36), torch.float32,
             "", False),
    "gelu_new": (BERT, dict(hidden_size=20, num_attention_heads=2, intermediate_size=50,
                            hidden_act="gelu_new", type_vocab_size=1), torch.float16, "bert.", True),
    "relu": (BERT, dict(hidden_size=32, num_attention_heads=1, intermediate_size=16,
                        hidden_act="relu", layer_norm_eps=1e-5), torch.bfloat16, "", False),
    "mpnet": (MPNET, dict(hidden_size=36, num_attention_heads=3, intermediate_size=44,
                          layer_norm_eps=1e-5), torch.float32, "", False),
    "mpnet_head": (MPNET, dict(hidden_size=24, num_attention_heads=2, intermediate_size=20,
                               hidden_act="relu"), torch.bfloat16, "mpnet.", False),
    "roberta": (ROBERTA, dict(hidden_size=24, num_attention_heads=2, intermediate_size=40, type_vocab_size=1,
                              layer_norm_eps=1e-5), torch.float16, "roberta.", False),
    "xlm_roberta": (XLM_ROBERTA, dict(hidden_size=20, num_attention_heads=2, intermediate_size=32, type_vocab_size=1,
                                      layer_norm_eps=1e-5), torch.float32, "", False),
    "bert_xlm": (BERT_XLM, dict(hidden_size=16, num_attention_heads=2, intermediate_size=24), torch.float16, "",
                 False),
}


def make_model(seed, family, n_words, config):
    torch.manual_seed(seed)
    config = family["config_class"](
        vocab_size=n_words, num_hidden_layers=2,
        max_position_embeddings=family["max_position_embeddings"], **config)
    model = family["model_class"](config).eval()
    with torch.no_grad():  # the usual start is too tame: biases zero, every text nearly the same
        for name, p in model.named_parameters():
            scale = 1.0 if "embeddings.weight" in name or "relative" in name else 0.3
            p.copy_(torch.randn_like(p) * scale + (1 if "LayerNorm.weight" in name else 0))
    return model


def stored_name(name, prefix, old_names):
    if old_names:
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        name = name.replace("LayerNorm.bias", "LayerNorm.beta")
    return prefix + name


def expected(model, tokenizer, texts, max_len):
    rows = [[], [], []]
    tokenizer.enable_truncation(max_len)
    for text in texts:
        ids = torch.tensor([tokenizer.encode(text).ids])
        with torch.no_grad():
            out = model(input_ids=ids, attention_mask=torch.ones_like(ids))
        hidden = out.last_hidden_state[0]
        for row, value in zip(rows, (hidden.mean(0), hidden[0], out.pooler_output[0])):
            row.append(value.numpy())
    return np.array(rows, np.float32)


def save_tokenizer(tokenizer, family, folder):
    if family is BERT:
        with open(os.path.join(folder, "vocab.txt"), "w") as f:
            f.write("\n".join(WORDS) + "\n")
    else:
        tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)


def write_variant(seed, name):
    family, config, dtype, prefix, old_names = VARIANTS[name]
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    tokenizer = family["tokenizer"]()
    model = make_model(seed, family, tokenizer.get_vocab_size(), config)
    model.load_state_dict({k: v.to(dtype).float() if v.is_floating_point() else v
                           for k, v in model.state_dict().items()})
    save_file({stored_name(k, prefix, old_names): v.to(dtype).contiguous()
               for k, v in model.state_dict().items() if v.is_floating_point()},
              os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    keep = json.loads(model.config.to_json_string(use_diff=False))
    keys = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads",
            "intermediate_size", "hidden_act", "vocab_size", "max_position_embeddings",
            "type_vocab_size", "layer_norm_eps", "position_embedding_type", "pad_token_id",
            "relative_attention_num_buckets")
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump({k: keep[k] for k in keys if k in keep}, f, indent=1)
        f.write("\n")
    save_tokenizer(tokenizer, family, folder)
    texts = TEXTS if family["texts"] == "texts.txt" else TEXTS_LONG
    np.save(os.path.join(folder, "expected.npy"),
            expected(model, tokenizer, texts, MAX_LEN[family["texts"]]))


def main():
    for seed, name in enumerate(VARIANTS):
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            write_variant(seed, name)
    for name, texts in (("texts.txt", TEXTS), ("texts_long.txt", TEXTS_LONG)):
        with open(os.path.join(HERE, name), "w") as f:
            f.write("\n".join(texts) + "\n")


if __name__ == "__main__":
    main()
