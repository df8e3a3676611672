# make help tells what there is.

PYTHON ?=
export PYTHON
# How long and how many: of make fuzz, make lives, make soak and make leaks.
SECONDS ?= 60
MINUTES ?= 30
LEAKS ?= 1000000
export MINUTES LEAKS
# bash has a variable of its own of that name.
export FUZZ_SECONDS := $(SECONDS)
# release, debug or plain (what Linux does not use of csrc/loop/queue.c)
BUILD ?= release
PY := .venv/bin/python

.PHONY: help demo test test-all t coverage lint bench wheel wheels sdist conformance build debug prepare clean asan valgrind tsan leaks faults fuzz lives analyze soak

help:
	@echo "make demo         run an unchanged Twisted program on stock and on pyreactor, compare"
	@echo "make test         lint, build, the tests on one Python, Twisted's own suite"
	@echo "make test-all     the rest: each Python and a debug build, the oldest Twisted, long"
	@echo "                  random runs, Twisted's own suite in every setup and on 3.15"
	@echo "make t K=name     the tests whose names have this in them, on one Python"
	@echo "make coverage     which lines of Python and C the tests run, in build/coverage/"
	@echo "make lint         ruff, mypy --strict, clang-format; rooms, arrows, sizes, names"
	@echo "make build        compile the extension in place, warnings are errors"
	@echo "make debug        the same without optimization, C's assertions on (BUILD=debug)"
	@echo "make conformance  Twisted's whole own suite on stock and on pyreactor, compared"
	@echo "make asan         the tests under AddressSanitizer and UndefinedBehaviorSanitizer"
	@echo "make valgrind     some of them under memcheck"
	@echo "make tsan         those of threads under ThreadSanitizer"
	@echo "make leaks        a million of each thing: nothing grows (LEAKS=100000: fewer)"
	@echo "make faults       each allocation and each system call fails once"
	@echo "make fuzz         random programs on both sides, others each time (SECONDS=60)"
	@echo "make lives        a web server's connections, at whose events anything happens (SECONDS=60)"
	@echo "make analyze      what GCC's analyzer tells of the C code and was not judged yet"
	@echo "make soak         thousands of connections with random lives (MINUTES=30)"
	@echo "make bench        the benchmarks against stock Twisted and uvloop"
	@echo "make wheel        a wheel that brings its own libuv, in wheelhouse/; tried where no libuv is"
	@echo "make wheels       the same for every Python that is here or can be fetched"
	@echo "make sdist        a source distribution, in dist/; built in an empty environment"
	@echo "make clean        remove what the above made"
	@echo
	@echo "Each installs what it needs: compiler, libuv and Python headers by apt-get where"
	@echo "they are missing, for test and bench the clients they use (.ci/prepare.sh has the"
	@echo "list), Python packages into .venv.  PYTHON=python3.12 chooses a Python; 3.14 and 3.15"
	@echo "are fetched from Debian's packages into .venvs where the machine has none."

# Installs what building needs and a bare machine lacks.
prepare:
	@.ci/prepare.sh

build: prepare
	@.ci/build.sh .venv $(BUILD)

debug: BUILD := debug
debug: build

demo: build
	@$(PY) -m benchmarks.echo --quick --sides stock,pyreactor \
		--rows '10 x 1 KB,100 x 100 B,10 x 100 KB,10 x 64 lines of 32 B'

lint: prepare
	@.ci/lint.sh

test:
	@.ci/test.sh

test-all:
	@.ci/test-all.sh

t: build
	@$(PY) -m pytest -q -p no:cacheprovider --ignore=tests/conformance -k '$(K)'

coverage: prepare
	@.ci/prepare.sh test
	@.ci/coverage.sh -k '$(K)'

conformance: build
	@$(PY) -m tests.conformance --all

# Searches for failures: docs/reliability.md.
asan: prepare
valgrind: prepare
tsan: prepare
leaks: build
faults: build
fuzz: build
lives: prepare
analyze: build
soak: build
asan valgrind tsan leaks faults fuzz lives analyze soak:
	@.ci/trust.sh $@

bench: build
	@.ci/prepare.sh bench
	@$(PY) -m benchmarks
	@$(PY) -m benchmarks.precision
	@$(PY) -m benchmarks.interrupt
	@$(PY) benchmarks/bench_deferred.py
	@$(PY) benchmarks/bench_framing.py

wheel: prepare
	@.ci/wheels.sh main

wheels: prepare
	@.ci/wheels.sh all

sdist: prepare
	@.ci/sdist.sh

clean:
	rm -rf .venv .venvs build dist wheelhouse *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf _trial_temp* twisted/plugins/dropin.cache pyreactor/_core*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
