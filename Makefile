PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# What is locked is installed as locked; a build would otherwise fetch its backend unlocked.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := contract_tests fixtures mockserver spec tests benchmarks
# Files with few, long tests come first; otherwise one of them would run alone at the end.
SUITES := $(wildcard tests/test_*.py) contract_tests/tests mockserver/tests/test_server.py fixtures/tests tests/plugin mockserver/tests spec/tests
# Tests that run with the state in memory, and with the state in a Redis.
STATE_SUITE := $(wildcard $(addsuffix *.py,$(addprefix mockserver/tests/test_,admin app base_path body chaos console dialects endpoint error_faults \
  journal latency limits mixed_up_calls monitoring operations override prefer quota replay request_faults selection state status_faults wire_faults)))
# Environments for other people's programs, outside the clone. Each is made once per lock file and Python version.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/together-rerank-kit
LOCKS := requirements/together-sdk.txt requirements/together-1.txt requirements/strangers.txt requirements/peers/package-lock.json \
  requirements/infinity.txt requirements/clients.txt requirements/clients-cohere-5.txt requirements/clients-npm/package-lock.json \
  requirements/locust.txt mockserver/typescript/package-lock.json
HASH = import hashlib, pathlib, sys; print(*(hashlib.sha256(sys.version.encode() + pathlib.Path(each).read_bytes()).hexdigest()[:16] for each in sys.argv[1:]))
HASHES := $(shell $(PYTHON) -c '$(HASH)' $(LOCKS))
TOGETHER_SDK := $(CACHE)/together-sdk-$(word 1,$(HASHES))
TOGETHER_1 := $(CACHE)/together-1-$(word 2,$(HASHES))
STRANGERS := $(CACHE)/strangers-$(word 3,$(HASHES))
PEERS := $(CACHE)/peers-$(word 4,$(HASHES))
TORCH := 2.13.0
INFINITY := $(CACHE)/infinity-$(TORCH)-$(word 5,$(HASHES))
REAL_CLIENTS := $(CACHE)/clients-$(word 6,$(HASHES))
COHERE_5 := $(CACHE)/clients-cohere-5-$(word 7,$(HASHES))
NPM_CLIENTS := $(CACHE)/clients-npm-$(word 8,$(HASHES))
LOCUST := $(CACHE)/locust-$(word 9,$(HASHES))
TYPESCRIPT := $(CACHE)/typescript-$(word 10,$(HASHES))
CLIENTS = RERANK_KIT_TOGETHER_SDK=$(TOGETHER_SDK) RERANK_KIT_TOGETHER_1=$(TOGETHER_1)
# Five files at a time keep two cores busy, for tests wait too; the tests of one file share their servers.
PYTEST := -m pytest -n 5 --dist loadfile --no-loadscope-reorder
WHEEL := build/wheel
SCHEMA := $(BIN)/check-jsonschema --quiet --builtin-schema vendor
# Tests start hundreds of processes; without byte code each of them would compile the kit again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help serve quick test test-wheel lint check release-check contract contract-real clients-real test-redis test-typescript format matrix docs fixtures config-schema clients pictures dist bench lock clean

help:
	@echo 'serve          set up, and start the mock'
	@echo 'quick          run the short tests that need no server, in less than a minute'
	@echo 'test           set up, and run the tests, except the exhaustive ones'
	@echo 'test-wheel     run all tests against the built wheel, test-redis too, and report coverage'
	@echo 'lint           check format, style, types, layers, and the files for GitHub, GitLab, pre-commit and Docker'
	@echo 'release-check  build the distributions, check their files, and use the wheel as the README and the Dockerfile show'
	@echo 'check          lint and release-check'
	@echo 'contract       test the endpoint URL=..., or a new mock without it; FLAGS=... are flags of the command'
	@echo 'contract-real  test and record four servers by other authors, and compare with docs/reports/; needs npm'
	@echo 'clients-real   run and audit real clients of each rerank API, and compare with docs/clients.md and docs/audit.md; needs npm'
	@echo 'test-redis     test shared state with Redis, and run the load test of the docs; needs redis-server'
	@echo 'test-typescript  test the npm package in mockserver/typescript; needs npm'
	@echo 'matrix         run the tests on every Python from 3.11 to 3.14 on this machine'
	@echo 'docs           build the site in build/site'
	@echo 'format         format the code, and fix what ruff can fix'
	@echo 'fixtures       write the answers of the mock into the exchanges'
	@echo 'config-schema  write the JSON Schema of the file for serve --config'
	@echo 'clients        write docs/client-faults.md: what two clients do with each fault'
	@echo 'pictures       write the pictures of docs/console.md; needs chromium'
	@echo 'dist           build the wheel and the source distribution'
	@echo 'bench          measure the mock and other servers; FLAGS=... are flags of bench.py; needs wrk and npm'
	@echo 'lock           update the pinned requirements; needs uv and npm'
	@echo 'clean          remove everything that make creates'

