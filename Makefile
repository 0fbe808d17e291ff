# Everything below works in .venv, which is made on first use. Needs GNU make, a POSIX shell and Python 3.11 to 3.13.

.DEFAULT_GOAL := help
.PHONY: help install demo test torture lowest lint format typecheck notebooks bench clean

VENV := .venv
BIN := $(VENV)/bin
SEED ?= 1
TORTURE ?= outputs/torture/$(shell date +%Y-%m-%d/%H-%M-%S)
# What needs no optional dependency: the networks, the training, the data, the command.
CORE := $(wildcard $(addprefix tests/,callbacks commands data layers machine networks run_folder torture training tricks) \
	tests/loggers/test_csv_logger.py tests/loggers/test_loggers.py tests/loggers/test_wandb_logger.py \
	tests/sweeping/test_refusal.py tests/sweeping/test_stopping.py \
	$(patsubst %,tests/test_%.py,atomic_write build chdir checks comparing composition config config_refused ddp divergence \
	ensemble error_lines errors every_choice failures imports losses module module_plain_loop module_techniques objectives \
	objectives_techniques properties resolvers resume run steps train trainer training_options untrusted))
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq install --constraint .ci/constraints.txt

# A version manager's python3.13 may be there and still not run, and Debian's python3 may lack venv: so each is tried.
USABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	if $$p -c '$(USABLE)' >/dev/null 2>&1; then echo $$p; break; fi; done)

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
	@echo 'PYTHON=/path/to/python chooses the interpreter for .venv; PYTEST_ARGS="-k digits" goes to pytest.'

install: $(VENV)/.dev ## Make .venv with ssgan, editable, and the tools for its development.

demo: $(VENV)/.run ## Train on the embedded digits and show the result.
	@$(BIN)/python -m ssgan.demo

test: $(VENV)/.dev ## Run the fast tests, two at a time.
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

torture: $(VENV)/.dev ## Kill, starve and feed it nonsense for two to three hours (tests/torture/README.md).
	@mkdir -p $(TORTURE)
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture.bad_input --cases 400
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture.bad_files --cases 400
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/test_properties.py --hypothesis-profile=torture
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture.kills --kills 50 --seed $(SEED) --folder $(TORTURE)/kills
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture.long_run $(TORTURE)/long --iterations 100000

lowest: $(VENV)/pyvenv.cfg ## Run the core tests with the oldest dependencies that pyproject.toml allows.
	@$(BIN)/python -m venv --clear $(VENV)-lowest
	@$(BIN)/python .ci/lowest.py > $(VENV)-lowest/lowest.txt
	@$(VENV)-lowest/bin/python -m pip --disable-pip-version-check -qq install \
		--constraint $(VENV)-lowest/lowest.txt --editable '.[optuna]' hypothesis pytest pytest-xdist
	@OMP_NUM_THREADS=1 $(VENV)-lowest/bin/python -m pytest -n 2 $(CORE)

lint: $(VENV)/.dev ## Check style and format.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/.dev ## Put imports and layout right.
	@$(BIN)/ruff check --select I --fix .
	@$(BIN)/ruff format .

typecheck: $(VENV)/.dev ## Check the types.
	@$(BIN)/mypy

notebooks: $(VENV)/.dev ## Make the notebooks from their scripts, with outputs.
	@OMP_NUM_THREADS=1 $(BIN)/python notebooks/build.py

bench: $(VENV)/.dev ## Measure speed, start-up, memory and sweeps on this machine; JSON in outputs/bench.json.
	@$(BIN)/python -m benchmarks.all --json outputs/bench.json

clean: ## Remove .venv, caches and what was built; the runs in outputs/ stay.
	@rm -rf $(VENV) $(VENV)-lowest .mypy_cache .pytest_cache .ruff_cache build dist
	@find ssgan tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# The venv's own file is the target, for its time is when it was made; that of bin/python is the interpreter's.
$(VENV)/pyvenv.cfg:
	@python='$(PYTHON)'; "$$python" -c '$(USABLE)' >/dev/null 2>&1 || { \
		echo "$${python:-python3} is no Python 3.11 to 3.13 with venv; name one: make PYTHON=/path/to/python" >&2; exit 1; }; \
	"$$python" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.run: $(VENV)/pyvenv.cfg pyproject.toml .ci/constraints.txt
	@echo 'Installing ssgan into $(VENV): 6 GB with PyTorch and CUDA, a few minutes ...'
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/pyvenv.cfg pyproject.toml .ci/constraints.txt
	@echo 'Installing ssgan and its development tools into $(VENV): 6 GB with PyTorch and CUDA, a few minutes ...'
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/.run $@
