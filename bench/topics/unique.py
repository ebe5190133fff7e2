"""What --unique costs: encoding the reference mixture at 3x256 with it and without."""
from harness import DATA, Program, Unavailable

LEVELS, K = 3, 256


def measure(bench):
    if not bench.has('encode', '--unique'):
        raise Unavailable('this build has no --unique')
    rows = 50000 if bench.quick else 1000000
    data, folder = bench.data(rows), DATA / 'unique'
    if not (folder / 'codebooks.npz').exists():
        bench.semid('train', '--in', bench.data(20000), '--out', folder, '--L', LEVELS, '--K', K,
                    '--iters', 10)

    def encode(*options):
        return bench.semid('encode', '--load', folder / 'codebooks.npz', '--in', data, '--out',
                           DATA / 'codes-unique.npy', *options)
    plain = Program('semid encode', encode)
    bench.measure(f'encode {LEVELS}×{K}, {rows:,} rows',
                  [Program('semid encode --unique', lambda: encode('--unique'), ours=True), plain],
                  amount=rows, unit='rows/s',
                  note=lambda row: f"{row['memory'] / 1e6:.0f} MB",
                  goal=('< 1.5 × the time without',
                        lambda row, rows: row['seconds'] < 1.5 * rows[1]['seconds']))
