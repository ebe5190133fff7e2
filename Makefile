# Two commands for a bare Debian/Ubuntu machine, each does all of its own set-up:
#   make demo    the whole pipeline on a sample catalogue; prints the evaluation table
#   make test    build and run the tests
# and: make (build/semid), make install PREFIX=..., make docs (docs/cli), make clean, and the gates
# make check, make asan, make fuzz

PREFIX ?= /usr/local
DEMO_ITEMS ?= 3000
FUZZ_SECONDS ?= 60
MODEL = .deps/models/all-MiniLM-L6-v2

.PHONY: all bootstrap configure build build-all demo test install check asan fuzz docs clean
.NOTPARALLEL:

all: build
	@echo "semid is built: build/semid --help"

bootstrap:
	@scripts/bootstrap

configure: bootstrap
	@mkdir -p build
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }

build: configure
	@echo "make: building build/semid"
	@cmake --build build --target semid_command semid_faiss

build-all: configure
	@echo "make: building everything"
	@cmake --build build

$(MODEL)/model.safetensors:
	@scripts/get-model

demo: build $(MODEL)/model.safetensors
	@echo "make: the whole pipeline on a sample of $(DEMO_ITEMS) items; all output is in demo/"
	@build/semid sample --items $(DEMO_ITEMS) --out demo/raw
	@build/semid run --reviews demo/raw/reviews.jsonl --meta demo/raw/meta.jsonl \
	    --model $(MODEL) --out demo

test: build-all
	@echo "make: running the tests"
	@cd build && ctest --output-on-failure

install: build-all
	@cmake --install build --prefix "$(PREFIX)"

check:
	@scripts/bootstrap --dev
	@scripts/check

asan: bootstrap
	@cmake --preset asan && cmake --build build-asan
	@cd build-asan && ctest --output-on-failure

fuzz:
	@scripts/bootstrap --dev
	@cmake --preset fuzz && cmake --build build-fuzz
	@scripts/fuzz $(FUZZ_SECONDS)

docs: build
	@build/semid docs --format md --out docs/cli

clean:
	rm -rf build build-dev build-asan build-tsan build-fuzz build-coverage demo
