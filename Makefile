# `make demo` and `make test` need git, make and Python 3.11 or newer; they set up everything else themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo zipapp test quick lint types layers docs changes crash reliability bench bench-page clean

$(READY): pyproject.toml
	$(PYTHON) tools/setup.py $(VENV)
	@touch $(READY)

demo:
	$(PYTHON) tools/demo.py

# cw.pyz: one file with everything, for this Python and platform
zipapp:
	$(PYTHON) tools/zipapp.py

test: $(READY)
	$(BIN)/python tools/run_tests.py

quick: $(READY)
	$(BIN)/pytest -x -m "not index and not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/typos

types: $(READY)
	$(BIN)/mypy src tests

layers: $(READY)
	$(BIN)/lint-imports

# the site, strictly: .site/site/index.html
docs: $(READY)
	$(BIN)/python tools/build_site.py

# the changelog of the next version, as the files in changes/ make it
changes: $(READY)
	$(BIN)/towncrier build --draft --version next

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
	rm -rf $(VENV) .demo .bench .site cw.pyz .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
