#!/usr/bin/env python3
"""Golden values of the tokenizer from Hugging Face's library `tokenizers` (0.23).

    make_tokens.py                    writes tests/golden/tokenizer/
    make_tokens.py --check SEMID [N [FOLDER...]]
                                      compares `semid tokenize` with the library on every code point,
                                      alone and inside a word, and on N random texts; names the
                                      code points and texts that differ. FOLDER: other models

A Unigram tokenizer's table of characters is SentencePiece's own nmt_nfkc, which XLM-RoBERTa has too: taken from
a model that `sentencepiece` trains where that package is installed, else from tokenizer/unigram/tokenizer.json.

The all-MiniLM-L6-v2 values need .deps/models/all-MiniLM-L6-v2 (scripts/get-model).
"""
import base64
import io
import json
import pathlib
import random
import subprocess
import sys
import zlib

from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE, Unigram, WordPiece

HERE = pathlib.Path(__file__).parent / "tokenizer"
MINILM = pathlib.Path(__file__).parents[2] / ".deps/models/all-MiniLM-L6-v2/tokenizer.json"
BLOCK = 256
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


# ---- the tokenizers ----

def vocabulary(prefix):
    """Letters of many scripts, as starts and as continuations, and some longer pieces."""
    spans = ["az", "AZ", "09", "!/", ":@", "[`", "{~", "\u00df\u00ff", "\u0131\u0131", "\u03b1\u03c9", "\u0430\u044f",
             "\u05d0\u05ea", "\u0627\u064a", "\u0905\u0939", "\u0e01\u0e2e", "\u1100\u1112",
             "\u1161\u1175", "\u11a8\u11c2", "\u3041\u3050", "\u30a1\u30b0", "\u4e00\u4e10",
             "\u8c48\u8c48", "\U0001f600\U0001f608", "\U0001d157\U0001d158", "\U0001d165\U0001d165",
             "\u2010\u2015", "\u08d4\u08d5", "\u302e\u302f", "\u0307\u0307", "\u0300\u0301",
             "\ufffd\ufffd", "\u200d\u200d", "\u3000\u3000", "\u09c7\u09c7", "\u09be\u09be"]
    singles = [chr(c) for s in spans for c in range(ord(s[0]), ord(s[1]) + 1)]
    words = ["the", "semantic", "token", "new", "york", "ing", "er", "un", "able", "caf\u00e9", "cafe",
             "stra\u00dfe", "\u4e2d", "\u6587", "new york", "A b"]
    tokens = SPECIAL + singles + words
    tokens += [prefix + t for t in singles + words]
    return {t: i for i, t in enumerate(dict.fromkeys(tokens))}


def build(normalizer, prefix="##", longest=100, added=(), template=True):
    vocab = vocabulary(prefix)
    t = Tokenizer(WordPiece(vocab, unk_token="[UNK]", continuing_subword_prefix=prefix,
                            max_input_chars_per_word=longest))
    t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    cls, sep = ("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])
    if template:
        t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[cls, sep])
    else:
        t.post_processor = processors.BertProcessing(sep, cls)
    t.add_special_tokens(SPECIAL)
    t.add_tokens(list(added))
    return t


