"""How good the codes are, on real vectors (shared data): error of unseen rows (a fifth is held out)
and collisions of all items. Medians over the seeds 1 to 3."""
import statistics

from harness import DATA, SHARED, Unavailable

EMB = SHARED / 'oracle' / 'amazon23-industrial' / 'emb.npy'
DIM = 384
UNSEEN_GOALS = {(3, 64): .517, (4, 256): .4354}
COLLISION_GOALS = {(3, 64): .2412, (3, 256): .134}


def train(bench, levels, k, seed, *options):
    return bench.semid('train', '--in', EMB, '--out', DATA / 'quality', '--L', levels, '--K', k,
                       '--seed', seed, *options)['report']


def medians(reports):
    """Of what is compared, over seeds."""
    return {key: statistics.median(r[key] for r in reports) for key in reports[0]}


def unseen(report):
    return {'unseen': report['holdout']['levels'][-1]['mse'] * DIM,
            'error': report['levels'][-1]['mse'] * DIM}


def whole(report):
    return {'collisions': report['codes']['collision_ratio'],
            'error': report['levels'][-1]['mse'] * DIM,
            'perplexity': min(level['perplexity'] for level in report['levels'])}


def over_seeds(bench, summary, levels, k, *options):
    seeds = (1,) if bench.quick else (1, 2, 3)
    return medians([summary(train(bench, levels, k, s, *options)) for s in seeds])


def default_rows(bench):
    for (levels, k), goal in UNSEEN_GOALS.items():
        e = over_seeds(bench, unseen, levels, k, '--holdout', 0.2)['unseen']
        bench.add(f'unseen E at {levels}×{k}', 'semid', e, '', goal=f'≤ {goal}', met=e <= goal)
    for (levels, k), goal in COLLISION_GOALS.items():
        r = over_seeds(bench, whole, levels, k)
        bench.add(f'collisions at {levels}×{k}', 'semid', r['collisions'], '',
                  note=f"E {r['error']:.4f}, lowest perplexity {r['perplexity']:.1f}",
                  goal=f'≤ {goal}', met=r['collisions'] <= goal)


def balance_rows(bench):
    plain = over_seeds(bench, unseen, 3, 256, '--holdout', 0.2)['unseen']
    even = over_seeds(bench, unseen, 3, 256, '--holdout', 0.2, '--balance')['unseen']
    lowest = over_seeds(bench, whole, 3, 256, '--balance')['perplexity']
    bench.add('--balance at 3×256: lowest perplexity', 'semid', lowest, '', goal='≥ 243',
              met=lowest >= 243)
    bench.add('--balance at 3×256: unseen E over the default', 'semid', 100 * (even / plain - 1),
              '%', goal='≤ 2 %', met=even <= 1.02 * plain)


def unique_rows(bench):
    for levels, k, most in ((3, 256, 2), (3, 64, 3)):
        plain = over_seeds(bench, whole, levels, k)
        unique = over_seeds(bench, whole, levels, k, '--unique')
        more = 100 * (unique['error'] / plain['error'] - 1)
        bench.add(f'--unique at {levels}×{k}: error over the default', 'semid', more, '%',
                  note=f"collisions {unique['collisions']:.4f}", goal=f'≤ {most} %, no collision',
                  met=more <= most and unique['collisions'] == 0)


def peer_rows(bench, name, env, script):
    seeds = (1,) if bench.quick else (1, 2, 3)
    for levels, k in sorted(set(UNSEEN_GOALS) | set(COLLISION_GOALS)):
        runs = [bench.peer(name, env, script, 'quality', EMB, levels, k, s) for s in seeds]
        for program in runs:
            program.step(0, None)
            if program.reason:
                bench.missing(f'{levels}×{k}', name, program.reason)
                return
        for key, goals in (('unseen', UNSEEN_GOALS), ('collisions', COLLISION_GOALS)):
            if (levels, k) in goals:
                value = statistics.median(p.rounds[0][key] for p in runs)
                label = 'unseen E' if key == 'unseen' else key
                bench.add(f'{label} at {levels}×{k}', name, value, '', ours=False)


def measure(bench):
    if not EMB.exists():
        raise Unavailable('the shared data are not there')
    default_rows(bench)
    for flag, rows in (('--balance', balance_rows), ('--unique', unique_rows)):
        if bench.has('train', flag):
            rows(bench)
        else:
            bench.missing(flag, 'semid', 'this build has no such option')
    if bench.peers:
        peer_rows(bench, 'faiss-cpu ResidualQuantizer', 'faiss', 'peer_faiss.py')
        peer_rows(bench, 'scikit-learn', 'sklearn', 'peer_sklearn.py')
        peer_rows(bench, 'semantic-id', 'torch', 'peer_semantic_id.py')
