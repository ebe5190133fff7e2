#!/usr/bin/env python3
"""Write src/encoder/unicode_{ranges,clusters,mappings}.h: how Hugging Face's `tokenizers` treats
every code point.

Nothing here is taken from a Unicode database: each property is observed by running the library's
own normalizers and pre-tokenizers on every code point, so that the C tokenizer agrees with it
whatever Unicode versions it was built from (they differ between its parts).

    pip install tokenizers==0.23.*
    scripts/make_unicode_tables.py
"""
import unicodedata
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import WordLevel

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)
FOLDER = Path(__file__).resolve().parent.parent / "src" / "encoder"

nfd = normalizers.NFD().normalize_str
clean = normalizers.BertNormalizer(True, False, False, False).normalize_str
chinese = normalizers.BertNormalizer(False, True, False, False).normalize_str
strip = normalizers.BertNormalizer(False, False, True, False).normalize_str
lower = normalizers.BertNormalizer(False, False, False, True).normalize_str
split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
split_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str


def pieces(text):
    return [piece for piece, _ in split(text)]


def word_matcher():
    """True for the characters next to which a single_word token does not match."""
    t = Tokenizer(WordLevel({"x": 0, "[X]": 1}, unk_token="x"))
    t.add_tokens([AddedToken("[X]", single_word=True, normalized=False)])
    return lambda c: 1 not in t.encode(c + "[X]").ids


def kind(c):
    """What GPT-2's pattern takes a character for."""
    kinds = [k for k, x in (("letter", "a"), ("number", "1"), ("other", "!")) if len(split_bytes(x + c + x)) == 1]
    assert len(kinds) <= 1, hex(ord(c))
    return kinds[0] if kinds else "space"


def charsmap(characters):
    """A Precompiled normalizer that makes an X of each: SentencePiece's format, a double array of which
    every node has a block of its own."""
    blocks = {b"": 0}
    keys = {c.encode() for c in characters}
    for key in sorted(keys):
        for n in range(1, len(key) + 1):
            blocks.setdefault(key[:n], len(blocks))
    units = [0] * (256 * len(blocks))
    for prefix, block in blocks.items():
        place = blocks[prefix[:-1]] * 256 ^ prefix[-1] if prefix else 0
        offset = place ^ block * 256
        assert offset < 1 << 21
        is_key = prefix in keys
        units[place] = offset << 10 | is_key << 8 | (prefix[-1] if prefix else 0)
        if is_key:
            units[block * 256] = 1 << 31
    blob = b"".join(u.to_bytes(4, "little") for u in units)
    return normalizers.Precompiled(len(blob).to_bytes(4, "little") + blob + b"X\0").normalize_str


def observe_clusters():
    """How characters stick together, as far as Precompiled lets it be seen: a cluster of at most five bytes is
    replaced as a whole by what its start becomes."""
    with_a, with_accent = charsmap(["a"]), charsmap(["\u0301"])
    extends = {c for c in CODE_POINTS if with_a("a" + chr(c)) == "X"}
    closed = {c for c in CODE_POINTS if with_accent(chr(c) + "\u0301\u0302") == chr(c) + "X"}
    prepends = {c for c in CODE_POINTS if with_a(chr(c) + "a\u0301") == chr(c) + "X\u0301"}
    with_copyright = charsmap(["\u00a9"])
    pictures = {c for c in CODE_POINTS if with_copyright(chr(c) + "\u200d\u00a9\u0301") == chr(c) + "\u200dX\u0301"}
    return extends, closed, prepends, pictures | {0xA9}


