# `make run` makes the baseline fleet; `make test` runs the whole suite. Both do again only what has changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Which versions are installed; none said, as in `make fast CONSTRAINTS=`: the newest of all.
CONSTRAINTS := constraints.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(addprefix -c ,$(CONSTRAINTS))
PYTEST := $(BIN)/python -m pytest -q --dist loadgroup
# Set where containers are built, it would make each of hundreds of processes compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test fast lint types check soak unpinned constraints bench docs clean

run: $(VENV)/installed
	@if [ -e output/manifest.json ]; then echo "The baseline fleet is already in $(CURDIR)/output; remove that folder to make it again."; \
	else $(BIN)/python -m dask_synth --scheduler local && echo "The data is in $(CURDIR)/output"; fi

# Four at a time, on two cores too: many wait for something most of their time.
test: $(VENV)/installed-test fast
	$(PYTEST) -n 4 -m "integration and not soak" tests

# What is left out is of the second tier, and takes more than `fast` installs.
fast: $(VENV)/installed-fast
	$(PYTEST) -n 2 -m "not integration and not soak" $(addprefix --ignore=tests/,integration jobs docs/test_notebooks.py)

soak: $(VENV)/installed-test unpinned
	$(BIN)/python -m pytest -q -s -m soak tests

# The fast tier with the newest versions of everything, in an environment of its own.
unpinned:
	rm -rf build/unpinned
	$(MAKE) fast VENV=build/unpinned CONSTRAINTS=

# What the newest versions of everything are today; a change to commit.
constraints:
	rm -rf build/newest
	$(MAKE) build/newest/installed-dev VENV=build/newest CONSTRAINTS=
	build/newest/bin/python -m pip freeze --exclude-editable > constraints.txt

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell README.md ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md docs mkdocs.yml dask_synth jobs notebooks config cluster tests

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

# A file beside the environment remembers what was installed from which pyproject.toml and constraints.
$(VENV)/installed: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(PIP) -e .
	@touch $@

$(VENV)/installed-docs: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(PIP) -e ".[docs]"
	@touch $@ $(VENV)/installed

$(VENV)/installed-fast: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(PIP) -e ".[fast]"
	@touch $@ $(VENV)/installed

$(VENV)/installed-test: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(PIP) -e ".[test]"
	@touch $@ $(addprefix $(VENV)/installed,-docs -fast) $(VENV)/installed

$(VENV)/installed-dev: $(BIN)/python pyproject.toml $(CONSTRAINTS)
	$(PIP) -e ".[dev]"
	@touch $@ $(addprefix $(VENV)/installed,-docs -fast -test) $(VENV)/installed

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
