# make demo | test | test-all | test-latest | check | docs | fuzz | flood | soak | bad-calls | bench | lock | clean
#
# Everything runs in .venv, which the first target makes with Python 3.11 or 3.12 and the releases of
# constraints.txt; `make test-latest` runs the tests in .venv-latest, with the newest releases instead.

# With PJSUA2=DIR the tests and the benches use the pjsua2.py and the _pjsua2*.so in that folder, in a virtual
# environment of the Python that they were built for (docs/build-of-your-own.md).
ifdef PJSUA2
VENV   := .venv-pjsua2
export PJSUA2 := $(abspath $(PJSUA2))
export PYTHONPATH := $(PJSUA2)
else
VENV   := .venv
endif
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
JOBS   ?= 2
# Calls mostly wait, so more of them fit than there are cores; some of the tests start several at once.
CALLING ?= 4
FUZZ_CALLEE ?= 20000
FUZZ_CALLER ?= 5000
FUZZ_MEDIA ?= 20000
FUZZ_FRAMING ?= 5000
FUZZ_SEED ?= 1
FLOOD_SECONDS ?= 5
FLOOD_RATE ?= 2000
MINUTES ?= 30
CALLS ?= 2000
RATE ?= 8
export OPENBLAS_NUM_THREADS ?= 1
# The tests start thousands of processes; without bytecode each of them would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-all test-latest check fuzz flood soak bad-calls bench lock clean peers reference docs pictures

demo: $(READY)
	$(BIN)/srtpbot demo

# Calls carry audio in real time, so the tests that only compute do not run beside them.
test: $(READY) peers
	$(BIN)/python -m pytest -n $(JOBS) tests/unit
	$(BIN)/python -m pytest -n $(CALLING) --dist worksteal tests/loopback tests/cli tests/peers

# With every seed and every combination of the tests that compute.
test-all:
	SRTPBOT_TEST_ALL=1 $(MAKE) test

# The newest releases are looked up each time.
test-latest:
	@sh tests/make-venv.sh .venv-latest latest
	@touch .venv-latest/.ready
	$(MAKE) test VENV=.venv-latest

# Files that repeat the code: the pages of docs/reference and the typed keywords of Endpoint.
reference: $(READY)
	$(BIN)/python -m tools.reference

# The pictures of the README; needs chromium.
pictures: $(READY)
	$(BIN)/python -m tools.pictures

# The site, in out/docs/site; its pages are those of docs/.
docs: reference
	$(BIN)/python -m tools.site

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# FUZZ_CALLEE datagrams to an agent that answers, FUZZ_CALLER to one that calls, FUZZ_MEDIA packets to media ports
# and FUZZ_FRAMING messages over TCP; deaths are written to out/fuzz.
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz --callee $(FUZZ_CALLEE) --caller $(FUZZ_CALLER) --media $(FUZZ_MEDIA) \
		--framing $(FUZZ_FRAMING) --seed $(FUZZ_SEED)

# Floods of FLOOD_SECONDS with FLOOD_RATE messages a second against srtpbot, baresip and pjsua2 alone.
flood: $(READY) peers
	$(BIN)/python -m tests.bench.flood --seconds $(FLOOD_SECONDS) --rate $(FLOOD_RATE)

# MINUTES of calls of every kind, with a crash every minute and a flood every five.
soak: $(READY)
	$(BIN)/python -m tests.bench.soak --minutes $(MINUTES)

# A load of CALLS calls, RATE a second, one in a hundred made bad by the peer: exactly those must fail.
bad-calls: $(READY)
	$(BIN)/python -m tests.bench.bad_calls --calls $(CALLS) --rate $(RATE)

# ONLY=calls|legs|load|analysis is one section of it.
bench: $(READY)
	$(BIN)/python -m tests.bench $(addprefix --only ,$(ONLY))

peers:
	@sh tests/install-peers.sh

$(READY): pyproject.toml constraints.txt tests/make-venv.sh
	@sh tests/make-venv.sh $(VENV)
	@touch $@

# Exact releases and hashes of everything, for every Python and platform that pyproject.toml names.
lock: $(READY)
	$(BIN)/python -m pip install -qq uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --extra dev --extra codecs --extra docs --output-file constraints.txt pyproject.toml

clean:
	rm -rf .venv .venv-latest .venv-pjsua2 out test-artifacts build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