serve: $(VENV)/base.stamp
	@$(BIN)/together-rerank-mock serve

quick: $(VENV)/dev.stamp
	$(BIN)/python $(PYTEST) -m 'not served and not fuzz and not slow' $(SUITES) $(PYTEST_ARGS)

test: $(VENV)/dev.stamp $(TOGETHER_SDK)/stamp $(TOGETHER_1)/stamp
	$(CLIENTS) HYPOTHESIS_PROFILE=ci $(BIN)/python $(PYTEST) -m 'not exhaustive' $(SUITES) $(PYTEST_ARGS)

# The wheel's environment uses the tools of $(VENV), but not the editable installation of the kit there.
test-wheel: dist $(TOGETHER_SDK)/stamp $(TOGETHER_1)/stamp
	rm -rf $(WHEEL)
	$(BIN)/python -m venv --without-pip $(WHEEL)
	$(PIP) --python $(WHEEL)/bin/python install --no-deps dist/*.whl
	@# tools_coverage.pth starts coverage in every process; Python reads it after tools.pth, which makes coverage importable.
	site=$$(echo $(WHEEL)/lib/python*/site-packages); echo "$(CURDIR)"/$(VENV)/lib/python*/site-packages > $$site/tools.pth; \
	  cp $(VENV)/lib/python*/site-packages/a1_coverage.pth $$site/tools_coverage.pth
	@# A test that runs make there must not install the checkout over the wheel.
	touch $(WHEEL)/base.stamp $(WHEEL)/dev.stamp
	$(WHEEL)/bin/python -m coverage erase
	$(CLIENTS) HYPOTHESIS_PROFILE=ci $(WHEEL)/bin/python -m coverage run $(PYTEST) $(SUITES) $(PYTEST_ARGS)
	$(MAKE) --no-print-directory test-redis RUN='$(WHEEL)/bin/python -m coverage run'
	$(WHEEL)/bin/python -m coverage combine --quiet
	$(WHEEL)/bin/python -m coverage report

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/mypy tests/typing
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(SCHEMA).github-workflows .github/workflows/*.yml
	$(SCHEMA).dependabot .github/dependabot.yml
	$(SCHEMA).github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(SCHEMA).github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA).compose-spec compose.yaml
	$(BIN)/hadolint Dockerfile
	$(SCHEMA).github-actions action.yml
	$(SCHEMA).gitlab-ci --data-transform gitlab-ci docs/rerank.gitlab-ci.yml
	$(BIN)/pre-commit validate-manifest .pre-commit-hooks.yaml

release-check: $(VENV)/dev.stamp dist
	$(BIN)/twine check --strict dist/*
	$(BIN)/python -m pytest -n 2 tests/wheel $(PYTEST_ARGS)

check: lint release-check

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

# Judge and record other people's servers.
contract-real: $(VENV)/dev.stamp $(STRANGERS)/stamp $(INFINITY)/stamp $(PEERS)/stamp
	RERANK_KIT_STRANGERS=$(STRANGERS) RERANK_KIT_INFINITY=$(INFINITY) RERANK_KIT_PEERS=$(PEERS) \
	  $(BIN)/python -m pytest tests/strangers $(PYTEST_ARGS)

# Run the tests of shared state, the load test of docs/load-testing.md, and with a Redis those of state in memory.
RUN ?= $(BIN)/python
test-redis: $(VENV)/dev.stamp $(LOCUST)/stamp
	@redis-server --version >/dev/null 2>&1 || { echo 'redis-server is needed to test shared state; on Debian: apt-get install -y redis-server' >&2; exit 1; }
	RERANK_KIT_LOCUST=$(LOCUST) $(RUN) -m pytest -n 2 --dist loadfile tests/shared_state $(PYTEST_ARGS)
	PYTHONPATH=tests/shared_state $(RUN) $(PYTEST) -p state_in_redis -m 'not served and not fuzz and not slow and not in_memory' \
	  $(STATE_SUITE) $(PYTEST_ARGS)

# Run unmodified clients against the mock.
clients-real: $(VENV)/dev.stamp $(TOGETHER_1)/stamp $(REAL_CLIENTS)/stamp $(COHERE_5)/stamp $(NPM_CLIENTS)/stamp
	RERANK_KIT_TOGETHER_1=$(TOGETHER_1) RERANK_KIT_CLIENTS=$(REAL_CLIENTS) RERANK_KIT_COHERE_5=$(COHERE_5) RERANK_KIT_NPM_CLIENTS=$(NPM_CLIENTS) \
	  $(BIN)/python -m pytest tests/clients $(PYTEST_ARGS)

# Test the npm package with the mock of the checkout.
test-typescript: $(VENV)/base.stamp $(TYPESCRIPT)/stamp
	ln -sfn $(TYPESCRIPT)/node_modules mockserver/typescript/node_modules
	cd mockserver/typescript && PATH=$(abspath $(BIN)):$$PATH npm test

format: $(VENV)/dev.stamp
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

# A command on the path may be a shim for a version that is not there, so it is run, not only found.
matrix:
	@found=; for version in 3.11 3.12 3.13 3.14; do \
	  for python in python$$version $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$$version.*/bin/python$$version; do \
	    if $$python -c '' >/dev/null 2>&1; then \
	      echo "== Python $$version: $$python"; found=yes; \
	      $(MAKE) --no-print-directory test PYTHON=$$python VENV=build/matrix/$$version || exit 1; break; \
	    fi; done; done; test -n "$$found" || { echo 'no        Python from 3.11 to 3.14 found' >&2; exit 1; }

