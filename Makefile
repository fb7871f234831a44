# make demo           detect objects in a short street clip
# make evaluate       the accuracy of the classifiers here (DATA=folder or archive of CIFAR-100; else fetches 169 MB)
# make check          lint, and all tests that start no process and wait for no clock: before a commit
# make test           lint, and all tests on both Pythons; test-host and test-device run those of one
# make verify         what takes long, on both Pythons: ten kills, all pictures, many more random examples
# make test-deploy    the scripts for a board, in an emulated one; needs root, qemu-user and debootstrap
# make test-packages  installs what some tests are skipped without (Debian and Ubuntu)
# make lint           style, types, shell scripts, what Python 3.6 lacks, and the floor of the coverage
# make clean          removes the environments, and what runs have left
#
# The environment is made on the first call, and made again if that was interrupted.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEVICE_VENV := .venv36
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PIP := -m pip install --quiet --disable-pip-version-check
# A file of this name means that the environment is complete; its name changes with what should be in it.
STAMP := $(VENV)/.installed-$(shell cksum < pyproject.toml | cut -d' ' -f1)
TESTS_STAMP := $(VENV)/.tests-$(shell cat pyproject.toml tests/host-requirements.txt | cksum | cut -d' ' -f1)
DEVICE_STAMP := $(DEVICE_VENV)/.installed-$(shell cat deploy/jetson/constraints.txt tests/device-requirements.txt | cksum | cut -d' ' -f1)
# The first Python 3.6 that runs: python3.6 in the path, or one of pyenv's.
PYTHON36 ?= $(shell for p in python3.6 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.6.*/bin/python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 6))' 2>/dev/null && { echo "$$p"; break; }; done)
FETCHED := weights/yolov3-tiny.onnx weights/yolov3-tiny.json weights/yolov3-tiny.pb weights/bikes.mp4 weights/efficientnet-lite0-57934424.pth
DEVICE_CODE := app models/__init__.py models/darknet.py models/darknet_builder.py models/darknet_cfg.py models/darknet_heads.py models/darknet_keras.py models/darknet_onnx.py models/darknet_sections.py models/darknet_table.py models/yolov3_tiny.py tools/__init__.py tools/fetch tools/convert.py tools/darknet_models.py tools/build_engine.py tools/delay.py tools/json_file.py tools/machine.py tools/tables.py tools/sweep tools/soak/__init__.py tools/soak/walkers.py tools/soak/files/__init__.py tools/soak/files/reading.py tools/score/__init__.py tools/score/labels.py tools/score/yolo.py tools/score/pictures.py tools/score/coco.py deploy/jetson/self-test deploy/jetson/on-board

# Most tests are short and use one core. In two processes, since many a test measures time.
PYTEST := -m pytest -n 2
COVERAGE := runs/coverage.json

.PHONY: help demo evaluate check test verify lint test-packages test-host test-device test-deploy clean

help:
	@sed -n '/^#$$/q; s/^# //p' Makefile

demo: $(STAMP)
	@$(BIN)/python -m tools.demo

DATA ?= weights/cifar-100-binary
# EMNIST is 562 MB, so it is fetched by name only: python -m tools.fetch emnist
CHARACTERS ?= weights/emnist-byclass
CLASSIFIERS := nano_resnet_s nano_cifar efficientnet_lite0_cifar
evaluate: $(STAMP)
	@[ "$(DATA)" != weights/cifar-100-binary ] || $(BIN)/python -m tools.fetch cifar-100
	@mkdir -p runs/evaluate
	@for model in $(CLASSIFIERS); do $(EVALUATE) --model $$model --data '$(DATA)' $(call OUTPUTS,$$model) || exit; done
	@if [ -e '$(CHARACTERS)' ]; then \
		$(EVALUATE) --model nano_characters --data '$(CHARACTERS)' $(call OUTPUTS,nano_characters); \
	else \
		echo "nano_characters: not evaluated without EMNIST (562 MB): python -m tools.fetch emnist"; \
	fi
	@echo "more in runs/evaluate: a report and a picture of the confusions for each model"

EVALUATE := $(BIN)/python -m app.evaluate
OUTPUTS = --report runs/evaluate/$(1).json --confusion runs/evaluate/$(1).png

check: lint $(FETCHED)
	$(BIN)/python $(PYTEST) --dist worksteal -m 'not slow and not verify and not deploy'

test: lint test-host test-device

