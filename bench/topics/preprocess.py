"""preprocess on a made-up catalogue: JSON lines in, split tables out, five-core."""
from harness import DATA, Program

CORE = 5


def sample(bench, items):
    folder = DATA / f'sample-{items}'
    if not (folder / 'meta.jsonl').exists():
        bench.semid('sample', '--items', items, '--out', folder)
    return folder


def note(row):
    memory = f", {row['memory'] / 1e6:.0f} MB of memory" if row.get('memory') else ''
    return f"{row['rows']:,.0f} rows kept{memory}"


def measure(bench):
    items = 2000 if bench.quick else 100000
    raw = sample(bench, items)
    reviews, meta = raw / 'reviews.jsonl', raw / 'meta.jsonl'

    def ours():
        result = bench.semid('preprocess', '--reviews', reviews, '--meta', meta, '--out',
                             DATA / 'preprocess', '--core', CORE)
        return {**result, 'rows': result['report']['after_core']['rows']}
    peers = [bench.peer(name, 'tables', 'peer_tables.py', engine, reviews, meta,
                        DATA / f'preprocess-{engine}', CORE)
             for name, engine in (('DuckDB, the same SQL', 'duckdb'), ('pandas', 'pandas'),
                                  ('Polars', 'polars'))]
    size = (reviews.stat().st_size + meta.stat().st_size) / 1e6
    bench.measure(f'preprocess {items:,} items, {size:.0f} MB of JSON lines',
                  [Program('semid preprocess', ours, ours=True)] + peers, amount=size, unit='MB/s',
                  note=note,
                  goal=("≤ 1.2 × DuckDB's time",
                        lambda row, rows: rows[1].get('ratio', 0) >= 1 / 1.2))
