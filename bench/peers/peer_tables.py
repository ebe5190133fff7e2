"""preprocess in other programs: the same k-core, last-out split and join with the items.

    peer_tables.py pandas|polars|duckdb REVIEWS META OUT CORE

JSON lines in, four Parquet files out. Malformed lines are skipped where the program can."""
import json
import os
import sys

from common import report, timed

COLUMNS = ['user_id', 'parent_asin', 'timestamp', 'rating']
ITEM_COLUMNS = ['parent_asin', 'title', 'description']


def read_lines(path, columns):
    """Column by column, for the programs that stop at a malformed line."""
    table = {c: [] for c in columns}
    with open(path, encoding='utf-8') as f:
        for line in f:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if row.get(columns[0]) is None:
                continue
            for c in columns:
                value = row.get(c)
                table[c].append(' '.join(value) if isinstance(value, list) else value)
    return table


def with_pandas(reviews, meta, out, core):
    import pandas as pd

    rows = pd.DataFrame(read_lines(reviews, COLUMNS)).dropna(subset=['parent_asin', 'timestamp'])
    rows = rows.sort_values('timestamp', kind='stable')
    rows = rows.drop_duplicates(['user_id', 'parent_asin'])
    before = -1
    while core > 1 and len(rows) != before:
        before = len(rows)
        for column in ('user_id', 'parent_asin'):
            rows = rows[rows.groupby(column)[column].transform('size') >= core]
    from_end = rows.groupby('user_id').cumcount(ascending=False)
    items = pd.DataFrame(read_lines(meta, ITEM_COLUMNS)).drop_duplicates('parent_asin')
    rows = rows.merge(items, on='parent_asin', how='left')
    from_end = from_end.to_numpy()
    for name, part in (('test', from_end == 0), ('valid', from_end == 1), ('train', from_end > 1)):
        rows[part].to_parquet(f'{out}/{name}.parquet')
    kept = rows[['parent_asin']].drop_duplicates().sort_values('parent_asin')
    kept.merge(items, on='parent_asin', how='left').to_parquet(f'{out}/items.parquet')
    return len(rows)


def with_polars(reviews, meta, out, core):
    import polars as pl

    rows = pl.DataFrame(read_lines(reviews, COLUMNS), strict=False)
    rows = rows.drop_nulls(['parent_asin', 'timestamp']).sort('timestamp', maintain_order=True)
    rows = rows.unique(['user_id', 'parent_asin'], keep='first', maintain_order=True)
    before = -1
    while core > 1 and len(rows) != before:
        before = len(rows)
        for column in ('user_id', 'parent_asin'):
            rows = rows.filter(pl.len().over(column) >= core)
    items = pl.DataFrame(read_lines(meta, ITEM_COLUMNS), strict=False)
    items = items.unique('parent_asin', keep='first', maintain_order=True)
    rows = rows.with_columns(
        (pl.len().over('user_id') - 1 - pl.int_range(pl.len()).over('user_id')).alias('from_end'))
    rows = rows.join(items, on='parent_asin', how='left', maintain_order='left')
    for name, part in (('test', pl.col('from_end') == 0), ('valid', pl.col('from_end') == 1),
                       ('train', pl.col('from_end') > 1)):
        rows.filter(part).write_parquet(f'{out}/{name}.parquet')
    kept = rows.select('parent_asin').unique().sort('parent_asin')
    kept.join(items, on='parent_asin', how='left').write_parquet(f'{out}/items.parquet')
    return len(rows)


def with_duckdb(reviews, meta, out, core):
    import duckdb

    db = duckdb.connect()
    db.execute(f"""CREATE TABLE rows AS
        SELECT * FROM (SELECT *, row_number() OVER () AS number
            FROM read_json('{reviews}', format='newline_delimited', ignore_errors=true,
                 columns={{user_id: 'VARCHAR', parent_asin: 'VARCHAR', timestamp: 'BIGINT',
                           rating: 'DOUBLE'}}))
        WHERE user_id IS NOT NULL AND parent_asin IS NOT NULL AND timestamp IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY user_id, parent_asin
                                   ORDER BY timestamp, number) = 1""")
    count, before = db.execute('SELECT count(*) FROM rows').fetchone()[0], -1
    while core > 1 and count != before:
        before = count
        for column in ('user_id', 'parent_asin'):
            db.execute(f"""CREATE OR REPLACE TABLE rows AS SELECT * FROM rows
                QUALIFY count(*) OVER (PARTITION BY {column}) >= {core}""")
        count = db.execute('SELECT count(*) FROM rows').fetchone()[0]
    db.execute(f"""CREATE TABLE items AS
        SELECT parent_asin, first(title) AS title,
            array_to_string(first(description), ' ') AS description
        FROM read_json('{meta}', format='newline_delimited', ignore_errors=true,
             columns={{parent_asin: 'VARCHAR', title: 'VARCHAR', description: 'VARCHAR[]'}})
        GROUP BY parent_asin""")
    db.execute("""CREATE TABLE placed AS SELECT *, row_number() OVER
        (PARTITION BY user_id ORDER BY timestamp DESC, number DESC) AS from_end FROM rows""")
    for name, part in (('test', '= 1'), ('valid', '= 2'), ('train', '> 2')):
        db.execute(f"""COPY (SELECT placed.*, title, description
            FROM placed LEFT JOIN items USING (parent_asin) WHERE from_end {part}
            ORDER BY timestamp, number) TO '{out}/{name}.parquet' (FORMAT parquet)""")
    db.execute(f"""COPY (SELECT * FROM (SELECT DISTINCT parent_asin FROM rows)
        LEFT JOIN items USING (parent_asin) ORDER BY parent_asin)
        TO '{out}/items.parquet' (FORMAT parquet)""")
    return count


engine, reviews_path, meta_path, folder, least = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
elapsed, n_rows = timed(
    lambda: globals()[f'with_{engine}'](reviews_path, meta_path, folder, int(least)))
report(seconds=elapsed, rows=n_rows)
