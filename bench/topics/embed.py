"""Text embedding with MiniLM-L6 on real catalogue texts (the sample catalogue's where the shared
data are missing), at most 128 tokens. Ours is the whole process, weights and Parquet included; the
peers' time is tokenizing and computing with a loaded, warm model. They get texts sorted by length.

The limit: 21.2 MFLOP a token, and attention, at the fp32 peak. Cosines are those to our f32."""
import gzip
import json

from harness import DATA, HERE, MODEL, SHARED, Program, Unavailable, environment, run

TEXTS = SHARED / 'oracle' / 'amazon23-industrial' / 'texts.jsonl.gz'
LAYERS, WIDTH, INNER = 6, 384, 1536
PARQUET = ('import sys, json, pyarrow as pa, pyarrow.parquet as pq; '
           't = [json.loads(l) for l in open(sys.argv[1], encoding="utf-8")]; '
           'pq.write_table(pa.table({"item_id": [f"{i:07d}" for i in range(len(t))], '
           '"text": t}), sys.argv[2])')
COSINE = ('import sys, numpy as np; a, b = (np.load(p) for p in sys.argv[1:]); '
          'print(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())')


def all_texts(bench):
    if TEXTS.exists():
        with gzip.open(TEXTS, 'rt', encoding='utf-8') as f:
            return [json.loads(line) for line in f]
    bench.semid('sample', '--items', 3000, '--out', DATA / 'sample')
    texts = []
    with open(DATA / 'sample' / 'meta.jsonl', encoding='utf-8') as f:
        for line in f:
            try:
                item = json.loads(line)
            except ValueError:
                continue
            description = item.get('description') or []
            pieces = [item.get('title') or '', ' '.join(description)]
            texts.append(' [SEP] '.join(p.strip() for p in pieces if p.strip()) or '[EMPTY]')
    return texts


