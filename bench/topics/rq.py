"""RQ-VAE with four levels of 256 codewords, no networks (semantic-id's has some)."""
from topics.ema import compare


def measure(bench):
    rows = 20000 if bench.quick else 200000
    compare(bench, 'RQ-VAE 4×256', 'rqvae', 4, 256, rows,
            1.4 if bench.tier.startswith('avx512') else 1.6,
            [('vector-quantize-pytorch', 'peer_vq_pytorch.py'),
             ('semantic-id RQVAE, networks included', 'peer_semantic_id.py')])