docs: $(VENV)/dev.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --clean --site-dir build/site
	cp llms.txt build/site/

fixtures: $(VENV)/dev.stamp
	$(BIN)/python -P fixtures/refresh.py

config-schema: $(VENV)/dev.stamp
	@mkdir -p build
	$(BIN)/python tests/config_schema.py > build/config.schema.json
	mv build/config.schema.json mockserver/together_rerank_mockserver/cli/config.schema.json

pictures: $(VENV)/dev.stamp
	$(BIN)/python tests/console_pictures.py

clients: $(VENV)/dev.stamp
	@mkdir -p build
	$(BIN)/python tests/client_table.py > build/client-faults.md
	mv build/client-faults.md docs/client-faults.md

dist: $(VENV)/dev.stamp
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	@ls dist

bench: $(VENV)/base.stamp $(PEERS)/stamp
	@wrk -v 2>/dev/null | grep -q wrk || { echo 'wrk is needed to load the servers; on Debian: apt-get install -y wrk' >&2; exit 1; }
	RERANK_KIT_PEERS=$(PEERS) $(BIN)/python benchmarks/bench.py $(FLAGS)

UV_LOCK = uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header
lock:
	$(UV_LOCK) pyproject.toml --group build -o requirements/base.txt
	$(UV_LOCK) pyproject.toml --extra redis -c requirements/base.txt -o requirements/image.txt
	$(UV_LOCK) pyproject.toml --extra contract --extra redis --group build --group dev -c requirements/base.txt -c requirements/image.txt \
	  -o requirements/dev.txt
	echo 'together==1.5.35' | $(UV_LOCK) - -o requirements/together-1.txt
	printf '%s\n' xllamacpp gguf 'litellm[proxy]==1.106.2' | $(UV_LOCK) - -o requirements/strangers.txt
	@# torch is not locked; the packages after infinity-emb are what its CPU build needs.
	mkdir -p build && echo torch > build/not-locked.txt
	printf '%s\n' 'infinity-emb[server,torch]==0.0.78' filelock fsspec jinja2 networkx setuptools sympy typing-extensions \
	  | $(UV_LOCK) - --excludes build/not-locked.txt -o requirements/infinity.txt
	printf '%s\n' litellm==1.110.2 cohere==7.3.1 voyageai==0.5.0 cohere-haystack==11.0.0 jina-haystack==2.0.1 \
	  llama-index-postprocessor-jinaai-rerank==0.6.0 'rerankers[api]==0.10.0' | $(UV_LOCK) - -o requirements/clients.txt
	printf '%s\n' 'cohere<6' langchain-cohere==0.6.0 llama-index-postprocessor-cohere-rerank==0.10.0 \
	  | $(UV_LOCK) - -o requirements/clients-cohere-5.txt
	echo 'locust==2.47.0' | $(UV_LOCK) - -o requirements/locust.txt
	for version in 8.2 8.4; do echo "pytest==$$version.*" | $(UV_LOCK) - -o requirements/pytest-$$version.txt || exit 1; done
	@# Whom npm would have us fund is an address too.
	for folder in requirements/peers requirements/clients-npm mockserver/typescript; do (cd $$folder && \
	  npm update --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund && \
	  $(PYTHON) -c 'import json, pathlib; path = pathlib.Path("package-lock.json"); lock = json.loads(path.read_text()); [p.pop("funding", None) for p in lock["packages"].values()]; path.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n")') \
	  || exit 1; done

