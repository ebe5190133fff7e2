#!/usr/bin/env python3
"""Writes raw/: a small catalogue in the schema of Amazon Reviews 2023 with everything that real files
have been seen to hold, and more. Deterministic. Then run oracle.py."""
import gzip
import json
import os
import random

os.chdir(os.path.dirname(os.path.abspath(__file__)))
rng = random.Random(7)
users = ["u%d" % i for i in range(9)] + ["Zoë", "\U0001f600 user", "～wide", "a b"]
items = ["B00%d" % i for i in range(8)] + ["b001", "café", "\U0001f600"]


def review(user, item, ts, rating, **more):
    return {"rating": rating, "title": "t", "text": "says \"hi\" \\ / \u00e9 " + "x" * rng.randrange(9),
            "images": [{"small": ["a", {"b": None}]}], "asin": "other", "parent_asin": item,
            "user_id": user, "timestamp": ts, "verified_purchase": True, **more}


lines = []  # of the first file, bytes without the line's end
for k in range(70):
    user, item = rng.choice(users), rng.choice(items)
    ts = 1500000000000 + 1000 * rng.randrange(25)  # many ties
    lines.append(json.dumps(review(user, item, ts, float(rng.randint(1, 5))),
                            ensure_ascii=k % 2 == 0).encode())
extra = [review("u1", "B001", 1500000003000, 5.0), review("u1", "B001", 1500000003000, 1.0),
         review("u2", "B002", "1500000004000", "4.0"), review("u3", "B003", 1500000005000.0, None),
         review("u3", "B004", "soon", 5.0), review("u3", None, 1500000005000, 5.0),
         review(None, "B003", 1500000005000, 5.0), review("u3", "B003", None, 5.0),
         review("", "B003", 1500000005000, 5.0), review("u3", "", 1500000005000, 5.0),
         review(17, 42, 1500000006000, 3), review("lonely", "B001", 1500000007000, 2.0)]
lines += [json.dumps(r).encode() for r in extra]
lines += [b'{}', b'{"user_id": "u4"}', b'{"user_id": "no", "user_id": "u4", "parent_asin": "B001", '
          b'"timestamp": 1500000001000, "rating": 4}',
          b' \t{ "user_id" : "u5" , "parent_asin" : "B\\u0030\\u00301", "timestamp" : 15e11 }  ',
          b'{"user_id": "u6", "parent_asin": "B002", "timestamp": 1500000002000, "rating": NaN}']
bad = [b'not json', b'{"user_id": "u1", "parent_asin": "B001", "timestamp": 15', b'[1, 2]', b'"text"',
       b'17', b'null', b'{"user_id": "u1"} {"user_id": "u2"}', b'{"user_id": "u1",}',
       b'{"user_id": "\xff\xfe"}', b'{"user_id": "a\tb"}', b"{'user_id': 'u1'}", b'{"user_id": "u1"} x',
       b'{"a": 01}', b'{"a": .5}', b'{"a": "\\x"}', b'{"a": "\\u12g4"}', b'{"user_id" "u1"}', b'{']
blank = [b'', b'   ', b'\t']
lines += bad + blank
rng.shuffle(lines)
with open("raw/reviews_a.jsonl", "wb") as f:
    f.write(b"\xef\xbb\xbf")
    for k, line in enumerate(lines):
        f.write(line + (b"\r\n" if k % 5 == 0 else b"\n"))

second = [json.dumps(review(rng.choice(users), rng.choice(items),
                            1500000000000 + 1000 * rng.randrange(25), float(rng.randint(1, 5))))
          for _ in range(40)]
second.insert(7, "oops")
with open("raw/reviews_b.jsonl.gz", "wb") as f:  # two gzip members, no final newline
    for part in ("\n".join(second[:15]) + "\n", "\n".join(second[15:])):
        f.write(gzip.compress(part.encode(), mtime=0))

meta = [{"parent_asin": "B000", "title": "First", "description": ["One &amp; two", "", "three"],
         "features": [], "categories": ["A", "B &gt; C"], "store": "S", "price": 12.5,
         "main_category": "M", "average_rating": 4.5, "rating_number": 10},
        {"parent_asin": "B000", "title": "Second row of the same item", "price": 1},
        {"parent_asin": "B001", "title": "", "description": "one text", "price": "12.5"},
        {"parent_asin": "B002", "title": None, "description": ["a", None, 5, {"k": [1, "z"]}, True],
         "price": "—"},
        {"parent_asin": "B003", "title": "Tab\there \"quoted\" \U0001f600", "price": "$12.50",
         "categories": [["old", "nested"]]},
        {"parent_asin": "B004", "title": 7, "description": None, "price": "from 3.99"},
        {"parent_asin": "B005", "title": "caf\u00e9", "price": 1e3, "details": {"x": {"y": []}}},
        {"parent_asin": "B006", "features": ["f%d" % i for i in range(3000)], "price": True},
        {"parent_asin": "b001", "title": "lower case", "price": "NaN"},
        {"parent_asin": "caf\u00e9", "title": "id with an accent", "price": " 7 "},
        {"parent_asin": 42, "title": "a number as id", "price": float("nan"), "rating_number": "12"},
        {"parent_asin": None, "title": "no id"}, {"title": "no id either"}, {"parent_asin": ""},
        {"parent_asin": "unused", "title": "never bought", "description": ["x"]},
        {"parent_asin": "unused", "title": "never bought"}]
with open("raw/meta.jsonl", "w", newline="\n") as f:
    for k, row in enumerate(meta):
        f.write(json.dumps(row, ensure_ascii=k % 2 == 0) + "\n")
        if k == 3:
            f.write("{broken\n\n")

rows = [(rng.choice(users[:6]), rng.choice(items[:6]), float(rng.randint(1, 5)),
         1500000000000 + rng.randrange(50), "B001 B002") for _ in range(30)]
for name, part in (("train", rows[:20]), ("valid", rows[20:25]), ("test", rows[25:])):
    with open("raw/split.%s.csv" % name, "w", newline="") as f:
        f.write("user_id,parent_asin,rating,timestamp,history\r\n")
        for k, r in enumerate(part):
            r = list(map(str, r))
            if k == 2:
                r[0] = '"with ""quotes"", comma"'
            f.write(",".join(r) + ("\r\n" if k % 2 else "\n"))
        if name == "train":
            f.write("u1,B001,5.0\n\nu1,\"B001,5.0,1,\n,B001,5.0,1500000000000,\nu1,B001,5.0,x,\n")
