# Needs make and Python 3.11 or later; all the rest goes into .venv. `make e2e` needs Go too, or KUBEBUILDER_ASSETS;
# `make bench` says what it needs of Debian's packages.
PYTHON ?= python3
ARGS ?= examples
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check --prefer-binary -c constraints.txt

.PHONY: run test e2e check bench bench-quick fmt clean

run: $(VENV)/run
	@$(BIN)/kdns serve $(ARGS)

test: $(VENV)/test
	@$(BIN)/python -m pytest -q -n auto --dist loadfile

e2e: $(VENV)/test
	@$(BIN)/python -m tests.e2e.programs
	@$(BIN)/python -m tests.deploy.renderers
	@$(BIN)/python -m pytest -q -m e2e

check: $(VENV)/lint
	$(BIN)/ruff check kdns tests bench
	$(BIN)/ruff format --check kdns tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/bench
	@$(BIN)/python -m bench

bench-quick: $(VENV)/run
	@$(BIN)/python -m bench --quick

fmt: $(VENV)/lint
	$(BIN)/ruff check --fix kdns tests bench
	$(BIN)/ruff format kdns tests bench

clean:
	rm -rf $(VENV)

# pip comes last into a venv: one that was left half made is made again.
$(VENV)/run: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "kdns needs Python 3.11 or later, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/test: $(VENV)/run
	@$(PIP) -e '.[test]'
	@touch $@

$(VENV)/lint: $(VENV)/test
	@$(PIP) -e '.[test,lint]'
	@touch $@

$(VENV)/bench: $(VENV)/run
	@$(PIP) -e '.[bench]'
	@touch $@