def observe():
    found = {k: set() for k in ("removed", "whitespace", "chinese", "mark", "punctuation", "word", "letter", "number")}
    decomposed, lowered = {}, {}
    is_word = word_matcher()
    for cp in CODE_POINTS:
        c = chr(cp)
        inside = "a" + c + "b"
        cleaned = clean(inside)
        assert cleaned in ("ab", "a b", inside), hex(cp)
        if cleaned == "ab":
            found["removed"].add(cp)
        split_up = pieces(inside)
        assert split_up in (["a", "b"], ["a", c, "b"], [inside]), hex(cp)
        if split_up == ["a", "b"]:
            found["whitespace"].add(cp)
        elif split_up == ["a", c, "b"]:
            found["punctuation"].add(cp)
        assert (cleaned == "a b") == (cp in found["whitespace"] and cp not in found["removed"])
        spaced = chinese(inside)
        assert spaced in (inside, "a " + c + " b"), hex(cp)
        if spaced != inside:
            found["chinese"].add(cp)
        if nfd(c) != c:
            decomposed[cp] = nfd(c)
        elif strip(c) == "":
            found["mark"].add(cp)
        else:
            assert strip(c) == c, hex(cp)
        if lower(c) != c:
            lowered[cp] = lower(c)
        if is_word(c):
            found["word"].add(cp)
        if kind(c) in ("letter", "number"):
            found[kind(c)].add(cp)
        assert (kind(c) == "space") == (cp in found["whitespace"]), hex(cp)
    return found, decomposed, lowered


def combining_classes(decomposed):
    """The canonical combining class of each code point, from how the library's NFD reorders pairs."""
    candidates = [c for c in CODE_POINTS if c not in decomposed]
    overlay = "\u0334"  # the only character of class 1 that is needed
    reference = {1: overlay}
    for cp in candidates:
        k = unicodedata.combining(chr(cp))
        if k and k not in reference and nfd(chr(cp) + overlay) == overlay + chr(cp):
            reference[k] = chr(cp)
    classes = {}
    for cp in candidates:
        c = chr(cp)
        own = [k for k, r in reference.items() if r == c]
        if own or nfd(c + overlay) == overlay + c or nfd("\u0345" + c) == c + "\u0345":
            equal = own or [k for k, r in reference.items() if nfd(c + r) == c + r and nfd(r + c) == r + c]
            assert len(equal) == 1, (hex(cp), equal)
            classes[cp] = equal[0]
    return classes


def ranges(code_points):
    out = []
    for cp in sorted(code_points):
        if out and out[-1][1] == cp - 1:
            out[-1][1] = cp
        else:
            out.append([cp, cp])
    return out


def case_runs(lowered):
    """(first, last, stride, delta) of the code points with one lower-case code point."""
    out = []
    for cp, s in sorted(lowered.items()):
        delta = ord(s) - cp
        if out:
            first, last, stride, run_delta = out[-1]
            step = cp - last
            if delta == run_delta and step <= 2 and stride in (0, step):
                out[-1] = (first, cp, step, delta)
                continue
        out.append((cp, cp, 0, delta))
    return [(f, l, max(s, 1), d) for f, l, s, d in out]


def class_runs(classes):
    out = []
    for cp, k in sorted(classes.items()):
        if out and out[-1][1] == cp - 1 and out[-1][2] == k:
            out[-1] = (out[-1][0], cp, k)
        else:
            out.append((cp, cp, k))
    return out


class Header:
    """A header file with tables, in src/encoder."""

    def __init__(self, name, what, declarations):
        guard = f"ENCODER_{name.upper()}_H"
        self.path = FOLDER / f"{name}.h"
        self.text = f"""/* encoder/{name}.h - {what}
 * as the library `tokenizers` {tokenizers.__version__} treats them.
 * Generated by scripts/make_unicode_tables.py; do not edit. */
#ifndef {guard}
#define {guard}

{declarations}
"""

    def table(self, kind, name, comment, rows, form):
        self.text += f"/* {comment} */\nstatic const {kind} {name}[] = {{\n"
        line = "   "
        for row in rows:
            entry = " " + form(row) + ","
            if len(line) + len(entry) > 100:
                self.text += line + "\n"
                line = "   "
            line += entry
        self.text += line + "\n};\n\n"

    def write(self):
        self.path.write_text(self.text + "/* clang-format on */\n#endif\n")


def hexes(row):
    return "{" + ", ".join(f"{x:#x}" for x in row) + "}"


