# Needs make and Python 3.11 or later; all the rest goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check fmt clean

run: $(VENV)/run
	@$(BIN)/kdns serve examples

test: $(VENV)/test
	@$(BIN)/python -m pytest -q

check: $(VENV)/lint
	$(BIN)/ruff check kdns tests
	$(BIN)/ruff format --check kdns tests
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(VENV)/lint
	$(BIN)/ruff check --fix kdns tests
	$(BIN)/ruff format kdns tests

clean:
	rm -rf $(VENV)

$(VENV)/run: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "kdns needs Python 3.11 or later, this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) ..."
	@$(BIN)/python -m pip install -q -c constraints.txt -e .
	@touch $@

$(VENV)/test: $(VENV)/run
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[test]'
	@touch $@

$(VENV)/lint: $(VENV)/test
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[test,lint]'
	@touch $@
