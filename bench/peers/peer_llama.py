"""llama.cpp.

    peer_llama.py convert MODEL FILE.gguf f32|q8_0
    peer_llama.py embed MODEL FILE.gguf TEXTS OUT

q8_0 holds the weights of the layers in 8 bits, as its own tools do."""
import json
import os
import sys

import numpy as np

from common import finish_embedding, n_threads, read_texts, timed

NAMES = {'attention.self.query': 'attn_q', 'attention.self.key': 'attn_k',
         'attention.self.value': 'attn_v', 'attention.output.dense': 'attn_output',
         'attention.output.LayerNorm': 'attn_output_norm', 'intermediate.dense': 'ffn_up',
         'output.dense': 'ffn_down', 'output.LayerNorm': 'layer_output_norm'}
TABLES = {'embeddings.word_embeddings.weight': 'token_embd.weight',
          'embeddings.position_embeddings.weight': 'position_embd.weight',
          'embeddings.token_type_embeddings.weight': 'token_types.weight',
          'embeddings.LayerNorm.weight': 'token_embd_norm.weight',
          'embeddings.LayerNorm.bias': 'token_embd_norm.bias'}


def gguf_name(name):
    if name in TABLES:
        return TABLES[name]
    parts = name.split('.')
    if parts[:2] != ['encoder', 'layer']:
        return None  # the pooler
    return f"blk.{parts[2]}.{NAMES['.'.join(parts[3:-1])]}.{parts[-1]}"


def add_vocabulary(writer, folder):
    import gguf

    with open(f'{folder}/vocab.txt', encoding='utf-8') as f:
        tokens = f.read().split('\n')[:-1]
    def spelled(token):
        if token.startswith('##'):
            return token[2:]
        return token if token.startswith('[') and token.endswith(']') else '\u2581' + token
    special = [t.startswith('[') and t.endswith(']') and len(t) > 2 for t in tokens]
    writer.add_tokenizer_model('bert')
    writer.add_token_list([spelled(t) for t in tokens])
    writer.add_token_types([gguf.TokenType.CONTROL if s else gguf.TokenType.NORMAL
                            for s in special])
    writer.add_token_type_count(2)
    for add, token in ((writer.add_bos_token_id, '[CLS]'), (writer.add_eos_token_id, '[SEP]'),
                       (writer.add_sep_token_id, '[SEP]'), (writer.add_unk_token_id, '[UNK]'),
                       (writer.add_pad_token_id, '[PAD]')):
        if token in tokens:
            add(tokens.index(token))


def convert(folder, out, kind):
    import gguf
    from safetensors.numpy import load_file

    os.makedirs(os.path.dirname(out), exist_ok=True)
    with open(f'{folder}/config.json', encoding='utf-8') as f:
        config = json.load(f)
    writer = gguf.GGUFWriter(out, 'bert')
    writer.add_block_count(config['num_hidden_layers'])
    writer.add_context_length(config['max_position_embeddings'])
    writer.add_embedding_length(config['hidden_size'])
    writer.add_feed_forward_length(config['intermediate_size'])
    writer.add_head_count(config['num_attention_heads'])
    writer.add_layer_norm_eps(config['layer_norm_eps'])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    add_vocabulary(writer, folder)
    for name, tensor in load_file(f'{folder}/model.safetensors').items():
        target = gguf_name(name)
        if target is None or tensor.dtype != np.float32:
            continue
        if kind == 'q8_0' and tensor.ndim == 2 and target.startswith('blk.'):
            quantized = gguf.quants.quantize(tensor, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(target, quantized, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(target, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def embed(folder, file, texts, out):
    from llama_cpp import Llama

    model = Llama(file, embedding=True, n_ctx=2048, n_batch=2048, n_ubatch=2048,
                  n_threads=n_threads(), n_threads_batch=n_threads(), verbose=False)
    texts = read_texts(texts)
    tokens = [model.tokenize(t.encode(), special=True) for t in texts]
    # The library cuts at the batch, not at 128: the text is cut where the tokens end.
    texts = [t if len(ids) <= 128 else cut(model, ids) for t, ids in zip(texts, tokens)]
    model.embed(texts[:8], normalize=True)
    seconds, vectors = timed(lambda: model.embed(texts, normalize=True))
    finish_embedding(vectors, seconds, out)


def cut(model, ids):
    return model.detokenize(ids[1:127]).decode(errors='ignore')


globals()[sys.argv[1]](*sys.argv[2:])
