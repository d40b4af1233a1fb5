# Each target brings what it needs: nothing is assumed but python3 (3.11 or newer) and the package index.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV_VERSION := 0.13.9
PYTEST_ARGS ?=

.PHONY: help demo test lint format bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Start everything with a make-believe city (PORT=8000)
	@exec $(BIN)/tanggap demo --port $(PORT)

test: $(READY) ## Run every test, on SQLite and PostgreSQL
	@$(BIN)/pytest -n 3 --dist worksteal $(PYTEST_ARGS)

lint: $(READY) ## Check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(READY) ## Put the code into the project's format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY) ## Measure speed beside the raw limit of this machine
	@for file in bench/sla.py bench/intake.py bench/workqueue.py bench/recalculation.py bench/units.py bench/polling.py bench/alerts.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

clean: ## Remove the environment and what the tools leave
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The interpreter must be new enough; uv is taken from the machine, else brought into the environment from the index.
$(READY): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Tanggap needs Python 3.11 or newer, found $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 ..." >&2; exit 1; }
	@if test -x $(BIN)/python; then :; \
	elif uv --version >/dev/null 2>&1; then uv venv --quiet --python "$$(command -v $(PYTHON))" $(VENV); \
	elif $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	else echo "$(PYTHON) cannot make a virtual environment. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; fi
	@uv --version >/dev/null 2>&1 || test -x $(BIN)/uv || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@uv=uv; uv --version >/dev/null 2>&1 || uv=$(BIN)/uv; \
	  UV_PROJECT_ENVIRONMENT=$(VENV) $$uv sync --frozen --quiet --compile-bytecode --extra dev --python $(BIN)/python
	@touch $@
