# Two commands: make demo, make test. On a fresh Debian machine, make packages before, as root.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check docs install clean packages test-pyside

demo: .venv/demo
	$(BIN)/seamless-unet demo

test: .venv/test
	$(BIN)/python -m pytest $(PARALLEL)

# The plugin's tests and the flows again, with the other Qt binding, which lies where nothing else
# finds it.
test-pyside: .venv/pyside
	QT_API=pyside6 PYTEST_QT_API=pyside6 PYTHONPATH=.venv/pyside \
		$(BIN)/python -m pytest $(PARALLEL) tests/plugin tests/flows

# Above four, the windows and their computing processes wait for each other.
PARALLEL ?= -n auto --maxprocesses 4

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

.venv/pyside: .venv/test
	rm -rf $@
	$(BIN)/python -m pip install --target $@ "PySide6-Essentials>6.7,!=6.11.0,!=6.11.1,!=6.12.0"

# What Qt and OpenGL need for a window, and the tests for one without a screen.
packages:
	apt-get -qq update
	DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
		xvfb xauth openbox xdotool libxcb-icccm4 libxcb-keysyms1 \
		libgl1 libegl1 libgl1-mesa-dri libglib2.0-0 \
		libfontconfig1 libdbus-1-3 libxkbcommon-x11-0 libxcb-cursor0 libxcb-shape0 libxcb-xkb1 \
		libxcb-randr0 libxcb-image0 libxcb-render-util0 fonts-dejavu-core

clean:
	rm -rf .venv dist
