#!/usr/bin/env python3
"""What `semid preprocess` must make of raw/, in plain Python: writes expected.json."""
import gzip
import hashlib
import json
import math
import os
from collections import Counter
from fractions import Fraction

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def text_of(value):
    """A scalar as text, the way it stands in JSON when it is no string."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read_jsonl(paths):
    """Good rows in order, and per file the numbers of malformed lines."""
    rows, bad = [], {}
    for path in paths:
        data = gzip.open(path).read() if path.endswith(".gz") else open(path, "rb").read()
        if data.startswith(b"\xef\xbb\xbf"):
            data = data[3:]
        for number, line in enumerate(data.split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8"))
            except ValueError:
                row = None
            if isinstance(row, dict):
                rows.append(row)
            else:
                bad.setdefault(path, []).append(number)
    return rows, bad


def read_csv(paths):
    """Python's csv module accepts open quotes, so the few rules are written out here."""
    rows, bad = [], {}
    for part, path in enumerate(paths):
        lines = open(path, newline="").read().split("\n")
        header = lines[0].rstrip("\r").split(",")
        for number, line in enumerate(lines[1:], 2):
            line = line.rstrip("\r")
            if not line.strip():
                continue
            fields, rest, good = [], line, True
            while good:
                if rest.startswith('"'):
                    end, text = 1, ""
                    while True:
                        k = rest.find('"', end)
                        if k < 0:
                            good = False
                            break
                        text += rest[end:k]
                        if rest[k + 1:k + 2] != '"':
                            break
                        text, end = text + '"', k + 2
                    fields.append(text)
                    rest = rest[k + 1:]
                else:
                    k = rest.find(",")
                    fields.append(rest if k < 0 else rest[:k])
                    rest = "" if k < 0 else rest[k:]
                if not rest:
                    break
                good = good and rest[0] == ","
                rest = rest[1:]
            if good and len(fields) == len(header):
                rows.append({**dict(zip(header, fields)), "part": part})
            else:
                bad.setdefault(path, []).append(number)
    return rows, bad


def number(value):
    try:
        x = float(value.strip() if isinstance(value, str) else value)
    except (TypeError, ValueError):
        return None
    return x if not isinstance(value, bool) else None


def finite(value):
    x = number(value)
    return x if x is not None and math.isfinite(x) else None


def timestamp(value):
    x = finite(value)
    return None if x is None else int(value) if isinstance(value, int) else int(x)


def complete(rows):
    out = []
    for r in rows:
        user, item, ts = text_of(r.get("user_id")), text_of(r.get("parent_asin")), timestamp(r.get("timestamp"))
        if user and item and ts is not None:
            out.append({"user": user, "item": item, "ts": ts, "rating": finite(r.get("rating")),
                        "part": r.get("part")})
    return out


def k_core(rows, k):
    passes = 0
    while k > 1:
        before, passes = len(rows), passes + 1
        for key in ("user", "item"):
            count = Counter(r[key] for r in rows)
            rows = [r for r in rows if count[r[key]] >= k]
        if len(rows) == before:
            break
    return rows, passes


def dedup(rows, which):
    if which == "none":
        return rows
    seen, out = set(), []
    for r in rows if which == "first" else reversed(rows):
        if (r["user"], r["item"]) not in seen:
            seen.add((r["user"], r["item"]))
            out.append(r)
    return out if which == "first" else out[::-1]


def split(rows, o):
    parts = ([], [], [])
    if "csv" in o:
        for r in rows:
            parts[r["part"]].append(r)
    elif o.get("split", "last-out") == "last-out":
        left = Counter(r["user"] for r in rows)
        for r in rows:
            parts[{1: 2, 2: 1}.get(left[r["user"]], 0)].append(r)
            left[r["user"]] -= 1
    elif "test-ts" in o:
        for r in rows:
            parts[2 if r["ts"] >= o["test-ts"] else 1 if r["ts"] >= o["valid-ts"] else 0].append(r)
    else:
        order = sorted(range(len(rows)), key=lambda i: (rows[i]["ts"], rows[i]["user"].encode(),
                                                        rows[i]["item"].encode(), i))
        n = len(rows)
        n_test = int(Fraction(str(o.get("test-frac", 0.1))) * n)
        n_valid = int(Fraction(str(o.get("valid-frac", 0.1))) * n)
        for place, i in enumerate(order):
            rows[i]["p"] = 2 if place >= n - n_test else 1 if place >= n - n_test - n_valid else 0
        for r in rows:
            parts[r["p"]].append(r)
    return parts


