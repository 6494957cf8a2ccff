# Two commands do everything: `make demo` runs the whole graph on the sample world, `make test` passes the tests.
export DAGSTER_HOME ?= $(CURDIR)/dagster_home
# Several steps run at once; each of them with threads of its own is slower than each with one.
export OMP_NUM_THREADS ?= 1
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Tests leave 2 GB in files, and databases that are synced at every event: in memory that is faster, where it has room.
MEMORY := $(shell test "$$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 8000000 2>/dev/null && echo /dev/shm)

.PHONY: demo ui test lint bench
.DEFAULT_GOAL := demo

demo: $(VENV)/core.done
	$(VENV)/bin/vidrank demo

ui: $(VENV)/core.done
	$(VENV)/bin/dg dev -w workspace.yaml

# Of a file one worker runs all tests, so that what they share is made once. Tests that fail leave their folder.
test: $(VENV)/dev.done
	folder=$$(mktemp -d $(addprefix -p,$(MEMORY))) && \
	$(VENV)/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder --basetemp=$$folder/pytest && rm -rf $$folder

lint: $(VENV)/dev.done
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy
	$(VENV)/bin/dg check defs

bench: $(VENV)/dev.done
	for script in benchmarks/*.py; do $(VENV)/bin/python $$script; done

$(VENV)/core.done: pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || python3.11 -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) --editable .
	touch $@

$(VENV)/dev.done: pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || python3.11 -m venv $(VENV)
	$(PIP) torch==2.13.0
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/core.done
