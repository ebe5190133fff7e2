"""VQ-VAE with 4096 codewords."""
from topics.ema import compare


def measure(bench):
    k, rows = (1024, 20000) if bench.quick else (4096, 200000)
    compare(bench, f'VQ-VAE K = {k}', 'vqvae', 1, k, rows,
            1.0 if bench.tier.startswith('avx512') else 1.2,
            [('vector-quantize-pytorch', 'peer_vq_pytorch.py')])
