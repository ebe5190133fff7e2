"""What the topics of bench/run share: running semid and the peers, taking turns, medians, rows."""
import json
import os
import re
import shutil
import statistics
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DEPS = ROOT / '.deps'
PEERS = DEPS / 'bench'
DATA = HERE / 'data'
SHARED = ROOT.parent / 'shared' / 'data'
MODEL = DEPS / 'models' / 'all-MiniLM-L6-v2'


class Unavailable(Exception):
    """Why something cannot be measured here; becomes a row of the table."""


def run(command, timeout=None, env=None):
    """Runs a program to its end: its standard output, seconds and highest memory in bytes."""
    start = time.perf_counter()
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE, env={**os.environ, **(env or {})}) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise Unavailable(f'stopped after {timeout:.0f} s') from None
    seconds = time.perf_counter() - start
    if process.returncode != 0:
        raise Unavailable(reason(err, process.returncode))
    return out, seconds


def reason(err, status):
    """Python's exception, or the last line that says anything."""
    lines = [line.strip() for line in err.splitlines() if line.strip(' ^~|')]
    named = [line for line in lines if re.match(r'[A-Za-z_.]+(Error|Exception)\b', line)]
    return (named or lines or [f'ended with status {status}'])[-1][:200]


def last_json(out):
    lines = [line for line in out.splitlines() if line.startswith('{')]
    if not lines:
        raise Unavailable('printed no result')
    return json.loads(lines[-1])


def environment(name):
    """The python of a peer's environment, which `bench/run --install` makes."""
    wanted, folder = HERE / 'peers' / f'{name}.txt', PEERS / name
    stamp = folder / 'requirements.txt'
    if not stamp.exists() or stamp.read_text() != wanted.read_text():
        raise Unavailable(f'bench/run --install {name} makes its environment')
    return folder / 'bin' / 'python'


