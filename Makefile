# The front door. Needs make, a network for the first time, and Python 3.11 or newer; nothing is installed outside .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help up test lint bench faults evaluate pictures docs lock clean

# The first that runs and is new enough; PYTHON=/path/to/python3 chooses another one.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$name" -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && { echo "$$name"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= examples/hong-kong
ARGS ?=

help: ## Say what can be made
	@echo "Caretaker: readings of toilets, meters and air stations, and none is lost."
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'
	@echo
	@echo "  ARGS=\"...\" is passed on, as in: make up ARGS=\"--port 2883 --lan\""

up: $(VENV)/.run ## Start everything on this machine and watch it live
	@$(BIN)/caretaker up $(CONFIG) $(ARGS)

test: $(VENV)/.dev ## Run the tests; what needs minutes is in `make faults`
	@$(BIN)/python -m pytest -n 2 -m "not long" $(ARGS)

lint: $(VENV)/.dev ## Check style, types, and which package may import which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.dev ## Measure speed, memory and delays; build/bench.json
	@$(BIN)/python -m bench $(ARGS)

faults: $(VENV)/.dev ## Kill, cut off and fill up everything, and look for what is missing; build/faults.json
	@$(BIN)/python -m tests.faults $(ARGS)
	@test -n "$(ARGS)" || $(BIN)/python -m pytest -m long --ignore=tests/faults

evaluate: $(VENV)/.dev ## Judge a week with known troubles: what the example's rules find; build/evaluate.json
	@$(BIN)/python -m tests.evaluate $(ARGS)

docs: $(VENV)/.dev ## Build the documentation as a site into build/docs; a dead link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

pictures: $(VENV)/.dev ## Take the pictures of the documentation from a real run
	@$(BIN)/python -m tests.pictures $(ARGS)

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links pyproject.toml

lock: ## Compile the locked requirements anew, without addresses (needs uv)
	@$(COMPILE) --extra build --output-file requirements.txt
	@$(COMPILE) --extra build --extra dev --constraint requirements.txt --output-file requirements-dev.txt

clean: ## Remove what was made, but never data
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@test -n "$(PYTHON)" || { \
		echo "error: no Python 3.11 or newer found; python3 is: $$(python3 --version 2>&1 | head -n 1)"; \
		echo "  mend: install one, or name it: make up PYTHON=/path/to/python3"; exit 2; } >&2
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' 2>/dev/null || { \
		echo "error: $(PYTHON) is not Python 3.11 or newer: $$("$(PYTHON)" --version 2>&1 | head -n 1)"; \
		echo "  mend: install a newer one, or name it: make up PYTHON=/path/to/python3"; exit 2; } >&2
	@"$(PYTHON)" -m venv $(VENV) || { echo "error: $(PYTHON) cannot make a virtual environment"; \
		echo "  mend: install its venv module (Debian and Ubuntu: apt install python3-venv)"; exit 2; } >&2
	@touch $@

$(VENV)/.run: requirements.txt pyproject.toml | $(VENV)/.python
	@echo "Installing what Caretaker needs into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "Installing what the tests need into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
