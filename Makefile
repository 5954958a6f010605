# Everything a person types; `make help` lists it.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
MANAGE := $(BIN)/python manage.py
PORT ?=
DEMO ?= 1
WORKERS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?=
# Compiled files are kept whatever the shell says: without them every start compiles all of it,
# and every run of the tests rewrites all of their asserts.
unexport PYTHONDONTWRITEBYTECODE
ifneq (,$(PORT))
export PORT
else
unexport PORT
endif

# A PostgreSQL in DATABASE_URL brings its own tests along.
ifneq (,$(findstring postgres,$(DATABASE_URL)))
CHOSEN := not browser and not fault and not machines
else
CHOSEN := not browser and not fault and not machines and not postgres
endif

STATIC_SOURCES = $(shell find static -type f 2>/dev/null)

.PHONY: help run worker test browser-test fault-test fault-full machine-test bench pictures lint fmt requirements tools prepare clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'

run: prepare ## install, migrate, load the SOP, add a demonstration (DEMO=0: none), serve on PORT
	@if [ "$(DEMO)" != 0 ]; then $(MANAGE) seed_demo --if-empty; fi
	@exec $(MANAGE) serve

worker: prepare ## engine and task cluster without the web server
	@exec $(MANAGE) serve --no-web

prepare: $(VENV)/run.stamp
	@$(MANAGE) migrate --verbosity 0
	@$(MANAGE) load_sop
	@$(MAKE) --silent var/static.stamp

test: $(VENV)/dev.stamp ## every test that needs no service (the same on PostgreSQL with DATABASE_URL)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "$(CHOSEN)" $(PYTEST_ARGS)

browser-test: $(VENV)/dev.stamp ## the tests that drive Chromium
	@$(BIN)/python -m pytest -m browser $(PYTEST_ARGS)

fault-test: $(VENV)/dev.stamp ## the tests that kill processes
	@$(BIN)/python -m pytest -m fault $(PYTEST_ARGS)

fault-full: $(VENV)/dev.stamp ## the faults at the size of the published figures, in an hour or so
	@FAULTS=full $(BIN)/python -m pytest -m fault tests/faults $(PYTEST_ARGS)

machine-test: $(VENV)/dev.stamp ## ten thousand generated requests, and clients that others wrote
	@$(BIN)/python -m pytest -n $(WORKERS) -m machines $(PYTEST_ARGS)

bench: $(VENV)/dev.stamp ## how fast it is, against yardsticks in the same rounds, in some minutes
	@$(BIN)/python -m tests.bench $(BENCH_ARGS)

pictures: $(VENV)/dev.stamp ## the README's pictures anew, in docs/pictures (needs Chromium)
	@$(BIN)/python -m tests.pictures

lint: $(VENV)/dev.stamp ## ruff, mypy, import order, missing migrations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@$(MANAGE) makemigrations --check --dry-run

fmt: $(VENV)/dev.stamp ## put the code into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

requirements: ## compile requirements/*.txt from the .in files (needs uv)
	@command -v uv >/dev/null || { echo "uv is missing: python3 -m pip install uv"; exit 1; }
	@for name in run dev; do uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  -o requirements/$$name.txt requirements/$$name.in >/dev/null || exit 1; done

clean: ## remove the virtual environment and collected files, never data
	@rm -rf $(VENV) var/static var/static.stamp

# Finds a Python that will do and makes the virtual environment; each missing piece is
# named in one line.
tools:
	@command -v git >/dev/null || echo "Note: git is missing (apt-get install git); running needs none, contributing does."
	@for name in python3 python3.13 python3.12 python3.11; do \
	  if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$name; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "Python 3.11 or newer is missing: apt-get install python3"; exit 1; fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  $$found -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }; \
	  echo "Making $(VENV) with $$($$found --version)"; \
	  rm -rf $(VENV) && $$found -m venv $(VENV); \
	fi

$(VENV)/run.stamp: requirements/run.txt
	@$(MAKE) tools
	@echo "Installing run-time packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt
	@$(MAKE) tools
	@echo "Installing run-time and test packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@ $(VENV)/run.stamp

var/static.stamp: $(STATIC_SOURCES) requirements/run.txt config/settings.py
	@$(MANAGE) collectstatic --noinput --verbosity 0
	@touch $@