def sha(lines):
    return hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()


def text_list(value):
    if value is None:
        return None
    return [text_of(v) for v in (value if isinstance(value, list) else [value])]


def item_line(item, meta):
    m = meta.get(item, {})
    price = finite(m.get("price"))
    cells = [item, text_of(m.get("title"))]
    for key in ("description", "features", "categories"):
        values = text_list(m.get(key))
        cells.append(None if values is None else "|".join(v for v in values if v is not None))
    cells += [text_of(m.get("store")),
              None if price is None else repr(price),
              text_of(m.get("rating_number"))]
    return "\t".join("\\N" if c is None else c for c in cells)


def bad_lines(bad):
    return [{"count": len(v), "first_lines": v[:10]} for v in bad.values()]


def run(o):
    if "csv" in o:
        raw, bad = read_csv(["raw/split.%s.csv" % p for p in ("train", "valid", "test")])
    else:
        raw, bad = read_jsonl(["raw/reviews_a.jsonl", "raw/reviews_b.jsonl.gz"])
    whole = complete(raw)
    rated = [r for r in whole if not o.get("min-rating") or (r["rating"] or 0) >= o["min-rating"]]
    ordered = sorted(rated, key=lambda r: r["ts"])
    kept = ordered if "csv" in o else dedup(ordered, o.get("dedup", "first"))
    core, passes = k_core(kept, 0 if "csv" in o else o.get("core", 5))
    parts = split(core, o)
    meta_rows, meta_bad = read_jsonl(["raw/meta.jsonl"])
    meta = {}
    with_id = [m for m in meta_rows if text_of(m.get("parent_asin"))]
    for m in with_id:
        meta.setdefault(text_of(m["parent_asin"]), m)
    items = sorted({r["item"] for r in core}, key=str.encode)
    users_before, items_before = ({r[k] for p in parts[:2] for r in p} for k in ("user", "item"))

    def counts(rows):
        return {"rows": len(rows), "users": len({r["user"] for r in rows}),
                "items": len({r["item"] for r in rows})}

    stats = {"reviews": {"rows": len(raw), "bad_lines": sum(map(len, bad.values())),
                         "bad_lines_by_file": bad_lines(bad),
                         "rows_missing_fields": len(raw) - len(whole),
                         "rows_below_min_rating": len(whole) - len(rated)},
             "duplicates_dropped": len(ordered) - len(kept), "before_core": counts(kept),
             "after_core": {**counts(core), "passes": passes},
             **{name: counts(p) for name, p in zip(("train", "valid", "test"), parts)},
             "test_rows_user_without_history": sum(r["user"] not in users_before for r in parts[2]),
             "test_rows_item_unseen_in_train_valid": sum(r["item"] not in items_before for r in parts[2]),
             "meta": {"rows": len(meta_rows), "bad_lines": sum(map(len, meta_bad.values())),
                      "rows_missing_fields": len(meta_rows) - len(with_id), "items": len(meta),
                      "items_used": sum(i in meta for i in items)}}
    return {"options": o, "stats": stats,
            "sha256": {**{name: sha("%s\t%s\t%d\t%s" % (
                r["user"], r["item"], r["ts"],
                "\\N" if r["rating"] is None else r["rating"])
                for r in p) for name, p in zip(("train", "valid", "test"), parts)},
                "items": sha(item_line(i, meta) for i in items)}}


cases = [{"core": 0}, {"core": 1, "dedup": "last"}, {"core": 2}, {"core": 3, "dedup": "none"},
         {"core": 2, "min-rating": 3}, {"core": 0, "split": "time"},
         {"core": 2, "split": "time", "valid-frac": 0.25, "test-frac": 0.3, "dedup": "none"},
         {"core": 0, "split": "time", "valid-ts": 1500000008000, "test-ts": 1500000016000},
         {"csv": True}]
with open("expected.json", "w") as f:
    json.dump([run(o) for o in cases], f, indent=1, ensure_ascii=False)
    f.write("\n")
