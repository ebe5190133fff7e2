"""eval on a made-up catalogue with vectors of the reference mixture, in the reference's mode
(neighbours of the profile's code, exhaustive search where that gives nothing), against the usual
loop over rows in Python on the first of the same rows. Seconds a test row."""
from harness import DATA, Program, environment, run
from topics.preprocess import sample

IDS = ('import sys, pyarrow.parquet as pq, numpy as np; '
       'np.save(sys.argv[2], np.array(pq.read_table(sys.argv[1], columns=["item_id"])'
       '["item_id"].to_pylist())); print(len(np.load(sys.argv[2])))')
METHOD = 'rqkmeans'


def prepare(bench, items):
    folder = DATA / f'eval-{items}'
    emb, done = folder / 'emb.npy', folder / 'done'
    if done.exists():
        return folder
    raw = sample(bench, items)
    bench.semid('preprocess', '--reviews', raw / 'reviews.jsonl', '--meta', raw / 'meta.jsonl',
                '--out', folder / 'data', '--core', 0)
    n = run([environment('tables'), '-c', IDS, folder / 'data/items.parquet', folder / 'ids.npy'])
    run([bench.build / 'bench/make_data', emb, n[0].strip()])
    method = folder / 'outputs' / METHOD
    bench.semid('train', '--in', emb, '--out', method, '--L', 3, '--K', 256, '--iters', 5)
    bench.semid('export', '--codes', method / 'codes.npy', '--ids', folder / 'ids.npy', '--out',
                method / 'items.parquet')
    bench.semid('build-inverted', '--items', method / 'items.parquet', '--outdir', method)
    done.touch()
    return folder


def measure(bench):
    items, peer_rows = (2000, 100) if bench.quick else (100000, 300)
    folder = prepare(bench, items)
    data, method = folder / 'data', folder / 'outputs' / METHOD
    tables = [data / f'{name}.parquet' for name in ('train', 'valid', 'test')]
    reports = []

    def ours():
        result = bench.semid('eval', '--train', tables[0], '--valid', tables[1], '--test', tables[2],
                             '--items-emb', folder / 'emb.npy', '--items-ids', folder / 'ids.npy',
                             '--methods', METHOD, '--outputs-dir', folder / 'outputs', '--reference',
                             '--out', folder / 'offline_eval.csv')
        report = result['report']['methods'][0]
        n_rows = report['evaluated'] + report['cold_start_skipped']
        reports.append(n_rows)
        return {'seconds': result['seconds'] / n_rows, 'memory': result['memory']}
    peer = bench.peer('a loop over rows in Python', 'tables', 'peer_reference_eval.py', 'eval',
                      *tables, folder / 'emb.npy', folder / 'ids.npy', method / 'codes.npy',
                      method / 'codebooks.npz', peer_rows)
    rows = bench.measure(f'eval --reference, {items:,} items', [Program('semid eval', ours, ours=True),
                                                               peer],
                         amount=1, unit='rows/s',
                         goal=('≥ 100 × the loop',
                               lambda row, rows: rows[1].get('ratio', 0) >= 100))
    if reports:
        rows[0]['note'] = f'{reports[-1]:,} rows, whole process'
