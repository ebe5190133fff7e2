#!/usr/bin/env bash
# scripts/get-amazon against a server of our own: whole, cut off and gone on, refused, damaged.
set -euo pipefail
out=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server"; fi; rm -rf "$out"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

mkdir -p "$out/raw/review_categories" "$out/raw/meta_categories"
head -c 300000 /dev/urandom | gzip -c >"$out/raw/review_categories/Software.jsonl.gz"
head -c 1000 /dev/urandom | gzip -c >"$out/raw/meta_categories/meta_Software.jsonl.gz"
head -c 5000 /dev/urandom >"$out/raw/review_categories/Video_Games.jsonl.gz"

# Serves ranges; the first answer of all is cut off half-way.
python3 - "$out/raw" "$out/port" <<'PY' &
import http.server, os, sys
class Server(http.server.BaseHTTPRequestHandler):
    cut = True
    def do_GET(self):
        path = sys.argv[1] + self.path
        if not os.path.exists(path):
            return self.send_error(404)
        data = open(path, "rb").read()
        start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        half = len(data) // 2 if Server.cut else len(data)
        Server.cut = False
        self.wfile.write(data[start:half])
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Server)
with open(sys.argv[2] + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(sys.argv[2] + ".new", sys.argv[2])
server.serve_forever()
PY
server=$!
for _ in $(seq 100); do [ -s "$out/port" ] && break; sleep 0.1; done
AMAZON_2023_URL=http://127.0.0.1:$(cat "$out/port")
export AMAZON_2023_URL no_proxy=127.0.0.1
get() { "$SOURCE_DIR/scripts/get-amazon" "$@" >"$out/log" 2>&1; }

get Software "$out/got" && fail "a broken download counts as whole"
grep -q 'run the same command again' "$out/log" || fail "no advice: $(cat "$out/log")"
[ ! -e "$out/got/Software.jsonl.gz" ] || fail "half a file has its final name"
get Software "$out/got" || fail "$(cat "$out/log")"
grep -q 'continuing at' "$out/log" || fail "it began again: $(cat "$out/log")"
cmp "$out/got/Software.jsonl.gz" "$out/raw/review_categories/Software.jsonl.gz"
get Software "$out/got"
[ "$(grep -c 'exists already' "$out/log")" = 2 ] || fail "it downloaded files that exist"

get Video_Games "$out/got" && fail "damaged bytes were accepted"
grep -q 'not a whole gzip file' "$out/log" || fail "$(cat "$out/log")"
get Books "$out/got" && fail "a missing file was accepted"
grep -q 'the server refuses' "$out/log" || fail "$(cat "$out/log")"
get Bananas "$out/got" && fail "an unknown category was accepted"
grep -q 'there is no category' "$out/log" || fail "$(cat "$out/log")"
AMAZON_2023_URL=http://127.0.0.1:9 get Books "$out/got" && fail "a dead server was accepted"
grep -q 'cannot reach' "$out/log" || fail "$(cat "$out/log")"
echo "downloads go on, and failures say what to do"
