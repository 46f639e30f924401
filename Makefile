# `make demo` and `make test` set up everything that they need in .venv, once, and again when the
# dependencies change. Variables: PYTHON (3.11 or later), ARGS (for the command that is run), WORKERS,
# TORCH_INDEX (an index to take torch from, such as https://download.pytorch.org/whl/cpu).

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=
TORCH_INDEX ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
PIP := $(BIN)/python -m pip --disable-pip-version-check
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1

# Constraints for build requirements too, which pip installs in an environment of their own.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo bench validate test lint docs links format clean

help:
	@echo "make demo    simulate an observation, fit it, leave the files in demo-output/"
	@echo "make test    run the tests"
	@echo "make lint    ruff, mypy and the import contract"
	@echo "make docs    build the documentation into docs/_build/html/"
	@echo "make links   ask every link out of the documentation whether it answers"
	@echo "make format  let ruff sort imports and format"
	@echo "make bench   measure time and memory, refresh the numbers in docs/bench/"
	@echo "make validate  fit many simulated orders: do the errors cover the truth?"
	@echo "make clean   remove everything that make made, .venv included"

demo: $(STAMP)
	$(BIN)/blase demo -o demo-output --overwrite $(ARGS)

# The documentation shows the run on the embedded template, so another one (ARGS="--star FILE") stays out of it.
bench: $(STAMP)
	$(BIN)/blase bench -o bench-output --overwrite $(ARGS)
	$(if $(ARGS),,cp bench-output/bench.md bench-output/bench.png docs/bench/)

validate: $(STAMP)
	$(BIN)/python benchmarks/validate.py $(ARGS)

test: $(STAMP)
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n $(WORKERS) $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check src tests docs benchmarks
	$(BIN)/ruff format --check src tests docs benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(STAMP)
	$(BIN)/ruff check --fix src tests docs benchmarks
	$(BIN)/ruff format src tests docs benchmarks

docs: $(DOCS_STAMP)
	rm -rf docs/api docs/_executed
	$(ONE_THREAD) $(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "documentation: docs/_build/html/index.html"

# Links out of the documentation, each asked whether it answers. Without a network they are left unasked, and said so.
links: $(DOCS_STAMP)
	@if $(BIN)/python -c 'import urllib.request; urllib.request.urlopen("https://doi.org/api/handles/10.3847/1538-4357/aca0a2", timeout=10)' 2>/dev/null; \
	then $(ONE_THREAD) $(BIN)/python -m sphinx -q -W --keep-going -b linkcheck -d docs/_build/html/.doctrees docs docs/_build/links; \
	else echo "links out of the documentation: not asked, since https://doi.org cannot be reached from here"; fi

# Torch goes first and alone, so that TORCH_INDEX serves nothing else.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "blasé needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PIP) --version >/dev/null 2>&1 || { echo "creating $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	@echo "installing into $(VENV) (the first time this takes minutes)"
	@$(PIP) install -qq -c constraints.txt $(addprefix --extra-index-url ,$(TORCH_INDEX)) torch
	@$(PIP) install -qq -c constraints.txt -e '.[dev]'
	@touch $@

$(DOCS_STAMP): $(STAMP)
	@$(PIP) install -qq -c constraints.txt -e '.[docs]'
	@touch $@

clean:
	rm -rf $(VENV) build dist docs/_build docs/api docs/_executed demo-output bench-output .pytest_cache .mypy_cache .ruff_cache \
	  .import_linter_cache .hypothesis
	find src tests -type d -name __pycache__ -prune -exec rm -rf {} +
