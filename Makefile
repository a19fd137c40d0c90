# `make demo` and `make test` need git, make and Python 3.11 or newer; they set up everything else themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test quick lint types layers crash reliability bench bench-page clean

$(READY): pyproject.toml
	$(PYTHON) tools/setup.py $(VENV)
	@touch $(READY)

demo:
	$(PYTHON) tools/demo.py

test: $(READY)
	$(BIN)/python tools/run_tests.py

quick: $(READY)
	$(BIN)/pytest -x -m "not index and not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy src tests

layers: $(READY)
	$(BIN)/lint-imports

crash: $(READY)
	$(BIN)/pytest tests/crash -s

reliability: $(READY)
	$(BIN)/python tools/reliability.py

# CASE='fold-* noop' measures these alone; their figures are in the page after bench-page
bench: $(READY)
	$(BIN)/python bench/run.py $(foreach case,$(CASE),--case '$(case)')

bench-page: $(READY)
	$(BIN)/python bench/page.py

clean:
	rm -rf $(VENV) .demo .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
