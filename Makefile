# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The reuse-edge authors
#
# make demo [DEMO_SECONDS=30]   one pack, its BMS, a PCS, a broker, the controller, a receiver
# make demo ARGS=--board        the same on a virtual board that is flashed first
# make test [ARGS="-k gate"]    both runtimes; ARGS="-m long" those that take minutes
# make check                    lint, types, tables, conventions (15 s)
# make soak [CASES=100000]      bad bytes for every profile; limits, guard and faults on both runtimes
# make mutants [SHARE=100]      does a test notice each small mistake in the safety code?
# make coverage                 every branch of the safety code is taken by a test
# make faults                   every fault scenario on both runtimes, then each with its rule deleted
# make chaos [CHAOS_SECONDS=300] power cuts, kills, cut lines, hostile payloads: nothing durable is lost (docs/CHAOS.md)
# make long [HOURS=24]          30 simulated days at 1 s steps, 96 cells; 24 hours of a virtual board; power cuts
# make lock                     write requirements/*.txt anew (needs uv)
# make wheel                    dist/*.whl
#
# Works with GNU make 3.81, without root, in paths with spaces.

PYTHON ?= python3
JOBS ?= 5
DAYS ?= 30
HOURS ?= 24
HEAP ?= 384k
SEED ?= 1
CASES ?= 100000
SHARE ?= 100
CHAOS_SECONDS ?= 300
DEMO_SECONDS ?=
ARGS ?=

SAFETY = edge/core/guard.py,edge/core/tx_gate.py,edge/core/limits.py,edge/core/curve.py,edge/core/bounds.py,edge/core/exact.py
SAFETY := $(SAFETY),edge/core/faults.py,edge/core/orders.py,edge/core/terms.py,edge/core/grades.py,edge/core/durable.py

DEMO = $(PYTHON) bootstrap.py demo --
DEV = $(PYTHON) bootstrap.py dev --
LOCK = uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate --quiet

.PHONY: help demo test check format soak mutants coverage faults chaos long lock wheel clean

help:
	@sed -n '/^# make/s/^# //p' Makefile

demo:
	@$(DEMO) -P -m host_tools.cli demo $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS)) $(ARGS)

test:
	@$(DEV) -m pytest -q -n $(JOBS) --dist worksteal -m "not long" $(ARGS)

check:
	@$(DEV) -m ruff check --quiet .
	@$(DEV) -m ruff format --check --quiet .
	@$(DEV) -m mypy
	@$(DEV) -m mypy --config-file mypy-board.ini
	@$(DEV) -m bms_bridge.compile --check
	@$(DEV) -m host_tools.docs --check
	@$(DEV) -m pytest -q tests/test_conventions.py

format:
	@$(DEV) -m ruff format .
	@$(DEV) -m ruff check --fix .

soak:
	@FUZZ_CASES=$(CASES) FUZZ_SEED=$(SEED) VECTORS=$(CASES) $(DEV) -m pytest -q -rP -n $(JOBS) \
		-o faulthandler_timeout=0 tests/bridge/test_fuzz.py tests/core/test_vectors.py -k "bad_bytes or vector"

mutants:
	@$(DEV) -m tests.mutants.run --share $(SHARE) --seed $(SEED)

coverage:
	@$(DEV) -m coverage run --branch --data-file=.cache/coverage --include="$(SAFETY)" \
		-m pytest -q tests/both tests/core -m "not long"
	@$(DEV) -m coverage report --data-file=.cache/coverage --show-missing --fail-under=100

faults:
	@$(DEMO) -P -m host_tools.cli sim faults --run all --runtime both --without-rule all

chaos:
	@$(DEV) -m tests.uplink.long --seconds $(CHAOS_SECONDS) --seed $(SEED) $(ARGS)

long:
	@$(DEMO) -m simulator.year --seed $(SEED) --days $(DAYS) --cells 96
	@$(DEV) -m benchmarks.soak --hours $(HOURS) --heap $(HEAP)
	@MICROPYPATH=.:.frozen .venv/bin/micropython -X heapsize=8M tests/board/slots_cuts.py
	@BOARD_CUTS=200 $(DEV) -m pytest -q -s -o faulthandler_timeout=0 tests/board/test_fallback.py -k cuts

lock:
	$(LOCK) pyproject.toml --extra sim --group vm -o requirements/demo.txt
	$(LOCK) pyproject.toml --extra sim --group dev -c requirements/demo.txt -o requirements/dev.txt
	$(LOCK) --group typings --no-deps -o requirements/typings.txt
	$(LOCK) --group sparkplug -o requirements/sparkplug.txt

wheel:
	@$(DEV) -m hatchling build -t wheel

clean:
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
