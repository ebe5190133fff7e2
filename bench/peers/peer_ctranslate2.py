"""CTranslate2.

    peer_ctranslate2.py convert MODEL FOLDER TYPE       TYPE: float32 or int8
    peer_ctranslate2.py embed MODEL FOLDER TEXTS OUT BATCH_TOKENS

Mean pooling and normalisation are done here."""
import sys

import numpy as np

from common import by_length, finish_embedding, in_their_order, n_threads, read_texts, timed


def convert(folder, out, kind):
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(folder).convert(out, quantization=kind, force=True)


def embed(folder, converted, texts, out, batch_tokens):
    import ctranslate2
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(f'{folder}/tokenizer.json')
    tokenizer.enable_truncation(128)
    tokenizer.no_padding()
    encoder = ctranslate2.Encoder(converted, device='cpu', inter_threads=1,
                                  intra_threads=n_threads())
    texts = read_texts(texts)

    def run(ids):
        hidden = np.asarray(encoder.forward_batch(ids).last_hidden_state)
        mask = (np.arange(hidden.shape[1])[None] < np.array([len(i) for i in ids])[:, None])
        sums = (hidden * mask[:, :, None]).sum(1)
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)

    def work():
        ids = [e.ids for e in tokenizer.encode_batch(texts)]
        batches = by_length(texts, [len(i) for i in ids], max(1, int(batch_tokens) // 128))
        return in_their_order(batches, [run([ids[i] for i in b]) for b in batches], len(texts))
    run([e.ids for e in tokenizer.encode_batch(texts[:8])])
    seconds, vectors = timed(work)
    finish_embedding(vectors, seconds, out)


globals()[sys.argv[1]](*sys.argv[2:])
