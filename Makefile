# Two commands for a fresh machine: make demo, make test.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check docs install clean

demo: .venv/demo
	$(BIN)/seamless-unet demo

test: .venv/test
	$(BIN)/python -m pytest

check: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari-seamless-unet

docs: .venv/docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs dist/docs

install: .venv/demo .venv/test

# Everything is installed once, and again when the dependencies change.
.venv/bin/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and \"Python 3.11 or newer is needed\")"
	$(PYTHON) -m venv .venv || { echo "On Debian: apt-get install python3-venv"; rm -rf .venv; exit 1; }

.venv/demo: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --editable ".[all]"
	touch $@

.venv/test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --editable ".[all,test]"
	touch $@

.venv/docs: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --editable ".[all,docs]"
	touch $@

clean:
	rm -rf .venv dist