def mpnet():
    """WordPiece as BERT has it, with the special tokens of RoBERTa."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", AddedToken("<mask>", lstrip=True)]
    vocab = {str(x): i for i, x in enumerate(special[:5] + ["<mask>"] + list(vocabulary("##"))[5:])}
    t = Tokenizer(WordPiece(vocab, unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(True, True, None, True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    t.add_special_tokens(special)
    return t


ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)]
CORPUS = [
    "The semantic tokens of a catalogue: stainless steel bolts (M8), washers and nuts, don't they'll we've.",
    "the tokens that the tokenizer makes are the tokens the model reads, aaaa aaaaaaaa 100 1000 10,000 2024",
    "caf\u00e9 na\u00efve stra\u00dfe \u4e2d\u6587\u5b57\u7b26 \u4e2d\u6587 \u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8 \ud55c\uad6d\uc5b4 \u041f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 \u043f\u0440\u0438\u0432\u0435\u0442 \u03b1\u03b2\u03b3 \u0645\u0631\u062d\u0628\u0627",
    "  two  spaces\n\n\tand tabs   !!! ... --- ??? \U0001f600\U0001f600 \U0001f468\u200d\U0001f469 it's it's I'm he'd",
]


def bpe(alphabet, prefix_space=False, added=(), unknown=None, whole=False):
    """RoBERTa's kind: bytes, GPT-2's pattern."""
    t = Tokenizer(BPE(unk_token=unknown, fuse_unk=unknown is not None, ignore_merges=whole))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    t.train_from_iterator(CORPUS * 3, trainers.BpeTrainer(
        vocab_size=700, special_tokens=ROBERTA_SPECIAL, initial_alphabet=alphabet, limit_alphabet=len(alphabet),
        show_progress=False))
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=prefix_space)
    t.add_tokens(list(added))
    return t


def fields(message):
    """(number, value) of a protobuf message's length-delimited fields; others are passed over."""
    def varint(at):
        value = shift = 0
        while True:
            value |= (message[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if message[at - 1] < 128:
                return value, at
    at = 0
    while at < len(message):
        tag, at = varint(at)
        n, at = varint(at) if tag & 7 in (0, 2) else ({1: 8, 5: 4}[tag & 7], at)
        if tag & 7 == 2:
            yield tag >> 3, message[at:at + n]
        if tag & 7 != 0:
            at += n


def nmt_nfkc():
    try:
        import sentencepiece
    except ImportError:
        parts = json.loads((HERE / "unigram/tokenizer.json").read_text())
        return base64.b64decode(parts["normalizer"]["normalizers"][0]["precompiled_charsmap"])
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, vocab_size=120, hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc", minloglevel=2)
    normalizer_spec = dict(fields(model.getvalue()))[3]
    return dict(fields(normalizer_spec))[2]


def pieces(rng):
    """What is frequent in the corpus, with scores as they come out of training, some of them equal."""
    found = {}
    for text in CORPUS:
        for word in text.split():
            word = "\u2581" + word
            for i in range(len(word)):
                for j in range(i + 1, min(len(word), i + 9) + 1):
                    found[word[i:j]] = found.get(word[i:j], 0) + 1
    kept = sorted(p for p, n in found.items() if n > 1 or len(p) == 1)
    return [(p, round(-rng.uniform(2, 12), rng.choice([0, 2, 6]))) for p in kept]


def unigram(steps, words, added=(), byte_fallback=False):
    rng = random.Random(11)
    some_bytes = [(f"<0x{b:02X}>", 0.0) for b in range(256) if b != 0xAD] if byte_fallback else []
    vocab = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + some_bytes + pieces(rng) + [("<mask>", 0.0)]
    t = Tokenizer(Unigram(vocab, 3, byte_fallback))
    if steps:
        t.normalizer = steps
    t.pre_tokenizer = words
    t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    t.add_special_tokens(ROBERTA_SPECIAL)
    t.add_tokens(list(added))
    return t


def unigrams(added):
    squeeze = normalizers.Replace(Regex(" {2,}"), " ")
    mark = normalizers.Replace(Regex(" {2,}"), "\u2581")
    strip = normalizers.Strip(left=False, right=True)
    space, meta = pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace
    return {
        "unigram": unigram(normalizers.Sequence([normalizers.Precompiled(nmt_nfkc()), squeeze]),
                           pre_tokenizers.Sequence([space, meta()])),
        "unigram_first": unigram(normalizers.Sequence([strip, mark]), meta(prepend_scheme="first"), added, True),
        "unigram_always": unigram(mark, meta()),
        "unigram_whole": unigram(None, meta(prepend_scheme="never", split=False), byte_fallback=True),
    }


def tokenizers():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bert = normalizers.BertNormalizer
    added = [
        AddedToken("<Item>", normalized=True),
        AddedToken("New York", normalized=True),
        AddedToken("Caf\u00c9", normalized=True, single_word=True),
        AddedToken("<L>", lstrip=True, normalized=False),
        AddedToken("<R>", rstrip=True, normalized=False),
        AddedToken("<LR>", lstrip=True, rstrip=True, normalized=False),
        AddedToken("<LRX", lstrip=True, rstrip=True, normalized=False),
        AddedToken("<W>", single_word=True, normalized=False),
        AddedToken("w", single_word=True, normalized=False),
        AddedToken(" \u3000", rstrip=True, normalized=False),
        AddedToken("\u4e2d", normalized=False),
        AddedToken("the", normalized=True, lstrip=True),
    ]
    return {
        "small": build(bert(True, True, None, True)),
        "cased": build(bert(True, True, None, False), template=False),
        "raw": build(bert(False, False, False, False), prefix="@", longest=10),
        "accents": build(bert(False, False, True, False), prefix="", longest=20),
        "added": build(bert(True, True, None, True), added=added),
        "mpnet": mpnet(),
        "bpe": bpe(alphabet),
        "bpe_prefix": bpe([c for c in alphabet if c.isascii() or c == "\u0120"], True, added, "<unk>"),
        "bpe_whole": bpe(alphabet, whole=True),
        **unigrams(added),
    }


# ---- the texts ----

HARD = [
    "", " ", "\t\n\r \u00a0\u3000", "The semantic tokening unable CAFE!", "a,b.c", "don't-stop", "a" * 10000,
    "a" * 100, "a" * 101, "\u00e9" * 100, "\u00e9" * 101, "e\u0301" * 101, ("the " * 3000), "!" * 300,
    "[CLS] the [SEP] [sep] [MASK][PAD]x[UNK]", "[CLS", "CLS]", "[[SEP]]", "the[SEP]the", "[ SEP ]",
    "\u4e2d\u6587\u5b57the\u4e00", "\u3400\U00020000\U0002b820\U0002b920\uf900\U0002f800",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467\ufe0f", "caf\u00e9 cafe\u0301 CAFE\u0301",
    "\u0130stanbul I\u0131 \u0131\u0307", "\u039f\u0394\u039f\u03a3 \u03a3\u03a3 \u03c2", "Stra\u00dfe STRA\u1e9eE", "\ufb01 \u210c \u2126 \u212a \u212b",
    "\ud55c\uad6d\uc5b4 \u1112\u1161\u11ab \uac00\u11a8", "a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg", "a\u0000b\ufffdc\u0001d\u007fe\u0085f\u000bg",
    "\ue000 a\ue000b \U000f0000 \U0010fffd \U0010ffff", "\u2028a\u2029b\u180ec\u1680d\u2003e\u202ff\u205fg",
    "\u0300\u0301", "a\u08d4\u302e\u1b44\u0301b", "\u302e\u08d4", "\u08d4\u0000\u302e", "\u08d4\u0c48\u302e", "\u08d4\u0344\u302e", "\U0001d15e\U0001d160\U0001d165\U0001d16d",
    "\u09cb\u0b94\u1b06", "\u0915\u093f\u0924\u093e\u092c \u0995\u09bf", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22",
    "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u0627\u064e\u0644", "\u1c80\u1c90\u10d0\u13a0\uab70", "\u2160\u2170\u24b6\uff21\uff41\uff01",
    "$+<=>^`|~ \u00a7\u00b6\u00a2\u00a9 \u2e4f\u2e52\U00010ead", "\u0378\U0001fffe\U000e0001", "NEW YORK new  york New\u3000York", "<item> <ITEM> <Item> x<Item>x",
    "caf\u00e9 CAFE cafes xcafe cafe! cafe\u0301\u4e2d", "a <L> b <R> c <LR> d<LR>e  <LRX  f", "<W> x<W> <W>x a<W>! _<W> \u0301<W>", "w ww w. .w aw w\u00e9", " \u3000 \u3000\u3000 x", "\u4e2d\u4e2d a\u4e2db", "  The the THE cathedral",
    "<s>the</s> x<mask>y <mask>  z <pad><unk><S> < s>", "the <MASK>", "  <mask> <mask>",
    "don't we'll 'S 'st 're're ' s '", "a  b   c\n\nd \n e\t\tf  ", "\u00a0a \u00a0b\u3000 c \u2028\u2029", "  ", " \n", "\n \n x",
    "12a34 b5\u0665\u00b2\u2167x \u00bd", "tokens tokens,tokens  tokens", "x\u0301y \u0301\u0301 !\u0301", "they'llx I'MMM 'tis",
    "\uff34\uff28\uff25 \ufb01\u0301x \u00aa\u0301\u0302y \u2122\u0301 \u0600\u00aa\u0301 \r\n\u0344\u0301 e\u0301e\u0301", "\u1112\u1161\u11ab\u0301 \uffa1\u0301",
    "\u00a9\u200d\u2122\u0301 \u1f1e6\u1f1e7", "the \u00a8\u00b4 tokens\u3000\u3000the", "\u2460\u3300\ufdfa\u200b\ufeffa", "\U0001d400\U0001d7d8\u0301",
    " the", "a b <s> c</s>d", "\u0120the \u0100", "\u2581a\u2581\u2581b",
    "<R>   <L>", "<R> \u3000 x", " \u3000\u3000 \u3000", "[SEP]<R>  [SEP]  <LR>  [SEP]", "\u00c5\u212b\u0041\u030a", "\U0001e900\U00010400\U000104b0\u2c00", "\u1e9e\u0149\u01c5\u1f88\u01f0",
]
# bytes that are no UTF-8: each maximal part counts as U+FFFD
BROKEN = [b"a\xffb", b"\xc3", b"\xc3(", b"\xe4\xb8", b"\xe4\xb8x", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xf0\x9f\x98the",
          b"\xf4\x90\x80\x80", b"\xc0\xafthe", b"\xf8\x88\x80\x80\x80", b"\x80\x81the\xbf", b"the\xe2\x80[SEP]\xf0[SEP]", b"w\xffw \xe3\x80<L>",
          b"\xe0\x80\x80a", b"\xf0\x80\x80\x80a", b"\xef\xbf"]


def random_text(rng):
    pools = [
        lambda: chr(rng.randrange(0x20, 0x7f)), lambda: chr(rng.randrange(0x20, 0x7f)),
        lambda: rng.choice("aeiouthsnrd"), lambda: rng.choice("  \t\u3000\u00a0\n"),
        lambda: chr(rng.randrange(0x80, 0x600)), lambda: chr(rng.randrange(0x300, 0x370)),
        lambda: rng.choice("\u08d4\u08e0\u302e\u302f\u1b44\U0001d165\U0001d16d\u0334\u0345\u0c48\u0344\u0bcb\u0301"),
        lambda: chr(rng.randrange(0x600, 0xd800)), lambda: chr(rng.randrange(0xe000, 0x20000)),
        lambda: chr(rng.randrange(0x20000, 0x110000)), lambda: chr(rng.randrange(0xac00, 0xd7a4)),
        lambda: chr(rng.randrange(0x4e00, 0x4e20)),
        lambda: rng.choice("\u00a8\u00aa\u00b2\u00bd\u0132\u017f\u01c4\u0340\u0344\u037e\u03d2\u0600\u0675\u2122\ufb01\uff21\uff76\uff9e\u3300\u00ad\u200d\r\n"),
        lambda: rng.choice(["'s", "'re", "'", "  ", "\n", " ", "1", "tokens", "<s>", "\u2581", "   ", "<mask>", "</s>"]),
        lambda: rng.choice(SPECIAL + ["<Item>", "<L>", "<R>", "<LR>", "<LRX", "<W>", "w", "new york", "the", "caf\u00e9", "cafe", "<lr>"]),
    ]
    some = [rng.choice(pools) for _ in range(rng.randrange(1, 5))]
    return "".join(rng.choice(some)() for _ in range(rng.randrange(1, 40)))


# ---- every code point ----

def code_points(block):
    return [c for c in range(block * BLOCK, (block + 1) * BLOCK) if not 0xD800 <= c < 0xE000]


def contexts(c):
    return [c, "a" + c, "a" + c + "b", "ab" + c]


def ids_hashes(t):
    for block in range(0x110000 // BLOCK):
        texts = [x for cp in code_points(block) for x in contexts(chr(cp))]
        lines = "".join(" ".join(map(str, e.ids)) + "\n" for e in t.encode_batch_fast(texts))
        yield zlib.crc32(lines.encode())


def normal_hashes():
    """Every setting of the normalizer around a letter; the usual one where marks are reordered."""
    settings = [(bool(i & 1), bool(i & 2), bool(i & 4), bool(i & 8)) for i in range(16)]
    all_settings = [normalizers.BertNormalizer(*s).normalize_str for s in settings]
    usual = all_settings[15]
    for block in range(0x110000 // BLOCK):
        lines = []
        for cp in code_points(block):
            c = chr(cp)
            lines += [f("a" + c + "B") for f in all_settings]
            lines += [usual("\u08d4" + c + "\u302e\u1b44\U0001d165"), usual(c + "\u302e"), usual("\u08d4" + c)]
        yield zlib.crc32("".join(line + "\n" for line in lines).encode())


def write_hashes(name, hashes):
    (HERE / name).write_text("".join(f"{h:08x}\n" for h in hashes))


# ---- writing ----

def array(ids):
    return "[" + ",".join(map(str, ids)) + "]\n"


def save(t, name, folder):
    t.save(str(folder / "tokenizer.json"), pretty=False)
    if name == "bpe_prefix":  # as files were before version 0.20: no types of BPE, merges in one string
        parts = json.loads(t.to_str())
        del parts["model"]["type"]
        parts["model"]["merges"] = [" ".join(pair) for pair in parts["model"]["merges"]]
        (folder / "tokenizer.json").write_text(json.dumps(parts))
    if name == "bpe":  # and as they were before tokenizer.json
        files = HERE / "bpe_files"
        files.mkdir(exist_ok=True)
        t.model.save(str(files))


def write_all():
    rng = random.Random(7)
    texts = HARD + [random_text(rng) for _ in range(300)]
    broken = [b'"' + b + b'"\n' for b in BROKEN]
    (HERE / "texts.jsonl").write_bytes("".join(json.dumps(t) + "\n" for t in texts).encode() + b"".join(broken))
    texts += [b.decode("utf-8", "replace") for b in BROKEN]
    all_tokenizers = tokenizers()
    for name, t in all_tokenizers.items():
        folder = HERE / name
        folder.mkdir(parents=True, exist_ok=True)
        save(t, name, folder)
        expected = "".join(array(t.encode(x).ids) for x in texts)
        t.enable_truncation(16)
        expected += "".join(array(t.encode(x).ids) for x in texts)
        t.no_truncation()
        (folder / "expected.jsonl").write_text(expected)
    write_hashes("normalized.crc", normal_hashes())
    for name in ("small", "bpe", "unigram"):
        write_hashes(name + ".crc", ids_hashes(all_tokenizers[name]))
    minilm = load_minilm()
    if minilm:
        write_hashes("minilm.crc", ids_hashes(minilm))


def load_minilm():
    return load(MINILM) if MINILM.exists() else None


# ---- checking ----

def ours(semid, folder, texts):
    lines = "".join(json.dumps(t) + "\n" for t in texts).encode()
    run = subprocess.run([semid, "tokenize", "--quiet", "--no-truncate", "--model", str(folder)], input=lines,
                         stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def compare(semid, name, folder, t, texts):
    n_bad = 0
    expected = [e.ids for e in t.encode_batch_fast(texts)]
    for text, a, b in zip(texts, ours(semid, folder, texts), expected, strict=True):
        if a != b:
            n_bad += 1
            if n_bad <= 20:
                print(f"{name}: {ascii(text)[:200]}: expected {b[:20]}, found {a[:20]}")
    return n_bad


def load(path):
    t = Tokenizer.from_file(str(path))
    t.no_truncation()
    t.no_padding()
    return t


def check(semid, n_random, folders):
    kinds = ("small", "bpe", "bpe_prefix", "unigram", "unigram_first")
    rng = random.Random()
    texts = [random_text(rng) for _ in range(n_random)] + HARD
    every = [x for block in range(0x110000 // BLOCK) for cp in code_points(block) for x in contexts(chr(cp))]
    n_bad = 0
    for name, t in tokenizers().items():
        n_bad += compare(semid, name, HERE / name, t, texts)
    for name in kinds:
        n_bad += compare(semid, name, HERE / name, tokenizers()[name], every)
    for folder in list(folders) + ([MINILM.parent] if MINILM.exists() else []):
        t = load(pathlib.Path(folder) / "tokenizer.json")
        n_bad += compare(semid, folder, folder, t, texts)
        n_bad += compare(semid, folder, folder, t, every)
    print(f"{len(every)} texts of every code point, {len(texts)} others: {n_bad} differ")
    return n_bad == 0


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--check":
        sys.exit(not check(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10000, sys.argv[4:]))
    write_all()
