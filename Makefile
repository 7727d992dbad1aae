# make demo | test | check | bench | clean
#
# Everything runs in .venv, which the first target makes with Python 3.11 or 3.12.

VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
JOBS   ?= 2
# Calls mostly wait, so more of them fit than there are cores.
CALLING ?= 4
export OPENBLAS_NUM_THREADS ?= 1
# The tests start thousands of processes; without bytecode each of them would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check bench clean peers

demo: $(READY)
	$(BIN)/srtpbot demo

# Calls carry audio in real time, so the tests that only compute do not run beside them.
test: $(READY) peers
	$(BIN)/python -m pytest -n $(JOBS) tests/bot tests/media
	$(BIN)/python -m pytest -n $(CALLING) --dist worksteal tests/agent tests/cli tests/interop

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m tests.bench

peers:
	@sh tests/install-peers.sh

$(READY): pyproject.toml
	@sh tests/make-venv.sh $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install -qq --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) out test-artifacts build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
