# make run    start Baton here, with the example ledger           make bench     measure it
# make test   all checks and tests                                make lock      choose the versions of packages anew
# make check  style, types, who may import whom                   make migrate   bring the store up to date
# make clean  take away what these made, except var/

PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help run test check pytest bench lock migrate clean .venv

help:
	@sed -n '/^#/!q; s/^# //p' Makefile

run: $(READY)
	@exec $(BIN)/baton run --example examples

test: check pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

# The heavy parts (a database server, Temporal servers) are shared within a file, so that a file stays on one worker.
pytest: $(READY)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

bench: $(READY)
	@exec $(BIN)/python -m tests.bench $(ARGS)

migrate: $(READY)
	@$(BIN)/baton migrate

.venv: $(READY)

# Made anew whenever the lock changes, so that nothing of an earlier set of packages stays.
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Baton needs Python 3.11 or newer, and there is no $(PYTHON): make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Baton needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Choose another: make PYTHON=python3.12"; exit 1; }
	@echo "Making $(VENV) from requirements.lock, once; this takes about a minute …"
	@$(PYTHON) -m venv --clear $(VENV) || { echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $(READY)

# requirements.lock has all, tests and tools included; deploy/requirements.lock what the container runs.
# uv resolves for every system and Python at once; it is fetched into a folder of its own, for this only.
UV := var/lock/bin/uv
LOCKING := pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --python-version 3.11 $(UPGRADE)
lock:
	@test -x $(UV) || { $(PYTHON) -m venv var/lock && var/lock/bin/python -m pip --disable-pip-version-check install --quiet uv; }
	$(UV) $(LOCKING) pyproject.toml --group dev -o requirements.lock
	echo 'setuptools' | $(UV) $(LOCKING) pyproject.toml - -c requirements.lock -o deploy/requirements.lock

clean:
	rm -rf $(VENV) baton.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis var/lock
