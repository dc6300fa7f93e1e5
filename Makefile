PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# What is locked is installed as locked; a build would otherwise fetch its backend unlocked.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := contract_tests fixtures mockserver spec tests benchmarks
TOGETHER_SDK := $(VENV)/clients/together-sdk
TOGETHER_1 := $(VENV)/clients/together-1
STRANGERS := $(VENV)/strangers
PEERS := $(VENV)/peers
# Tests that measure time or load run alone; the others wait for processes of their own, and run two files at a time.
ALONE := tests/test_faults_served.py tests/test_load_served.py tests/test_plugin_workers.py tests/test_soak.py
OTHERS := contract_tests/tests fixtures/tests spec/tests tests/plugin $(filter-out $(ALONE),$(wildcard tests/test_*.py))

.PHONY: help serve test check contract contract-real format matrix fixtures clients dist bench lock clean

help:
	@echo 'serve     set everything up and start the mock'
	@echo 'test      set everything up and run the tests'
	@echo 'contract  judge the endpoint URL=..., or without one a mock that is started for it; FLAGS=... are those of the command'
	@echo 'contract-real  judge and record llama.cpp and the LiteLLM proxy, and hold docs/reports/ to it'
	@echo 'check     format, lint, types, arrows between the rooms, the wheel as others will use it'
	@echo 'matrix    the tests on every Python from 3.11 to 3.13 that this machine has'
	@echo 'fixtures  write the answers of the mock into the exchanges'
	@echo 'clients   write down what real clients do with each fault'
	@echo 'dist      build the wheel and the source distribution'
	@echo 'bench     measure the mock beside others; FLAGS=... are those of bench.py; needs wrk and npm'
	@echo 'lock      bring the pinned requirements up to date; needs uv and npm'

serve: $(VENV)/base.stamp
	@$(BIN)/together-rerank-mock serve

test: $(VENV)/dev.stamp $(TOGETHER_SDK)/stamp $(TOGETHER_1)/stamp
	$(BIN)/python -m pytest mockserver/tests $(ALONE) $(PYTEST_ARGS)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(OTHERS) $(PYTEST_ARGS)

check: $(VENV)/dev.stamp dist
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/wheel $(PYTEST_ARGS)

# The key of the mock that is started here is no secret.
contract: $(VENV)/dev.stamp
ifdef URL
	@$(BIN)/together-rerank-contract $(URL) $(FLAGS)
else
	@rm -f build/contract-url; mkdir -p build; \
	$(BIN)/together-rerank-mock serve -q --port 0 --api-key the-mocks-key --model rank --ready-file build/contract-url >/dev/null & \
	mock=$$!; trap 'kill $$mock' EXIT; \
	until test -s build/contract-url; do kill -0 $$mock || exit 2; sleep 0.05; done; \
	MOCK_KEY=the-mocks-key $(BIN)/together-rerank-contract "$$(cat build/contract-url)" \
	  --api-key-env MOCK_KEY --model rank --level should $(FLAGS)
endif

# Judge and record servers that somebody else wrote.
contract-real: $(VENV)/dev.stamp $(STRANGERS)/stamp
	$(BIN)/python -m pytest tests/strangers $(PYTEST_ARGS)

format: $(VENV)/dev.stamp
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

# A command on the path may be a shim for a version that is not there, so it is run, not only found.
matrix:
	@found=; for version in 3.11 3.12 3.13; do \
	  for python in python$$version $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python$$version; do \
	    if $$python -c '' >/dev/null 2>&1; then \
	      echo "== Python $$version: $$python"; found=yes; \
	      $(MAKE) --no-print-directory test PYTHON=$$python VENV=build/matrix/$$version || exit 1; break; \
	    fi; done; done; test -n "$$found" || { echo 'no        Python from 3.11 to 3.13 found' >&2; exit 1; }

fixtures: $(VENV)/dev.stamp
	$(BIN)/python fixtures/refresh.py

clients: $(VENV)/dev.stamp
	@mkdir -p build
	$(BIN)/python tests/client_table.py > build/clients.md
	mv build/clients.md docs/clients.md

dist: $(VENV)/dev.stamp
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	@ls dist

bench: $(VENV)/base.stamp $(PEERS)/stamp
	@wrk -v 2>/dev/null | grep -q wrk || { echo 'wrk is needed, to put servers under load; on Debian: apt-get install -y wrk' >&2; exit 1; }
	$(BIN)/python benchmarks/bench.py $(FLAGS)

UV_LOCK = uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
lock:
	$(UV_LOCK) pyproject.toml --group build -o requirements/base.txt
	$(UV_LOCK) pyproject.toml --extra contract --group build --group dev -c requirements/base.txt -o requirements/dev.txt
	echo 'together==1.5.35' | $(UV_LOCK) - -o requirements/together-1.txt
	printf '%s\n' xllamacpp gguf 'litellm[proxy]==1.106.2' | $(UV_LOCK) - -o requirements/strangers.txt
	for version in 8.2 8.4 9; do echo "pytest==$$version.*" | $(UV_LOCK) - -o requirements/pytest-$$version.txt || exit 1; done
	cd requirements/peers && npm update --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund
	@# Whom npm would have us fund is an address too.
	$(PYTHON) -c 'import json, sys; path = sys.argv[1]; lock = json.load(open(path)); [p.pop("funding", None) for p in lock["packages"].values()]; open(path, "w").write(json.dumps(lock, indent=2, ensure_ascii=False) + "\n")' requirements/peers/package-lock.json

clean:
	rm -rf $(VENV) build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; say which one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/base.stamp: requirements/base.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes -r requirements/base.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/base.stamp
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

# Together's SDK as source, for the rerank tests that it ships.
$(TOGETHER_SDK)/stamp: requirements/together-sdk.txt $(VENV)/dev.stamp
	rm -rf $(@D) && mkdir -p $(@D)
	$(PIP) download --no-deps --no-binary :all: --require-hashes -r $< -d $(@D)
	tar -xzf $(@D)/together-*.tar.gz -C $(@D) --strip-components 1
	@touch $@

# The SDK's old major version cannot share an environment with the new one.
$(TOGETHER_1)/stamp: requirements/together-1.txt | $(VENV)/bin/python
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@touch $@

# Servers that somebody else wrote, apart from all that is ours.
$(STRANGERS)/stamp: requirements/strangers.txt | $(VENV)/bin/python
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $<
	@touch $@

# The mocks of others, for the benchmark; nothing of theirs is run while they are installed.
$(PEERS)/stamp: requirements/peers/package.json requirements/peers/package-lock.json | $(VENV)/bin/python
	@npm --version >/dev/null 2>&1 || { echo 'npm is needed, of Node.js 18 or newer, to install the mocks of others' >&2; exit 1; }
	rm -rf $(@D) && mkdir -p $(@D)
	cp $(filter %.json,$^) $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel error
	@touch $@
