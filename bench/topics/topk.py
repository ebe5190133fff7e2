"""Top 100 by inner product over all items, as eval searches; the first rows are the queries."""
from harness import Program


def measure(bench):
    rows, queries = (20000, 200) if bench.quick else (200000, 1000)
    data = bench.data(rows)

    def search():
        cases = bench.micro('bench_topk', '--rounds', 1, '--min-seconds', 0, data, queries)
        return {'seconds': cases[1]['seconds']}
    faiss = bench.peer('faiss-cpu IndexFlatIP', 'faiss', 'peer_faiss.py', 'topk', data, queries)
    bench.measure(f'top 100 of {rows:,} × 384, {queries} queries',
                  [Program('semid, the search of eval', search, ours=True), faiss],
                  amount=queries, unit='queries/s', flop=2.0 * rows * queries * 384,
                  goal=('≥ faiss-cpu', lambda row, rows: rows[1].get('ratio', 0) >= 1))
