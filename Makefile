# make run: set up, and run the bundled example. make test: set up, and pass every test. make check: the fast part of it. Nothing else is needed but Python and make.

VENV ?= .venv
JOBS ?= 2
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$python && break; done)
PIP = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock

.PHONY: run test check lint format docs lock clean

run: $(VENV)/.installed
	$(VENV)/bin/curate run pipelines/webtext.yaml

test: $(VENV)/.installed-test
	$(VENV)/bin/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS)

# check: what a change must pass before it is committed: format, lint, types, and the tests that take seconds.
check: lint
	$(VENV)/bin/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not slow and not ray and not browser" $(TESTS)

lint: $(VENV)/.installed-test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

format: $(VENV)/.installed-test
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "curate needs Python 3.11, 3.12 or 3.13; none was found (set PYTHON=...)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(PIP) --editable '.[train,test]'
	@touch $@ $(VENV)/.installed

# docs: the site of the docs, into site/; a link or an anchor that leads nowhere fails.
docs: $(VENV)/.installed-docs
	$(VENV)/bin/mkdocs build --quiet --strict

$(VENV)/.installed-docs: pyproject.toml requirements.lock | $(VENV)/bin/python
	$(PIP) --editable '.[docs]'
	@touch $@

# lock: the versions that everything is installed at, for every Python and platform; pins stay unless UPGRADE=--upgrade.
lock: $(VENV)/bin/uv
	$(VENV)/bin/uv pip compile --universal --python-version 3.11 --no-header --no-annotate --all-extras $(UPGRADE) \
		--output-file requirements.lock pyproject.toml

$(VENV)/bin/uv: | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv

clean:
	rm -rf $(VENV) runs