def prepare(bench, n):
    """The same texts as JSON lines for the peers and as Parquet for us, in one order."""
    DATA.mkdir(exist_ok=True)
    lines, parquet = DATA / f'texts-{n}.jsonl', DATA / f'texts-{n}.parquet'
    if not parquet.exists():
        texts = all_texts(bench)
        step = max(1, len(texts) // n)
        lines.write_text(''.join(json.dumps(t) + '\n' for t in texts[::step][:n]))
        run([environment('tables'), '-c', PARQUET, lines, parquet])
    return lines, parquet


def lengths(bench, lines):
    command = [bench.build / 'semid', 'tokenize', '--model', MODEL, '--in', lines]
    return [len(json.loads(line)) for line in run(command)[0].splitlines()]


def flop(token_counts):
    dense = LAYERS * (4 * WIDTH * WIDTH + 2 * WIDTH * INNER)
    return sum(2.0 * n * (dense + LAYERS * 2 * n * WIDTH) for n in token_counts)


def cosine(reference, out):
    return float(run([environment('faiss'), '-c', COSINE, reference, out])[0])


def ours(bench, parquet, dtype):
    out = DATA / f'emb-{dtype}.npy'

    def work():
        options = ['--dtype', dtype] if dtype != 'f32' else []
        result = bench.semid('embed', '--data', parquet, '--model', MODEL, '--text-cols', 'text',
                             '--out', out, *options)
        if dtype != 'f32':
            result['cosine'] = cosine(DATA / 'emb-f32.npy', out)
        return result
    name = f'semid embed --dtype {dtype}' if dtype != 'f32' else 'semid embed'
    return Program(name, work, ours=dtype == 'f32')


def converted(bench, env, script, folder, *arguments):
    """A model that a peer has to convert first, once."""
    if not folder.exists():
        try:
            run([environment(env), script, 'convert', MODEL, folder, *arguments])
        except Unavailable:
            run(['rm', '-rf', folder])
            raise


def peer(bench, name, env, script, model, lines, *arguments, convert=None):
    out = DATA / f"emb-{name.replace(' ', '-').replace(',', '')}.npy"
    program = bench.peer(name, env, script, 'embed', MODEL, *model, lines, out, *arguments)
    embed = program.work

    def work():
        if convert:
            converted(bench, env, HERE / 'peers' / script, *convert)
        result = embed()
        result['cosine'] = cosine(DATA / 'emb-f32.npy', out)
        return result
    program.work = work
    return program


def peers(bench, lines):
    onnx, llama = DATA / 'onnx', DATA / 'llama'
    yield peer(bench, 'sentence-transformers', 'torch', 'peer_sentence_transformers.py', [], lines)
    for graph in ('model', 'fused', 'int8'):
        yield peer(bench, f'ONNX Runtime, {graph}', 'torch', 'peer_onnxruntime.py',
                   [onnx / f'{graph}.onnx'], lines, convert=[onnx])
    for kind in ('float32', 'int8'):
        folder = DATA / f'ctranslate2-{kind}'
        yield peer(bench, f'CTranslate2, {kind}', 'torch', 'peer_ctranslate2.py', [folder], lines,
                   2048, convert=[folder, kind])
    for kind in ('f32', 'q8_0'):
        file = llama / f'{kind}.gguf'
        yield peer(bench, f'llama.cpp, {kind}', 'llama', 'peer_llama.py', [file], lines,
                   convert=[file, kind])


def note(row):
    parts = []
    if 'cosine' in row:
        parts.append(f"minimum cosine {row['cosine']:.5f}")
    if row.get('memory'):
        parts.append(f"{row['memory'] / 1e6:.0f} MB")
    return ', '.join(parts)


def ratio_to(name, rows, mine):
    other = next((r for r in rows if r['program'] == name and 'seconds' in r), None)
    return other['seconds'] / mine['seconds'] if other else 0


def low_precision_goals(bench, rows, f32):
    wide = bench.tier.startswith('avx512')
    goals = [('int8', 2.8 if wide else 1.3, .99)] + ([('bf16', 1.8, .999)] if wide else [])
    for row in rows:
        for dtype, least, cos in goals:
            if row['program'] == f'semid embed --dtype {dtype}' and 'seconds' in row:
                faster = f32['seconds'] / row['seconds']
                row['goal'] = f'≥ {least} × our f32 (is {faster:.2f}), cosine ≥ {cos}'
                row['met'] = faster >= least and row['cosine'] >= cos


def tokenizer_row(bench, lines):
    plain = lines.with_suffix('.txt')
    with open(lines, encoding='utf-8') as f:
        texts = [' '.join(json.loads(line).split()) for line in f]
    plain.write_text(''.join(t + '\n' for t in texts if t), encoding='utf-8')
    case = bench.micro('bench_tokenizer', '--threads', 1, MODEL, plain)[0]
    mb = case['rate'] / 1e6
    bench.add('tokenizer, one thread', 'semid', mb, 'MB/s', goal='≥ 100 MB/s', met=mb >= 100)


def measure(bench):
    if not MODEL.exists():
        raise Unavailable('the model is not there: scripts/get-model')
    n = 64 if bench.quick else 1024
    lines, parquet = prepare(bench, n)
    counts = lengths(bench, lines)
    tokenizer_row(bench, lines)
    dtypes = ['f32'] + [d for d in ('bf16', 'int8') if bench.has('embed', d)]
    programs = [ours(bench, parquet, d) for d in dtypes] + list(peers(bench, lines))
    fastest = 'CTranslate2, float32'
    rows = bench.measure(
        f'embed {n} texts of {sum(counts) / n:.0f} tokens', programs, amount=n, unit='texts/s',
        flop=flop(counts), note=note,
        goal=(f'≥ 75 % of the limit, ≥ 1.1 × {fastest}',
              lambda row, rows: row['of_limit'] >= .75 and ratio_to(fastest, rows, row) >= 1.1))
    low_precision_goals(bench, rows, rows[0])
    if 'seconds' in rows[0]:
        bench.add('the same', 'semid embed', sum(counts) / rows[0]['seconds'], 'tokens/s')
