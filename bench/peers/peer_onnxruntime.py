"""ONNX Runtime.

    peer_onnxruntime.py convert MODEL FOLDER            model.onnx, fused.onnx and int8.onnx
    peer_onnxruntime.py embed MODEL FOLDER/NAME.onnx TEXTS OUT

Mean pooling and normalisation are done here: the graph ends at the last hidden state."""
import os
import sys

import numpy as np

from common import by_length, finish_embedding, in_their_order, n_threads, read_texts, timed


def convert(folder, out):
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer
    from transformers import AutoModel

    class Hidden(torch.nn.Module):
        """The whole model; its own mask code, which the exporter does not follow, replaced."""
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            hidden = self.model.embeddings(input_ids=input_ids, token_type_ids=token_type_ids)
            blocked = (1.0 - attention_mask[:, None, None, :].float()) * -3e38
            return self.model.encoder(hidden, attention_mask=blocked).last_hidden_state

    model = AutoModel.from_pretrained(folder, attn_implementation='eager').eval()
    os.makedirs(out, exist_ok=True)
    names = ['input_ids', 'attention_mask', 'token_type_ids']
    example = tuple(torch.ones(2, 16, dtype=torch.long) for _ in names)
    axes = {name: {0: 'batch', 1: 'tokens'} for name in names + ['last_hidden_state']}
    plain, fused = f'{out}/model.onnx', f'{out}/fused.onnx'
    torch.onnx.export(Hidden(model), example, plain, input_names=names, dynamic_axes=axes,
                      output_names=['last_hidden_state'], opset_version=17, dynamo=False)
    c = model.config
    optimizer.optimize_model(plain, model_type='bert', num_heads=c.num_attention_heads,
                             hidden_size=c.hidden_size).save_model_to_file(fused)
    quantize_dynamic(plain, f'{out}/int8.onnx', weight_type=QuantType.QInt8,
                     per_channel=True, reduce_range=True)


def pool(hidden, mask):
    sums = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def embed(folder, graph, texts, out):
    import onnxruntime
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads()
    session = onnxruntime.InferenceSession(graph, options, providers=['CPUExecutionProvider'])
    wanted = {i.name for i in session.get_inputs()}
    tokenizer = Tokenizer.from_file(f'{folder}/tokenizer.json')
    tokenizer.enable_truncation(128)
    tokenizer.enable_padding()
    texts = read_texts(texts)

    def run(batch):
        encoded = tokenizer.encode_batch([texts[i] for i in batch])
        ids = np.array([e.ids for e in encoded], dtype=np.int64)
        mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
        feed = {'input_ids': ids, 'attention_mask': mask, 'token_type_ids': np.zeros_like(ids)}
        hidden = session.run(None, {k: v for k, v in feed.items() if k in wanted})[0]
        return pool(hidden, mask.astype(np.float32))

    def work():
        batches = by_length(texts, [len(t) for t in texts], 16)
        return in_their_order(batches, [run(b) for b in batches], len(texts))
    run(range(min(8, len(texts))))
    seconds, vectors = timed(work)
    finish_embedding(vectors, seconds, out)


globals()[sys.argv[1]](*sys.argv[2:])
