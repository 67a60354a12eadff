# Everything sets itself up: `make demo` and `make test` need Python 3.11 or newer, make and a package index.
# Another interpreter: make test PYTHON=python3.13

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PIP    := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

.PHONY: help setup demo names test test-portable lint types benchmark constraints clean
.DEFAULT_GOAL := help

help:
	@echo "make demo       reconstruct the sample with every method and write fourfold-demo/index.html"
	@echo "make test       lint, types and tests"
	@echo "make test-portable  the tests of the numerics again, rounded as another processor would"
	@echo "make names      write the public names and README's table of methods after a new method"
	@echo "make lint       ruff: rules and formatting"
	@echo "make types      mypy, strict"
	@echo "make benchmark  time and memory beside the peers that are installed, with tables and pictures"
	@echo "make clean      remove the virtual environment and everything generated"

setup: $(READY)

# The stamp is written last, so an interrupted set-up starts again and a finished one costs nothing.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "fourfold needs Python 3.11 or newer, but '$(PYTHON)' is not: name one with make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "'$(PYTHON)' lacks its venv module: install it (on Debian and Ubuntu the package python3-venv)" >&2; exit 1; }
	@echo "[1/3] virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@echo "[2/3] torch, the largest dependency"
	@$(PIP) torch
	@echo "[3/3] fourfold with its other dependencies, as pinned in constraints.txt"
	@$(PIP) --quiet --editable '.[dev]'
	@touch $@

demo: $(READY)
	@$(BIN)/fourfold demo

test: lint types
	$(BIN)/pytest -rs

# Arithmetic without wide vectors and with two threads adds up in another order, as on another processor.
NUMERICS := tests/optimize/test_minimise.py \
	$(patsubst %,tests/methods/test_%.py,stability methods custom plug_and_play nlinv untrained)

test-portable: $(READY)
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE \
		$(BIN)/pytest -rs $(NUMERICS)

# What follows from the registry of methods; tests/docs/test_names.py compares it.
names: $(READY)
	$(BIN)/python tools/names.py
	$(BIN)/ruff format --quiet src/fourfold/__init__.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

benchmark: $(READY)
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.document
	$(BIN)/python -m benchmarks.plots

# After a change of pyproject.toml's dependencies: pins what the environment holds now. A local suffix such as
# +cpu says which build of torch is at hand, not which version is wanted.
constraints: $(READY)
	@{ echo "# Exact versions of all dependencies; written by 'make constraints'."; \
	   $(BIN)/python -m pip freeze --all --exclude-editable | sed '/^pip==/d;s/+[a-z0-9.]*$$//'; } > constraints.new
	@mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) build dist fourfold-demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} + -o -name '*.egg-info' -prune -exec rm -rf {} +
