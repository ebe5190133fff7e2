"""RQ-KMeans 4x256: the time to the error that faiss-cpu has after 25 iterations on all rows.

Ours is the whole process, reading, encoding of all rows and writing included; the peers' time is
their training alone. E is the mean squared norm of the residuals of all rows."""
from harness import DATA, Program, Unavailable

LEVELS, ITERS, DIM = 4, 25, 384

# From cheap to thorough: the first that reaches the error is what is timed.
LADDER = [['--max-train', 32768, '--iters', 10], ['--max-train', 65536, '--iters', 6],
          ['--max-train', 65536, '--iters', 10], ['--max-train', 65536, '--iters', 25],
          ['--iters', 5], ['--iters', 8], ['--iters', 12], ['--iters', 25],
          ['--iters', 50, '--tol', 0]]


def train(bench, data, k, *options):
    result = bench.semid('train', '--in', data, '--out', DATA / 'rqkmeans', '--L', LEVELS, '--K', k,
                         *options)
    result['error'] = result['report']['levels'][-1]['mse'] * DIM
    return result


def cheapest(bench, data, k, target):
    """The options of the first rung that reaches the error."""
    for options in LADDER:
        if train(bench, data, k, *options)['error'] <= target:
            return options
    raise Unavailable(f'no setting tried reaches an error of {target:.4f}')


def target_error(bench, faiss):
    """The peer's error, or 0 where there is no peer."""
    faiss.step(0, bench.peak())
    if faiss.rounds:
        return faiss.rounds.pop()['error']
    return 0


def note(row):
    memory = f", {row['memory'] / 1e6:.0f} MB" if row.get('memory') else ''
    return f"E {row['error']:.4f}{memory}"


def measure(bench):
    rows, k = (10000, 64) if bench.quick else (200000, 256)
    data = bench.data(rows)
    shape = [data, LEVELS, k, ITERS]
    faiss = bench.peer('faiss-cpu Kmeans, 25 iterations', 'faiss', 'peer_faiss.py', 'kmeans', *shape)
    target = target_error(bench, faiss)
    programs = [Program('semid, plain Lloyd, 25 iterations', ours=True, work=lambda: train(
        bench, data, k, '--iters', ITERS, '--tol', 0, '--no-shrink')),
        Program('semid by default', lambda: train(bench, data, k), ours=True), faiss]
    if target:
        options = cheapest(bench, data, k, target)
        name = "semid to faiss-cpu's E: " + ' '.join(map(str, options))
        programs.insert(0, Program(name, lambda: train(bench, data, k, *options), ours=True))
    programs += [
        bench.peer('scikit-learn', 'sklearn', 'peer_sklearn.py', 'kmeans', *shape, once=True),
        bench.peer('semantic-id', 'torch', 'peer_semantic_id.py', 'kmeans', *shape, once=True)]
    least = 5 if bench.tier.startswith('avx512') else 3
    bench.measure(f'RQ-KMeans 4×{k}, {rows:,} × {DIM}', programs, note=note,
                  flop=2.0 * rows * k * DIM * ITERS * LEVELS,
                  goal=(f'≥ {least} × faster than faiss-cpu to its E',
                        lambda row, all_rows: all_rows[programs.index(faiss)].get('ratio', 0) >= least))