lint: $(TESTS_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=$(VENV)/stubs $(BIN)/mypy
	$(BIN)/shellcheck -x $$(git grep -lIE '^#!.*(bash|sh)$$' -- deploy)
	$(BIN)/vermin -q --no-tips --violations -t=3.6- --backport typing $(DEVICE_CODE)
	$(BIN)/python tests/support/coverage_floor.py

# A screen and camera servers, for tests that are skipped without. Asks for the password of sudo where it must.
test-packages:
	$(SUDO) apt-get install -y --no-install-recommends $$(grep -v '^#' tests/debian-packages.txt)

weights/yolov3-tiny.weights: | $(STAMP)
	$(BIN)/python -m tools.fetch yolov3-tiny

weights/yolov3-tiny.onnx: | weights/yolov3-tiny.weights
	$(BIN)/python -m tools.convert

weights/yolov3-tiny.json: | weights/yolov3-tiny.onnx
	[ -e $@ ] || $(BIN)/python -m tools.convert

# The .pb comes where TensorFlow is.
weights/yolov3-tiny.pb: | $(TESTS_STAMP) weights/yolov3-tiny.json
	$(BIN)/python -m tools.convert

weights/bikes.mp4: | $(STAMP)
	$(BIN)/python -m tools.fetch bikes

weights/efficientnet-lite0-57934424.pth: | $(STAMP)
	$(BIN)/python -m tools.fetch efficientnet-lite0

test-host: $(TESTS_STAMP) $(FETCHED)
	$(BIN)/python $(PYTEST) --dist worksteal --cov --cov-report=json:$(COVERAGE) --cov-report=

# On both Pythons, and with many more of hypothesis' examples. One after the other: they may take all the cores.
verify: $(TESTS_STAMP) $(if $(PYTHON36),$(DEVICE_STAMP)) $(FETCHED)
	for python in $(BIN)/python $(if $(PYTHON36),$(DEVICE_VENV)/bin/python); do \
		$$python -m pytest -m verify && $$python -m pytest -m hypothesis --hypothesis-profile=verify || exit; done

ifeq ($(PYTHON36),)
test-device:
	@echo "==================================================================================="
	@echo "SKIPPED: no Python 3.6 here, so the device code was NOT run on the device's Python."
	@echo "         pyenv install 3.6.15, or make test PYTHON36=/path/to/python3.6"
	@echo "==================================================================================="
else
test-device: $(DEVICE_STAMP) $(FETCHED)
	$(DEVICE_VENV)/bin/python $(PYTEST) --dist loadfile
endif

# Provisioning, pushing and fleets, in an arm64 Debian that debootstrap makes: needs root, qemu-user and some minutes.
test-deploy: $(TESTS_STAMP) $(FETCHED)
	$(BIN)/python -m pytest -m deploy -o tmp_path_retention_policy=failed tests/deploy  # a board has 4 GB of swap

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' || \
		{ echo "error: $(PYTHON) is missing or older than 3.9; name another: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "error: $(PYTHON) lacks venv; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python $(PIP) --no-compile --editable .  # Python compiles what it imports; compiling all takes seconds
	@$(BIN)/python -c 'import cv2' 2>/dev/null || \
		{ echo "error: OpenCV lacks a system library; on Debian and Ubuntu: sudo apt install libgl1 libglib2.0-0" >&2; exit 1; }
	@touch $@

# The other runtimes are large, so only the tests install them. The type stubs of TensorRT lie apart, since in the
# environment they would be an empty module `tensorrt`; as published they are no valid Python in five places.
$(TESTS_STAMP): tests/host-requirements.txt | $(STAMP)
	$(BIN)/python $(PIP) --editable '.[dev]' -r tests/host-requirements.txt
	$(BIN)/python $(PIP) --upgrade --no-deps --target $(VENV)/stubs tensorrt-stubs==10.13.0.35.1
	sed -i -E 's/\bin: list/in_: list/; s/channel_axis: int\)/channel_axis: int = ...)/' $(VENV)/stubs/tensorrt_bindings/tensorrt.pyi
	@touch $@

$(DEVICE_STAMP): deploy/jetson/constraints.txt tests/device-requirements.txt
	$(PYTHON36) -m venv --clear $(DEVICE_VENV)
	$(DEVICE_VENV)/bin/python $(PIP) --upgrade 'pip<22'
	$(DEVICE_VENV)/bin/python $(PIP) -r deploy/jetson/constraints.txt -r tests/device-requirements.txt
	@touch $@

clean:
	rm -rf $(VENV) $(DEVICE_VENV) runs .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage *.egg-info
