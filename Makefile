# Everything a person types. Needs Python 3.11+ with venv, make and git; each target makes what it needs.
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
READY := .venv/ready

.PHONY: demo test test-all torture lint bench bench-full fixtures fixtures-check wheel lock clean

$(READY): requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-deps -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

demo: $(READY)  ## the bundled image of a compromised server, to a report in build/demo
	$(BIN)/shellcase demo --case build/demo --clobber

test: $(READY)  ## the whole suite but the long referee runs
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile --no-loadscope-reorder

test-all: $(READY)  ## all readers on all records, both images, freshly seeded fixtures
	$(BIN)/python -m pytest -m slow -n auto --dist loadfile --no-loadscope-reorder

torture: $(READY)  ## 100 kills and power losses at random moments, then two hours of damage to artefacts
	$(BIN)/python -m tests.torture --kills 100
	$(BIN)/python -m tests.property --seconds 7200

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(READY)  ## timings beside peers, in the same run; below 8 minutes once the peers are installed, never in CI
	$(BIN)/python -m bench

bench-full: $(READY)  ## the same with the slow peers on the whole inputs (hours) and all of collecting
	$(BIN)/python -m bench --full

fixtures: $(READY)  ## rebuild the images and their truth (needs root, ntfs-3g, faketime, ewf-tools, qemu-utils)
	$(BIN)/python -m fixtures.build EX01
	$(BIN)/python -m fixtures.build EX02

fixtures-check: $(READY)  ## rebuild and compare byte for byte
	$(BIN)/python -m fixtures.build EX01 --check
	$(BIN)/python -m fixtures.build EX02 --check

wheel: $(READY)
	$(BIN)/python -m build --wheel --no-isolation

clean:
	rm -rf build dist .venv

lock:  ## renew the lock files (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	    --python-version 3.11 pyproject.toml --output-file requirements/run.lock
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	    --python-version 3.11 pyproject.toml --group dev --group build --output-file requirements/dev.lock
