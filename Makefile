# The life of a checkout. `make` lists the targets; the `fastyle` command has an operator's verbs.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/fastyle
UV_VERSION := 0.13.9
UV_HOME := $(CACHE)/uv-$(UV_VERSION)
# The system's own Python where it will do, else the first on PATH: distributions build theirs with profile-guided
# optimisation, version managers mostly do not, and on such a build everything here takes a quarter more processor time.
PYTHON ?= $(firstword $(shell for name in /usr/bin/python3 python3; do \
  "$$name" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done) python3)
# uv from PATH, else the one that `setup` puts in the cache: everything below finds it by this PATH.
export PATH := $(PATH):$(UV_HOME)/bin
export UV_FROZEN := 1
# Every command below starts Python processes by the dozen: compiled once, their imports take half the time.
unexport PYTHONDONTWRITEBYTECODE
STACK ?= local
BY_NETWORK := could not be installed, for the reason above; the first set-up needs the network
RUN := uv run --quiet

.PHONY: help setup up down clean test check documents format plan cost comment bench soak mutants scan audit sbom test-fast dist

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup:  ## Set up Python packages and the Pulumi engine
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "error: $(PYTHON) is no Python 3.11 or newer; install one, or name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@command -v git >/dev/null || { echo "error: git is not on PATH; install it" >&2; exit 1; }
	@command -v uv >/dev/null || { echo "==> uv $(UV_VERSION) into $(UV_HOME)"; \
	  $(PYTHON) -m venv $(UV_HOME) 2>/dev/null || { echo "error: $(PYTHON) cannot make a virtual environment; install its venv module (Debian: apt install python3-venv)" >&2; exit 1; }; \
	  $(UV_HOME)/bin/pip install --quiet uv==$(UV_VERSION) || { echo "error: uv $(BY_NETWORK), or uv on PATH" >&2; exit 1; }; }
	@[ -x .venv/bin/python ] || echo "==> Python packages"
	@uv sync --quiet $(if $(filter file,$(origin PYTHON)),$$([ -x .venv/bin/python ] || echo --python $(PYTHON)),--python $(PYTHON)) || { echo "error: the Python packages $(BY_NETWORK)" >&2; exit 1; }
	@$(RUN) python -m fastyle_localcloud.engine.bootstrap >/dev/null

up: setup  ## Bring stack local up, trade a first day, print a summary and the URLs
	@$(RUN) python -m ops up

down: setup  ## Destroy stack local and stop every process
	@$(RUN) python -m ops down

clean:  ## The same, and remove the state and caches of this checkout
	@if [ -x .venv/bin/python ]; then .venv/bin/python -m ops down; fi
	rm -rf .localcloud .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

test: setup  ## Run every test, fast ones first
	@$(RUN) pytest --numprocesses 3 --durations 25

test-fast: setup  ## Run the unit tests but for the slow ones: no engine, no local cloud
	@$(RUN) pytest tests/unit components/tests policies/tests localcloud/tests/cloud_provider -m "not slow" --numprocesses 3 --quiet

check: setup  ## Format, lint, types, and documents that must be current
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) python -m tools.documents --check

documents: setup  ## Write every generated part of the documents
	@$(RUN) python -m tools.documents

format: setup  ## Format, and mend what the linter can
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

plan: setup  ## Preview STACK without any cloud account, with policies and cost
	@$(RUN) fastyle plan --stack $(STACK)

cost: setup  ## Estimate STACK's month; AGAINST=git-ref for the difference; FORMAT=table|markdown|json
	@$(RUN) fastyle cost --stack $(STACK) $(if $(AGAINST),--against $(AGAINST)) --format $(or $(FORMAT),table)

comment: setup  ## What a pull request is told: both stacks' cost, changes against AGAINST=git-ref, policies, advice
	@$(RUN) python -m tools.pull_request --against $(or $(AGAINST),origin/main)

bench: up  ## Measure the local stack; ratios of one run, in bench/results.json
	@$(RUN) python -m tools.bench

soak: up  ## Trade while one fault after another is done to the local stack; a quarter of an hour, bench/soak.json
	@$(RUN) python -m tools.bench.soak

mutants: setup  ## Change the program bit by bit: does a test notice? ROOM=policies|pricing|components|infra, SAMPLE=n, SEED=n
	@$(RUN) python -m tools.mutants $(ROOM) $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED))

scan: setup  ## Lint the workflows, and look for secrets in the whole history
	@$(RUN) python -m tools.checkers actionlint
	@$(RUN) python -m tools.checkers gitleaks git --no-banner --redact .

audit: setup  ## Hold the locked packages against known vulnerabilities
	@$(RUN) python -m tools.audit

sbom: setup  ## What each archive and package holds, as CycloneDX with checked licences, in dist/sbom
	@$(RUN) python -m tools.sbom

dist: setup  ## Wheel and source archive of each package, in dist/packages
	@rm -rf dist/packages
	@for package in components policies localcloud; do uv build --quiet --package fastyle-$$package --out-dir dist/packages; done
	@rm -f dist/packages/.gitignore
	@ls dist/packages