def main():
    found, decomposed, lowered = observe()
    classes = combining_classes(decomposed)
    mark = found["mark"]

    # What is left of a canonical decomposition without the marks.
    kept = {cp: [ord(x) for x in s if ord(x) not in mark] for cp, s in decomposed.items()}
    for cp, s in decomposed.items():
        assert strip(chr(cp)) == "".join(map(chr, kept[cp])), hex(cp)
        if cp in HANGUL:  # algorithmic: Unicode standard, 3.12
            i = cp - 0xAC00
            parts = [0x1100 + i // 588, 0x1161 + i // 28 % 21] + ([0x11A7 + i % 28] if i % 28 else [])
            assert kept[cp] == parts
    vanishing = {cp for cp, k in kept.items() if not k}
    starts_low = {cp for cp, s in decomposed.items() if ord(s[0]) in classes}
    assert starts_low <= vanishing
    longest = [k for k in kept.values() if len(k) > 3]
    assert not longest
    kept = {cp: k for cp, k in kept.items() if k and cp not in HANGUL}
    # Lowering after decomposing never meets a character that expands, and vice versa.
    expanding = {cp: s for cp, s in lowered.items() if len(s) > 1}
    assert list(expanding.items()) == [(0x130, "i\u0307")]
    del lowered[0x130]
    kept_classes = {cp: k for cp, k in classes.items() if cp not in mark}
    assert not set(kept_classes) & set(lowered)

    h = Header("unicode_ranges", "code points by kind,", """#include <stdint.h>

/* clang-format off */
typedef struct code_range { uint32_t first, last; } code_range;
""")
    h.table("code_range", "removed_ranges", "Control, format and private-use characters, U+0000, U+FFFD: dropped by cleaning.",
            ranges(found["removed"]), hexes)
    h.table("code_range", "whitespace_ranges", "White space.", ranges(found["whitespace"]), hexes)
    h.table("code_range", "chinese_ranges", "Ideographs, which get a space on each side.", ranges(found["chinese"]), hexes)
    h.table("code_range", "mark_ranges", "Dropped by accent stripping: non-spacing marks, and what decomposes into them alone.",
            ranges(mark | vanishing), hexes)
    h.table("code_range", "punctuation_ranges", "Words of their own.", ranges(found["punctuation"]), hexes)
    h.table("code_range", "word_ranges", "What the regular expression \\w matches (for added tokens that are single words).",
            ranges(found["word"]), hexes)
    h.table("code_range", "letter_ranges", "What GPT-2's pattern takes for a letter.", ranges(found["letter"]), hexes)
    h.table("code_range", "number_ranges", "And for a number; its spaces are the white space above.", ranges(found["number"]),
            hexes)
    h.table("code_range", "nonstarter_ranges", "Combining class other than 0: canonical ordering moves these past one another.",
            ranges(set(classes) | starts_low), hexes)
    h.write()

    extends, closed, prepends, pictures = observe_clusters()
    h = Header("unicode_clusters", "how code points form grapheme clusters,", """#include "encoder/unicode_ranges.h"

/* clang-format off */""")
    h.table("code_range", "extending_ranges", "These belong to the character before them (grapheme clusters).",
            ranges(extends), hexes)
    h.table("code_range", "closed_ranges", "To which nothing belongs: controls.", ranges(closed), hexes)
    h.table("code_range", "prepended_ranges", "These belong to the character after them.", ranges(prepends), hexes)
    h.table("code_range", "picture_ranges", "Pictographs: U+200D joins two of them.", ranges(pictures), hexes)
    h.write()

    h = Header("unicode_mappings", "combining classes, lower case and decompositions of code points,", """#include <stdint.h>

/* clang-format off */
typedef struct case_run { uint32_t first, last, stride; int32_t delta; } case_run;
typedef struct class_run { uint32_t first, last; uint8_t combining_class; } class_run;
typedef struct decomposition { uint32_t from, to[3]; } decomposition;
""")
    h.table("class_run", "kept_classes", "The combining classes of those that accent stripping keeps.",
            class_runs(kept_classes), hexes)
    h.table("case_run", "case_runs", "Lower case of first, first + stride, ..., last: plus delta. U+0130 is apart: it becomes two.",
            case_runs(lowered), lambda r: "{%#x, %#x, %d, %d}" % r)
    h.table("decomposition", "decompositions", "Canonical decompositions (full), marks left out; without Hangul syllables.",
            sorted((cp, *k) for cp, k in kept.items()),
            lambda r: "{%#x, {%s}}" % (r[0], ", ".join(f"{x:#x}" for x in r[1:])))
    h.write()


main()
