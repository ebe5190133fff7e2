"""How long `semid --version` takes: heavy libraries are loaded only where they are used."""
import statistics

from harness import run


def measure(bench):
    seconds = [run([bench.build / 'semid', '--version'])[1] for _ in range(20 if bench.quick else 100)]
    ms = 1000 * statistics.median(seconds)
    bench.add('semid --version', 'semid', ms, 'ms', goal='< 10 ms', met=ms < 10)
