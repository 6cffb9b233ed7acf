# Hookscope. `make run` starts the program, `make test` checks it; both set up what they need.

PYTHON ?= python3
VENV   := .venv/bin
PY     := $(VENV)/python
BENCH  := .venv-bench/bin/python
UPKEEP := .venv-upkeep/bin/python
SAMPLE := build/explained.png
SYSTEM := $(shell uname -s)
# Three processes, on two cores too, since tests of the window wait as much as they compute; the tests
# of a file stay together and share its fixtures.
PYTEST := $(PY) -m pytest -n 3 --dist loadfile
# What Python compiled is kept beside its source, as everywhere: each process of the tests would spend
# half of its start on compiling all of them anew.
export PYTHONDONTWRITEBYTECODE :=

# What a target needs of the system is looked at before anything is built for it.
SYSTEM_OF := system-bundle system-test-bundle system-installer system-test-installer

.NOTPARALLEL:
.PHONY: run test test-all test-browser check bench bench-compare bench-batches bench-folders bench-gpu bench-memory \
        bench-scenes bench-methods bench-agreement bench-trust demo screenshots wheel bundle test-bundle installer \
        test-installer lock audit clean setup setup-dev setup-package setup-release help $(SYSTEM_OF)

help:            ## list the targets
	@grep -E '^[a-z-]+: .*## |^[a-z-]+:  *## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup:           ## virtual environment with what the program needs
	@$(PYTHON) scripts/bootstrap.py run

setup-package:   ## the same with what makes and checks installers
	@$(PYTHON) scripts/bootstrap.py package

setup-release:   ## what writes the bill of materials and checks the workflows
	@$(PYTHON) scripts/bootstrap.py release

$(SYSTEM_OF): system-%:
	@$(or $(wildcard $(PY)),$(PYTHON)) scripts/preflight.py $*

setup-dev:       ## the same with what the tests need
	@$(PYTHON) scripts/bootstrap.py test

run: setup       ## start the program
	@if [ "$$(uname -s)" = Linux ] && [ -z "$$DISPLAY$$WAYLAND_DISPLAY" ]; then \
	  echo "No display (DISPLAY and WAYLAND_DISPLAY are empty): explaining the sample scene instead of opening the window."; \
	  mkdir -p $(dir $(SAMPLE)) && $(PY) main.py explain --out $(SAMPLE); \
	else \
	  $(PY) main.py; \
	fi

check: setup-dev ## formatting, types and import rules
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports

test: check      ## everything that a change has to pass, in minutes
	$(PYTEST) -m "not slow"

test-all: check  ## the same with the long checks (all 80 classifiers, other libraries' maps, a browser and more)
	@$(PYTHON) scripts/bootstrap.py bench
	@$(PYTHON) scripts/bootstrap.py browser
	$(PYTEST)

test-browser: setup-dev ## reports and pages of folders in Chromium: on screen, on paper, offline
	@$(PYTHON) scripts/bootstrap.py browser
	$(PYTEST) tests/browser

bench:           ## compare with grad-cam, torchcam and captum; BENCH_ARGS="--repeats 9 ..."
	@$(PYTHON) scripts/bootstrap.py bench
	$(BENCH) benchmarks/run.py $(BENCH_ARGS)

bench-compare: setup ## what became slower since the last kept result of `make bench`
	$(PY) benchmarks/compare.py $(BENCH_ARGS)

bench-batches: setup ## images per second of batches beside the network alone
	$(PY) benchmarks/batches.py $(BENCH_ARGS)

bench-folders:   ## images per second of a folder beside merely classifying it, and beside other libraries
	@$(PYTHON) scripts/bootstrap.py bench
	$(BENCH) benchmarks/folders.py $(BENCH_ARGS)

bench-scenes: setup ## how well every method points at shapes whose place is known, and its cost
	$(PY) benchmarks/scenes.py $(BENCH_ARGS)

bench-methods:   ## Ablation-CAM and Score-CAM beside other libraries, and changing among methods
	@$(PYTHON) scripts/bootstrap.py bench
	$(BENCH) benchmarks/methods.py $(BENCH_ARGS)

bench-agreement: ## every method's map beside those of the libraries that have it
	@$(PYTHON) scripts/bootstrap.py bench
	$(BENCH) benchmarks/agreement.py $(BENCH_ARGS)

bench-trust:     ## figures of trust beside the libraries that compute the same
	@$(PYTHON) scripts/bootstrap.py bench
	$(BENCH) benchmarks/trust.py $(BENCH_ARGS)

bench-gpu: setup ## the same and the checks on a CUDA device; BENCH_ARGS=--dry-run for the CPU
	$(PY) benchmarks/gpu.py $(BENCH_ARGS)

bench-memory: setup ## 1,000 images through sessions of one model
	$(PY) benchmarks/memory_run.py $(BENCH_ARGS)

demo: setup-dev  ## render the small world, train the demo networks, write resources/
	$(PY) -m scripts.demo.make_demo

screenshots: setup-dev ## the pictures of README and guide
	$(PY) scripts/screenshots/take.py

wheel: setup-dev ## what pip, pipx and uv install, in dist/
	$(PY) -I -m hatchling build --target wheel --directory dist

bundle: system-bundle setup-package ## the packaged program for this system, in dist/
	$(PY) scripts/bundle/make_bundle.py

test-bundle: system-test-bundle setup-package ## use it as its users do: without the network, in a home of its own
	$(PY) scripts/bundle/check_bundle.py

installer: system-installer bundle setup-release ## the installer for this system, in dist/ (Linux: .deb and .run)
ifeq ($(SYSTEM),Darwin)
	$(PY) scripts/installers/make_dmg.py
else
	$(PY) scripts/installers/make_deb.py
	$(PY) scripts/installers/make_run.py
endif
	$(PY) scripts/bundle/make_sbom.py

test-installer: system-test-installer setup-package setup-release ## install, use, upgrade and remove it; try those of other systems (root, debootstrap)
	$(PY) scripts/check_workflow.py
ifeq ($(SYSTEM),Darwin)
	$(PY) scripts/installers/make_dmg.py --check
else
	$(PY) scripts/installers/check_nsis.py
	$(PY) scripts/installers/check_deb.py
	$(PY) scripts/installers/check_run.py
endif

lock:            ## write the locks in requirements/ anew; LOCK_ARGS="--upgrade"
	@$(PYTHON) scripts/bootstrap.py upkeep
	$(UPKEEP) scripts/lock_requirements.py $(LOCK_ARGS)

audit:           ## look for known faults in what the locks name
	@$(PYTHON) scripts/bootstrap.py upkeep
	$(UPKEEP) scripts/audit_requirements.py

clean:           ## remove what was built; environments stay
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -path './.venv*' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