def install(name):
    """Takes minutes, so it is not done while something is measured."""
    wanted, folder = HERE / 'peers' / f'{name}.txt', PEERS / name
    python = folder / 'bin' / 'python'
    run([find_python(), '-m', 'venv', folder])
    run([python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', wanted],
        env={'CMAKE_ARGS': '-DLLAVA_BUILD=OFF'})  # llama.cpp: only what embeds text
    shutil.copy(wanted, folder / 'requirements.txt')


def find_python():
    return '/usr/bin/python3' if Path('/usr/bin/python3').exists() else 'python3'


class Program:
    """One column of a comparison. `once`: too slow for every round."""
    def __init__(self, name, work, ours=False, once=False):
        self.name, self.work, self.ours, self.once = name, work, ours, once
        self.rounds, self.reason = [], None

    def step(self, n, peak):
        if self.reason or (self.once and n > 0):
            return
        try:
            figures = self.work()
            self.rounds.append({**figures, 'peak': peak, 'round': n})
        except Unavailable as e:
            self.reason = str(e)

    def median(self, key):
        values = [r[key] for r in self.rounds if r.get(key) is not None]
        return statistics.median(values) if values else None


class Bench:
    def __init__(self, args):
        self.build = Path(args.build).resolve()
        self.quick, self.peers = args.quick, not args.no_peers
        self.n_rounds = args.rounds or (1 if args.quick else 3)
        self.timeout = args.timeout
        self.rows, self.topic = [], None
        if not (self.build / 'semid').exists() or not (self.build / 'bench/bench_peak').exists():
            raise SystemExit(f'bench/run: {self.build}: expected a build with -DSEMID_BENCH=ON')
        self.tier = self.micro('bench_peak', '--rounds', 1, 'limit')[0]['tier']

    # ---- ours ----

    def semid(self, *args, env=None):
        """A whole process: wall seconds, highest memory, and its report."""
        command = [self.build / 'semid', *args, '--json', '--quiet']
        out, seconds = run(command, env=env)
        report = json.loads(out) if out.strip() else {}
        return {'seconds': seconds, 'memory': report.get('peak_memory_bytes'), 'report': report}

    def has(self, command, flag):
        return flag in run([self.build / 'semid', command, '--help'])[0]

    def micro(self, program, *args):
        out, _ = run([self.build / 'bench' / program, *args])
        return [json.loads(line) for line in out.splitlines()]

    def peak(self):
        """float32 multiply-adds as FLOP/s: the limit that figures are held against."""
        return self.micro('bench_peak', '--rounds', 1, '--min-seconds', 0.3, 'limit')[0]['rate']

    def data(self, rows):
        path = DATA / f'mixture-{rows}.npy'
        if not path.exists():
            DATA.mkdir(exist_ok=True)
            run([self.build / 'bench/make_data', path, rows])
        return path

    # ---- peers ----

    def peer(self, name, env, script, *args, once=False):
        """A Program that runs bench/peers/<script> in an environment."""
        def work():
            return last_json(run([environment(env), HERE / 'peers' / script, *args],
                                 timeout=self.timeout, env={'PYTHONWARNINGS': 'ignore'})[0])
        program = Program(name, work, once=once)
        if not self.peers:
            program.reason = 'left out with --no-peers'
        return program

    # ---- measuring ----

    def measure(self, work, programs, amount=None, unit='s', flop=None, note=None, goal=None):
        """Rounds of: the peak, then every program in turn. A row each.

        amount, unit: figures are amount / seconds in that unit; without, seconds. flop: what the
        plain way costs, held against the peak. note(figures of the median) -> text.
        goal: (text, test of our row -> bool)."""
        for n in range(self.n_rounds):
            peak = self.peak()
            for program in programs:
                print(f'bench: {self.topic}: round {n + 1}: {program.name}', flush=True)
                program.step(n, peak)
        ours = next((p for p in programs if p.ours and p.rounds), None)
        rows = [self.row(work, p, ours, amount, unit, flop, note) for p in programs]
        if goal and ours:
            row = rows[programs.index(ours)]
            row['goal'], row['met'] = goal[0], bool(goal[1](row, rows))
        self.rows += rows
        return rows

    def row(self, work, program, ours, amount, unit, flop, note):
        row = {'topic': self.topic, 'work': work, 'program': program.name, 'ours': program.ours}
        if not program.rounds:
            row['note'] = f'not available: {program.reason}'
            return row
        seconds = program.median('seconds')
        row.update(seconds=seconds, unit=unit, rounds=len(program.rounds),
                   value=amount / seconds if amount else seconds)
        if flop:
            row['of_limit'] = statistics.median(
                flop / r['peak'] / r['seconds'] for r in program.rounds)
        if ours and not program.ours:
            mine = {r['round']: r['seconds'] for r in ours.rounds}
            row['ratio'] = statistics.median(
                r['seconds'] / mine[r['round']] for r in program.rounds if r['round'] in mine)
        for key in ('error', 'used', 'memory', 'cosine', 'rows'):
            if program.median(key) is not None:
                row[key] = program.median(key)
        if note:
            row['note'] = note(row)
        return row

    def add(self, work, program, value, unit, note='', goal=None, met=None, ours=True):
        row = {'topic': self.topic, 'work': work, 'program': program, 'ours': ours,
               'value': value, 'unit': unit, 'note': note}
        if goal:
            row.update(goal=goal, met=met)
        self.rows.append(row)

    def missing(self, work, program, reason):
        self.rows.append({'topic': self.topic, 'work': work, 'program': program, 'ours': False,
                          'note': f'not available: {reason}'})

    def peak_rows(self):
        """The table's first rows: what the machine can do."""
        for threads in (1, len(os.sched_getaffinity(0))):
            for case in self.micro('bench_peak', '--rounds', 3, '--threads', threads):
                self.rows.append({
                    'topic': 'peak', 'work': f"{case['case']}, {threads} threads",
                    'program': 'this machine', 'ours': False, 'value': case['rate'] / 1e9,
                    'unit': 'G' + case['unit'], 'note': ''})


# ---- what is kept and shown ----

def cpu():
    text = Path('/proc/cpuinfo').read_text() if Path('/proc/cpuinfo').exists() else ''
    def field(name):
        found = re.search(rf'^{name}\s*:\s*(.*)$', text, re.M)
        return found.group(1).strip() if found else '?'
    return {'name': field('model name'), 'family': field('cpu family'), 'model': field('model'),
            'threads': len(os.sched_getaffinity(0))}


def commit():
    try:
        out, _ = run(['git', '-C', ROOT, 'describe', '--always', '--dirty'])
        return out.strip()
    except (Unavailable, OSError):
        return 'unknown'


def result_path(tier, quick):
    """Full runs are kept in the tree, quick ones beside their data."""
    c = cpu()
    name = f"{c['name']} {c['family']}-{c['model']} {c['threads']}t {tier}"
    return (DATA if quick else HERE / 'results') / (re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') + '.json')


def save(bench, topics, command):
    """Topics that were measured replace those of an earlier run; the others stay."""
    path = result_path(bench.tier, bench.quick)
    kept = json.loads(path.read_text()) if path.exists() else {'topics': {}}
    for topic in topics:
        kept['topics'][topic] = {
            'command': command, 'commit': commit(), 'quick': bench.quick,
            'load_before': round(bench.load, 2),
            'rows': [r for r in bench.rows if r['topic'] == topic]}
    kept.update(cpu=cpu(), isa=bench.tier)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + '\n')
    return path


def number(value):
    if value is None:
        return ''
    if abs(value) >= 1000:
        return f'{value:,.0f}'
    return f'{value:.4g}'


HEADINGS = ['work', 'program', 'figure', 'semid is', 'of the limit', 'notes', 'goal']


def cells(row):
    return [row['work'], row['program'],
            f"{number(row['value'])} {row['unit']}" if 'value' in row else '–',
            f"{row['ratio']:.2f} ×" if 'ratio' in row else '',
            f"{100 * row['of_limit']:.0f} %" if 'of_limit' in row else '',
            row.get('note') or '',
            f"{row['goal']}: {'yes' if row['met'] else 'NO'}" if row.get('goal') else '']


def table(rows, markdown=False):
    lines = [HEADINGS] + [cells(r) for r in rows]
    if markdown:
        lines.insert(1, ['---'] * len(HEADINGS))
        return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    return '\n'.join('  '.join(c.ljust(w) for c, w in zip(line, widths)).rstrip()
                     for line in lines)
