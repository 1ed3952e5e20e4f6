# Every target sets itself up: a virtual environment in this clone, installed once and again when its inputs change.
#
#   make demo        a whole run on scikit-learn's digits, in a few minutes on a laptop
#   make test        linters, types, and the tests of a change, ten minutes on two cores
#   make test-all    make test, then the tests that repeat whole runs: everything that needs neither a GPU nor patience
#   make test-whole  only those that make test leaves out to make test-all
#   make test-slow   the tests that train on real data sets (set CLNP_DATA), or take patience
#   make coverage    what the tests of make test and make test-whole run of each package
#   make chaos       kill drivers and workers hundreds of times, and hold what remains against an undisturbed run (hours)
#   make power-loss  let the power go after every system call of a recorded run, and resume from what is left (a quarter of an hour)
#   make test-gpu    the tests that need an NVIDIA GPU
#   make lint        ruff, mypy and nothing else
#   make bench       the measurements that the README quotes
#   make clean       remove what the targets above made; runs in .clnp/ stay

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
# Two processes. tests/conftest.py gives one of them all tests that need Ray, so that they share one cluster.
TOGETHER := -n 2 --dist loadscope --no-loadscope-reorder --durations=25
QUICK := not whole and not slow and not gpu
WHOLE := whole and not slow and not gpu

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test test-all test-whole test-slow test-gpu coverage chaos power-loss lint bench clean

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

install: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: $(PYTHON) is missing or older than Python 3.11: $$($(PYTHON) --version 2>&1)" >&2; \
	  echo "install Python 3.11 or newer, or name one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "error: $(PYTHON) cannot make a virtual environment" >&2; \
	  echo "install its venv module (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/clnp launch experiments/permuted-digits.yaml --name "demo-$$(date -u +%Y%m%d-%H%M%S)"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(PYTEST) $(TOGETHER) -m "$(QUICK)"

test-whole: $(READY)
	$(PYTEST) $(TOGETHER) -m "$(WHOLE)"

test-all: test test-whole

coverage: $(READY)
	$(BIN)/python -m tests.coverage_table $(TOGETHER) -m "not slow and not gpu" $(COVER)

test-slow: $(READY)
	$(PYTEST) -m "slow and not gpu"

test-gpu: $(READY)
	$(PYTEST) -m gpu

chaos: $(READY)
	$(BIN)/python -m tests.chaos.campaign $(CHAOS)

power-loss: $(READY)
	$(BIN)/python -m tests.chaos.power $(POWER)

bench: $(READY)
	@set -e; for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
