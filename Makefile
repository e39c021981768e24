# `make run` makes the baseline fleet; `make test` runs the whole suite. Both do again only what has changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test fast lint types check soak bench docs clean

run: $(VENV)/installed
	@if [ -e output/manifest.json ]; then echo "The baseline fleet is already in $(CURDIR)/output; remove that folder to make it again."; \
	else $(BIN)/python -m dask_synth --scheduler local && echo "The data is in $(CURDIR)/output"; fi

test: fast
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m integration tests

fast: $(VENV)/installed-test
	$(BIN)/python -m pytest -q -m "not integration and not soak"

soak: $(VENV)/installed-test
	$(BIN)/python -m pytest -q -s -m soak tests

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell README.md CHANGELOG.md CONTRIBUTING.md docs mkdocs.yml dask_synth jobs notebooks config cluster tests

types: $(VENV)/installed-dev
	$(BIN)/mypy

check: lint types test

bench: $(VENV)/installed-test
	$(BIN)/python jobs/benchmark.py

docs: $(VENV)/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "The first page is $(CURDIR)/build/site/index.html"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# A file beside the environment remembers what was installed from which pyproject.toml.
$(VENV)/installed: $(BIN)/python pyproject.toml
	$(PIP) -e .
	@touch $@

$(VENV)/installed-docs: $(BIN)/python pyproject.toml
	$(PIP) -e ".[docs]"
	@touch $@ $(VENV)/installed

$(VENV)/installed-test: $(BIN)/python pyproject.toml
	$(PIP) -e ".[test]"
	@touch $@ $(VENV)/installed-docs $(VENV)/installed

$(VENV)/installed-dev: $(BIN)/python pyproject.toml
	$(PIP) -e ".[dev]"
	@touch $@ $(VENV)/installed-test $(VENV)/installed-docs $(VENV)/installed

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
