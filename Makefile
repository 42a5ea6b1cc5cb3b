# Two commands do all the set-up: `make demo` and `make test`.
.PHONY: help demo test lowest lint format bench wheel clean
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "digest needs Python 3.11 or newer; name one with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)

demo: $(READY) ## the whole job on a bundled sample; mails land in demo/
	$(BIN)/digest demo --out demo

test: $(READY) ## every test
	$(BIN)/python -m pytest

lowest: $(READY) ## every test with the oldest dependencies that pyproject.toml admits
	$(BIN)/python -m venv --clear .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check $$($(BIN)/python -c "import re, tomllib; \
	  names = tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']; \
	  print(*(re.sub(r'>=([\w.]+).*', r'==\1', n) for n in names if ';' not in n))") --editable '.[dev]'
	.venv-lowest/bin/python -m pytest

lint: $(READY) ## ruff, mypy and the floor plan
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict digest
	$(BIN)/lint-imports

format: $(READY) ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## speed and memory, as ratios against a limit of the same run
	$(BIN)/python -m benchmarks

wheel: $(READY) ## build a wheel into dist/
	$(BIN)/python -m build --wheel

clean: ## remove what the other targets made
	rm -rf $(VENV) .venv-lowest demo preview dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
