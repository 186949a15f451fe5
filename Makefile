# Everything here makes its own .venv; nothing else has to be typed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUF := $(VENV)/buf/node_modules/.bin/buf
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Tests and demos share small machines with other work: idle threads must sleep, not spin.
export OMP_WAIT_POLICY := PASSIVE

.PHONY: help demo test test-slow check lint types imports bench proto proto-check golden sizes docs clean

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python ## what `slimstream demo` needs: no torch
	$(PIP) install --quiet --progress-bar off -c constraints.txt -e '.[demo]'
	@touch $@

# torch first and alone: a CPU build, and later packages then find it satisfied. Asking before installing
# spares gigabytes where the configured index offers CUDA builds only.
$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@! $(PIP) install --dry-run --quiet --report - -c constraints.txt torch $(TORCH_INDEX) 2>/dev/null | grep -q '"nvidia-' \
		|| { echo 'pip would bring a CUDA build of torch; name an index of CPU builds: make test TORCH_INDEX="--index-url ..."'; exit 1; }
	$(PIP) install --quiet --progress-bar off -c constraints.txt torch $(TORCH_INDEX)
	$(PIP) install --quiet --progress-bar off -c constraints.txt -e '.[edge,cloud,demo,eval,train,dev]'
	@touch $@

demo: $(VENV)/.demo ## Run a real clip through agent and cloud; pictures and a table in demo-out/
	$(BIN)/slimstream demo --output demo-out

test: $(VENV)/.dev ## What CI runs: lint, types, imports, protocol, tests
	$(MAKE) --no-print-directory check proto-check
	$(BIN)/python -m pytest -q

test-slow: $(VENV)/.dev ## The long versions: a million packets, hundreds of kills
	$(BIN)/python -m pytest -q -m slow

check: lint types imports ## The fast half of `make test`

lint: $(VENV)/.dev ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict
	$(BIN)/mypy

imports: $(VENV)/.dev ## import contracts
	PYTHONPATH=.:proto $(BIN)/lint-imports

bench: $(VENV)/.dev ## Measure speed and memory; ratios against a peer in the same run
	@for b in $(wildcard benchmarks/*.py); do echo "== $$b"; $(BIN)/python $$b || exit 1; done

proto: $(VENV)/.dev ## Regenerate the stubs from proto/
	PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/python -m grpc_tools.protoc -I proto --python_out=proto --mypy_out=proto \
		--grpc_python_out=proto --mypy_grpc_out=proto proto/slimstream/v1/*.proto

proto-check: $(VENV)/.dev $(if $(shell command -v npm),$(BUF)) ## Regenerating the stubs changes nothing; buf lint where npm can bring buf
	@$(BIN)/python tests/proto/regenerate.py
	@if [ -x $(BUF) ]; then cd proto && ../$(BUF) lint; else echo 'npm is not installed: buf lint was skipped'; fi

$(BUF): | $(VENV)/bin/python
	@npm install --silent --no-fund --no-audit --no-save --prefix $(VENV)/buf @bufbuild/buf@1.75.0 || echo 'npm could not bring buf'

golden: $(VENV)/.dev ## Rewrite the golden files (only for a new format version)
	SLIMSTREAM_WRITE_GOLDEN=1 $(BIN)/python -m pytest -q -k golden tests

docs: $(VENV)/.dev ## Regenerate docs/ref from schemas and help, docs/benchmarks.md and docs/performance.md from results
	$(BIN)/slimstream docs --output docs/ref
	$(BIN)/slimstream eval docs

sizes: ## The longest modules, worst first
	@git ls-files '*.py' | grep -v _pb2 | xargs wc -l | sort -rn | sed -n 2,21p

clean: ## Remove what make made
	rm -rf $(VENV) demo-out build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
