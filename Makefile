# The project's commands. `make` alone lists them. Each sets up what it needs in .venv; a second call finds it there.

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-core lint bench fault docs neo4j requirements clean
.DELETE_ON_ERROR:

VENV := .venv
PYTHON := $(VENV)/bin/python
PYTHONS ?= python3 python3.14 python3.13 python3.12 python3.11 python
LINTER := tests/cypherlint
UV := $(shell uv --version >/dev/null 2>&1 && echo uv)

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.core ## Run the main job on the sample graph, embedded: import, rank, ask, export
	@$(VENV)/bin/graphengine demo

test: $(VENV)/.train ## Run all tests (a Neo4j server is started where Docker, or Java 17 and Maven, are there)
	$(PYTHON) -m pytest -n auto --maxprocesses 4 --dist loadfile

test-fast: $(VENV)/.dev ## Run the tests that are done within a minute
	$(PYTHON) -m pytest -n auto --maxprocesses 4 --dist worksteal -m "not slow and not neo4j and not train and not fault and not data"

test-core: $(VENV)/.dev ## Run the tests that need no torch
	$(PYTHON) -m pytest -n auto --maxprocesses 4 --dist loadfile -m "not train"

lint: $(VENV)/.train $(LINTER)/node_modules/.package-lock.json ## Check style, types (torch's, too), layers, and every Cypher file with Neo4j's own parser
	@failed=; \
	for check in "$(VENV)/bin/ruff check" $(VENV)/bin/pyright "$(VENV)/bin/lint-imports --no-cache" \
	  "node $(LINTER)/cypherlint.cjs cypher"; do echo "$$check"; $$check || failed=yes; done; \
	test -z "$$failed"

bench: $(VENV)/.dev ## Run the benchmarks, each beside its floor, measured in the same run
	$(PYTHON) -m benchmarks

fault: export GRAPHENGINE_FAULT_ROUNDS ?= 100
fault: export GRAPHENGINE_FAULT_ROUNDS_NEO4J ?= 20
fault: $(VENV)/.dev ## Kill imports and servers at random moments, many times over
	$(PYTHON) -m pytest -m fault

docs: $(VENV)/.dev ## Run the examples of docstrings, README and docs
	$(PYTHON) -m pytest graphengine tests/docs

neo4j: $(VENV)/.dev ## Start a throw-away Neo4j and print its address; Ctrl-C ends and removes it
	@$(PYTHON) -m tests.neo4j_server

requirements: ## Pin the newest versions again: requirements/*.txt (needs uv)
	$(call compile,train,--upgrade --group dev --extra train)
	$(call compile,dev,--group dev --constraint requirements/train.txt)
	$(call compile,core,--group build --constraint requirements/train.txt)

clean: ## Remove what was set up and built; graphs stay
	rm -rf $(VENV) $(LINTER)/node_modules build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- Setting up ------------------------------------------------------------------------------------------------------

# The first Python that is new enough. It is run, not only looked for: a version manager's stand-in may lead nowhere.
$(PYTHON):
	@for python in $(PYTHONS); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "graphengine needs Python 3.11 or newer; none of these is: $(PYTHONS)." >&2; \
	  echo "Install one, or name it: make PYTHONS=/path/to/python3" >&2; exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" --version)"; \
	if [ -n "$(UV)" ]; then $(UV) venv --quiet --clear --python "$$(command -v "$$found")" $(VENV); \
	else "$$found" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }; fi

# One step per file of pins. The project itself goes in last, without a download: what builds it is among the pins.
$(VENV)/.core $(VENV)/.dev $(VENV)/.train: $(VENV)/.%: requirements/%.txt pyproject.toml | $(PYTHON)
	@echo "Installing $<"
	@$(call install,--require-hashes --requirement $<)
	@$(call install,--no-deps --no-build-isolation --editable .)
	@touch $@

$(LINTER)/node_modules/.package-lock.json: $(LINTER)/package-lock.json
	@node --version >/dev/null 2>&1 || { echo "The Cypher checker needs Node.js 20 or newer (node and npm)." >&2; exit 1; }
	npm ci --prefix $(LINTER) --no-audit --no-fund --loglevel error
	@touch $@

# $(call install,WHAT)
install = if [ -n "$(UV)" ]; then $(UV) pip install --quiet --python $(PYTHON) $(1); \
  else $(PYTHON) -m pip install --quiet --disable-pip-version-check $(1); fi

# $(call compile,NAME,WHICH)
compile = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-header --no-annotate pyproject.toml $(2) --output-file requirements/$(1).txt