clean:
	rm -rf $(VENV) build dist mockserver/typescript/build mockserver/typescript/dist mockserver/typescript/node_modules

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
$(TOGETHER_SDK)/stamp: | $(VENV)/dev.stamp
	rm -rf $(@D) && mkdir -p $(@D)
	$(PIP) download --no-deps --no-binary :all: --require-hashes -r requirements/together-sdk.txt -d $(@D)
	tar -xzf $(@D)/together-*.tar.gz -C $(@D) --strip-components 1
	@touch $@

# Packages that conflict with those in $(VENV): the SDK's old major version, other people's servers, clients, and Locust,
# whose plugin pytest would load.
$(TOGETHER_1)/stamp: LOCK := requirements/together-1.txt
$(STRANGERS)/stamp: LOCK := requirements/strangers.txt
$(REAL_CLIENTS)/stamp: LOCK := requirements/clients.txt
$(COHERE_5)/stamp: LOCK := requirements/clients-cohere-5.txt
$(LOCUST)/stamp: LOCK := requirements/locust.txt
$(TOGETHER_1)/stamp $(STRANGERS)/stamp $(REAL_CLIENTS)/stamp $(COHERE_5)/stamp $(LOCUST)/stamp: | $(VENV)/bin/python
	rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r $(LOCK)
	@touch $@

# torch comes last and without a hash: pip installs its CPU build if it is configured to find one, else the CUDA build
# with several GB of libraries. Infinity needs numpy 1, which has no wheels for Python 3.13 or newer.
$(INFINITY)/stamp: | $(VENV)/bin/python
	rm -rf $(@D) && $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes -r requirements/infinity.txt
	$(@D)/bin/python -m pip --disable-pip-version-check --quiet install torch==$(TORCH)
	@touch $@

# Other people's mocks, for the benchmark and as servers under test, and clients; npm runs none of their install scripts.
$(PEERS)/stamp: LOCK := requirements/peers
$(NPM_CLIENTS)/stamp: LOCK := requirements/clients-npm
$(TYPESCRIPT)/stamp: LOCK := mockserver/typescript
$(PEERS)/stamp $(NPM_CLIENTS)/stamp $(TYPESCRIPT)/stamp:
	@npm --version >/dev/null 2>&1 || { echo 'npm of Node.js 20 or newer is needed to install $(LOCK)' >&2; exit 1; }
	rm -rf $(@D) && mkdir -p $(@D)
	cp $(LOCK)/*.json $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel error
	@touch $@
