"""vector-quantize-pytorch: EMA codebooks.

    peer_vq_pytorch.py epoch DATA LEVELS K BATCH    the second epoch; the first starts it
    peer_vq_pytorch.py encode DATA CODEBOOKS OUT
"""
import sys

import numpy as np
import torch
from vector_quantize_pytorch import ResidualVQ, VectorQuantize

from common import load, report, timed, used_share


def build(dim, levels, k, **options):
    if levels == 1:
        return VectorQuantize(dim=dim, codebook_size=k, **options)
    return ResidualVQ(dim=dim, num_quantizers=levels, codebook_size=k, **options)


def in_batches(model, x, size):
    return np.concatenate([model(x[i:i + size])[1].numpy() for i in range(0, len(x), size)])


def epoch(data, levels, k, batch):
    torch.manual_seed(42)
    x = torch.from_numpy(load(data))
    levels, k, batch = int(levels), int(k), int(batch)
    model = build(x.shape[1], levels, k, decay=0.99, kmeans_init=True, kmeans_iters=10,
                  threshold_ema_dead_code=0.1 * batch / k)
    with torch.no_grad():
        model.train()
        model(x[:max(batch, 4 * k)])
        shuffled = x[torch.randperm(len(x))]
        seconds, _ = timed(lambda: in_batches(model, shuffled, batch))
        model.eval()
        codes = in_batches(model, x, batch)
    report(seconds=seconds, used=used_share(codes, k))


def encode(data, codebooks, out):
    x = torch.from_numpy(load(data))
    c = torch.from_numpy(np.load(codebooks)['codebooks'])
    model = build(c.shape[2], c.shape[0], c.shape[1])
    for layer, codewords in zip(model.layers, c):
        layer._codebook.embed.data.copy_(codewords[None])
    model.eval()
    with torch.no_grad():
        seconds, codes = timed(lambda: in_batches(model, x, 8192))
    np.save(out, codes.astype(np.int32))
    report(seconds=seconds)


globals()[sys.argv[1]](*sys.argv[2:])
