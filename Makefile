# `make demo` and `make test` set everything up by themselves: a virtual environment in .venv, installed from constraints.txt.
# Another interpreter: make test PYTHON=python3.12. Everything that is built lies in .venv, build and demo.

PYTHON ?= python3
VENV ?= .venv
BIN := $(abspath $(VENV))/bin

.PHONY: help demo lfw test lint types wheel wheel-check determinism bench clean

help:
	@echo "make demo          install, then put every occluder on two public-domain portraits"
	@echo "make lfw LFW=DIR   four occluders on your copy of Labeled Faces in the Wild"
	@echo "make test          install, then run the tests"
	@echo "make lint, types   ruff; mypy --strict over what the wheel installs"
	@echo "make wheel-check   the wheel, alone in a fresh environment, runs and verifies the demo"
	@echo "make determinism   the same pixels under OpenCV 4.11, OpenCV 5 and without vector units"
	@echo "make bench         speed and memory (bench/README.md)"
	@echo "make clean         remove what these made, .venv included"

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "occbench needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

# setuptools and wheel are installed, and pinned, like everything else, and packages are built with them: no hidden newer ones.
$(VENV)/.runtime: $(VENV)/.made constraints.txt setup.cfg pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt setuptools wheel
	$(BIN)/pip install --quiet --no-build-isolation --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(BIN)/pip install --quiet --no-build-isolation --constraint constraints.txt --editable '.[dev]'
	@# MediaPipe brings an OpenCV with windows, which needs libGL; both unpack into one folder, and the last one counts.
	$(BIN)/pip install --quiet --no-deps --force-reinstall --constraint constraints.txt opencv-python-headless
	@touch $@

demo: $(VENV)/.runtime
	$(BIN)/occbench demo --out demo

# Exit code 3 means: done, and some photographs are listed in rejects.csv. That is normal on real photographs.
lfw: $(VENV)/.runtime
	@test -n "$(LFW)" || { echo "make lfw LFW=DIR: the folder of LFW's photographs, or its parent" >&2; exit 2; }
	$(BIN)/occbench synth --source lfw --root $(LFW) --occluders mask,sunglasses,cup,black-box --out out/lfw --resume \
		|| test $$? -eq 3
	$(BIN)/occbench verify out/lfw

test: $(VENV)/.dev
	$(BIN)/pytest --numprocesses auto

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# An old build folder would put deleted modules into the wheel.
wheel: $(VENV)/.dev
	rm -rf build
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .

# assets, manifests and baselines are mapped into the package only when it is installed, so mypy looks at the wheel's content.
types: wheel
	$(BIN)/python -m zipfile -e build/wheel/*.whl build/types
	cd build/types && $(BIN)/mypy --config-file $(CURDIR)/pyproject.toml --package occbench

wheel-check: wheel
	bash .ci/wheel-check $(PYTHON) build/wheel/*.whl constraints.txt

determinism: $(VENV)/.dev
	bash .ci/determinism $(BIN)

bench: $(VENV)/.runtime
	$(BIN)/python bench/synth_speed.py
	$(BIN)/python bench/synth_memory.py
	$(BIN)/python bench/synth_scale.py
	$(BIN)/python bench/rows.py
	$(BIN)/python bench/metrics_speed.py
	$(BIN)/python bench/train_memory.py
	$(BIN)/python bench/train_speed.py

clean:
	rm -rf $(VENV) build demo out .mypy_cache .pytest_cache .ruff_cache *.egg-info
