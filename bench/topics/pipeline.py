"""`semid run`: raw files to the evaluation table, on the shared catalogue or a made-up one."""
import shutil

from harness import DATA, MODEL, SHARED, Unavailable
from topics.preprocess import sample

RAW = SHARED / 'amazon23-industrial'


def measure(bench):
    if not MODEL.exists():
        raise Unavailable('the model is not there: scripts/get-model')
    if RAW.exists() and not bench.quick:
        reviews = RAW / 'Industrial_and_Scientific.jsonl.gz'
        meta = RAW / 'meta_Industrial_and_Scientific.jsonl.gz'
        name = 'the shared catalogue'
    else:
        raw = sample(bench, 500)
        reviews, meta, name = raw / 'reviews.jsonl', raw / 'meta.jsonl', '500 made-up items'
    out = DATA / 'run'
    shutil.rmtree(out, ignore_errors=True)
    result = bench.semid('run', '--reviews', reviews, '--meta', meta, '--model', MODEL, '--core', 0,
                         '--out', out)
    bench.add(f'semid run, {name}', 'semid', result['seconds'], 's')
    for step in result['report'].get('steps', []):
        if step.get('seconds') is not None:
            bench.add(f"… {step['step']}", 'semid', step['seconds'], 's')
    again = bench.semid('run', '--reviews', reviews, '--meta', meta, '--model', MODEL, '--core', 0,
                        '--out', out)
    bench.add('semid run again, nothing changed', 'semid', again['seconds'], 's')
