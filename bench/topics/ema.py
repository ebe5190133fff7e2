"""An epoch of the quantizers with moving-average codebooks. Ours is the difference between runs of
many and of one epoch, divided: the start (k-means on a sample) is in neither."""
from harness import DATA, Program, Unavailable

DIM, BATCH, MORE_EPOCHS = 384, 1024, 4


def train(bench, data, options, epochs):
    result = bench.semid('train', '--in', data, '--out', DATA / 'ema', '--epochs', epochs,
                         '--batch-size', BATCH, *options)
    return result['report']


def epoch(bench, data, options):
    one = train(bench, data, options, 1)
    more = train(bench, data, options, MORE_EPOCHS)
    seconds = (more['timings']['train'] - one['timings']['train']) / (MORE_EPOCHS - 1)
    if seconds <= 0:
        raise Unavailable('the machine is too noisy: more epochs took less time')
    return {'seconds': seconds, 'used': min(level['used_ratio'] for level in more['levels']),
            'error': more['levels'][-1]['mse'] * DIM, 'memory': more['peak_memory_bytes']}


def note(row):
    error = f", E {row['error']:.4f}" if 'error' in row else ''
    return f"{100 * row['used']:.1f} % of the codewords used{error}"


def compare(bench, work, method, levels, k, rows, most, peers):
    """most: how many times the time at the fp32 peak an epoch may take."""
    data = bench.data(rows)
    options = ['--method', method, '--K', k] + (['--L', levels] if levels > 1 else [])
    programs = [Program(f'semid train --method {method}', ours=True,
                        work=lambda: epoch(bench, data, options))]
    programs += [bench.peer(name, 'torch', script, 'epoch', data, levels, k, BATCH, once=True)
                 for name, script in peers]
    bench.measure(f'{work}, an epoch of {rows:,} × {DIM}', programs, note=note,
                  flop=2.0 * rows * levels * k * DIM,
                  goal=(f"≤ {most} × the limit's time, ≥ 99 % used",
                        lambda row, _: row['of_limit'] >= 1 / most and row['used'] >= 0.99))
