# One command each. Every target sets up what it needs by itself (Python 3.11 and bash are enough).
SHELL := /bin/bash
HEADWAY := bin/headway
RUN := bin/in-env
# What needs nothing first, what kills things late.
FIRST := $(wildcard tests/unit tests/dags tests/conformance tests/integration tests/faults)
FOLDERS := $(FIRST) $(filter-out $(FIRST) tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/)))

.PHONY: help up down reset test test-fast check format bench compose-check install

help:  ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

up:  ## Set up, start everything, run the main DAG on the shipped workbooks, report
	$(HEADWAY) up
	$(HEADWAY) run

down:  ## Stop everything; data stay
	$(HEADWAY) down

reset:  ## Stop everything and forget its state, after asking
	$(HEADWAY) reset

install:  ## Set up everything, with what tests need, and start nothing
	$(HEADWAY) install --dev

test: check  ## Check, then run every test (up to 30 minutes)
	$(RUN) python -m pytest $(FOLDERS)

test-fast: install  ## Unit and DAG tests only (under 90 seconds)
	$(RUN) python -m pytest tests/unit tests/dags

check: install  ## Format, lint, types
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy

format: install  ## Put the code into shape
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

bench: install  ## Run all benchmarks; BENCH="--json out.json NAME" passes options
	$(RUN) python -m benchmarks $(BENCH)

compose-check: install  ## Check docker-compose.yml, its Dockerfiles and addresses
	$(RUN) python -m pytest tests -k compose
