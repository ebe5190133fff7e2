"""Encoding with 4x256 codebooks, greedy: the whole process on a file, against the rate that the
fp32 peak allows. Codes are compared with those of NumPy's sgemm and argmax."""
from harness import DATA, Program, run, environment, Unavailable

LEVELS, K, DIM = 4, 256, 384


def codebooks(bench):
    folder = DATA / 'encode'
    if not (folder / 'codebooks.npz').exists():
        bench.semid('train', '--in', bench.data(20000), '--out', folder, '--L', LEVELS, '--K', K,
                    '--iters', 10)
    return folder / 'codebooks.npz'


def same_codes(ours, theirs):
    script = ('import sys, numpy as np; a, b = (np.load(p) for p in sys.argv[1:]); '
              'print((a == b).all(1).mean())')
    return float(run([environment('faiss'), '-c', script, ours, theirs])[0])


def measure(bench):
    rows = 50000 if bench.quick else 1000000
    data, books = bench.data(rows), codebooks(bench)
    out = {name: DATA / f'codes-{name}.npy' for name in ('semid', 'numpy', 'faiss', 'vq')}
    programs = [
        Program('semid encode', ours=True, work=lambda: bench.semid(
            'encode', '--load', books, '--in', data, '--out', out['semid'])),
        bench.peer('NumPy sgemm + argmin', 'faiss', 'peer_numpy.py', 'encode', data, books,
                   out['numpy']),
        bench.peer('faiss-cpu ResidualQuantizer', 'faiss', 'peer_faiss.py', 'encode', data, books,
                   out['faiss'], once=True),
        bench.peer('vector-quantize-pytorch', 'torch', 'peer_vq_pytorch.py', 'encode', data, books,
                   out['vq'], once=True)]
    least = 1.5 if bench.tier.startswith('avx512') else 1.1
    work = f'encode 4×256, {rows:,} × {DIM}'
    bench.measure(work, programs, amount=rows, unit='rows/s', flop=2.0 * rows * K * DIM * LEVELS,
                  note=lambda row: f"{row['memory'] / 1e6:.0f} MB" if 'memory' in row else '',
                  goal=(f"≥ {least} × the limit's rate",
                        lambda row, _: row['of_limit'] >= least))
    if programs[1].rounds:
        try:
            same = same_codes(out['semid'], out['numpy'])
            bench.add(work, "rows with NumPy's codes", 100 * same, '%',
                      note='the rest are ties but for rounding')
        except Unavailable as e:
            bench.missing(work, "rows with NumPy's codes", str(e))
