# Everything a person types. `make` alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
SEED ?= 1
N ?= 200
KILLS ?= 100
ROUNDS ?= 10
SEEDS ?= 1000
ON ?= sqlite
SECONDS ?= 180
# How many processes test at a time: on two cores a third tests while the others wait for browsers.
WORKERS ?= 3
POWER_NEEDS := build/power/main.js build/wheels/.downloaded build/pyodide/python_stdlib.zip
UNIT_NEEDS := .setup-python .setup-web .postgres build/pips/.downloaded build/service-worker/sw.js build/pyodide/bytecode.zip
UNIT_TESTS := tests/simulation tests/unit tests/conformance tests/postgres tests/server tests/types tests/examples
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
NPM_PACKAGE := build/durably-$(VERSION).tgz
WHEEL := build/durably-$(VERSION)-py3-none-any.whl
# Those with a package.json of their own.
WEB_EXAMPLES := react_vite fastapi_react three_modes

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo build example package test coverage test-unit test-package test-browser test-power test-power-sample test-power-replay test-crash test-storm simulate mutate check format bench bench-sqlite bench-postgres bench-postgres-scale bench-growth bench-downloads bench-takeover bench-startup bench-memory bench-server screenshots lighthouse lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-20s %s\n", $$1, $$2 }'

demo: build ## Set up everything, build, and serve the demo (PORT=8000)
	@$(BIN)/python -m spa_runtime serve build/demo --port $(PORT)

build: build/demo/index.html ## Build the demo into build/demo

example: .setup-python examples/react_vite/node_modules/.installed ## Develop the React and Vite example
	cd examples/react_vite && npm run dev

package: $(NPM_PACKAGE) $(WHEEL) ## Build the npm package and the Python wheel into build

test: check test-unit test-package test-power-sample test-browser ## Set up everything and run all the tests

check: .setup-python .setup-web ## Linters and type checkers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd web && npm run --silent check

test-unit: $(UNIT_NEEDS) ## The engine on this machine, and the TypeScript logic
	cd web && npm run --silent test
	$(BIN)/pytest -n $(WORKERS) $(UNIT_TESTS)

coverage: $(UNIT_NEEDS) ## What of the engine those tests execute
	$(BIN)/coverage run -m pytest $(UNIT_TESTS)
	$(BIN)/coverage report

test-browser: .browser .firefox build package build/test-wheels/.downloaded build/conformance/index.html build/offline/v1/index.html build/hooks/react19/index.html build/original/index.html $(WEB_EXAMPLES:%=examples/%/node_modules/.installed) ## The whole thing in real browsers
	DURABLY_BROWSER="$$(cat build/.browser)" DURABLY_FIREFOX="$$(cat build/.firefox)" $(BIN)/python -m scripts.test_beside_others -v -n $(WORKERS) --dist loadfile --no-loadscope-reorder tests/browser

test-package: package .setup-web build/test-wheels/.downloaded ## The npm package and the wheel, as an application has them
	$(BIN)/pytest tests/package

test-power-sample: $(POWER_NEEDS) ## Simulated power cuts and failing files, a sample of them (SEED=1)
	node --enable-source-maps build/power/main.js sample $(SEED)

test-power: $(POWER_NEEDS) ## The same at every operation on a file: some minutes (SEED=1)
	node --enable-source-maps build/power/main.js all $(SEED)

test-power-replay: $(POWER_NEEDS) ## One of them again, as it was reported (CUT=..., PLANTED=...)
	node --enable-source-maps build/power/main.js replay $(CUT) $(PLANTED)

test-crash: .browser build ## Kill the page again and again: about 20 minutes (N=200, SEED=1, PLANT=...)
	DURABLY_BROWSER="$$(cat build/.browser)" $(BIN)/python -m tests.crash --rounds $(N) --seed $(SEED) --plant "$(PLANT)"

test-storm: .browser build ## Ten tabs that come and go for so long (SECONDS=180, SEED=1)
	DURABLY_BROWSER="$$(cat build/.browser)" DURABLY_STORM_SECONDS=$(SECONDS) DURABLY_SEEDS=$(SEED) \
		$(BIN)/pytest -s tests/browser/test_tab_storm.py

simulate: .setup-python $(if $(filter postgres,$(ON)),.postgres) ## Simulated histories, as many as asked, until one breaks a promise (SEEDS=1000, ON=postgres)
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --on $(ON)

mutate: .setup-python ## Plant faults in a copy of the engine: each must make a test fail
	$(BIN)/python scripts/mutate.py

format: .setup-python .setup-web ## Format all code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd web && npm run --silent format
	$(BIN)/python scripts/embed_examples.py

bench: .browser build bench/spa/node_modules/.installed ## Speed in the browser, beside the reference and the disk
	DURABLY_BROWSER="$$(cat build/.browser)" $(BIN)/python -m bench.spa

bench-sqlite: .setup-python bench/reference/node_modules/.installed ## Speed on a server, beside the reference and plain sqlite3
	$(BIN)/python -m bench.sqlite

bench-postgres: .setup-python .postgres bench/reference/node_modules/.installed build/dbos/.installed ## Speed on PostgreSQL, beside the reference and DBOS
	$(BIN)/python -m bench.postgres

bench-postgres-scale: .setup-python .postgres ## More worker processes, more runs that wait, more that have ended
	$(BIN)/python -m bench.postgres.processes
	$(BIN)/python -m bench.postgres.tables

bench-growth: .browser build ## How large the database in the browser gets over 10,000 runs
	DURABLY_BROWSER="$$(cat build/.browser)" $(BIN)/python -m bench.growth

bench-downloads: .browser build build/console/index.html ## What visitors of a built site download
	DURABLY_BROWSER="$$(cat build/.browser)" $(BIN)/python -m bench.downloads

bench-takeover: .browser build ## How long a takeover takes when the tab with the engine is killed (KILLS=100)
	DURABLY_BROWSER="$$(cat build/.browser)" $(BIN)/python -m bench.takeover --kills $(KILLS)

bench-memory: .browser build ## What the engine's process needs while 2,000 runs execute, and for large results
	DURABLY_BROWSER="$$(cat build/.browser)" $(BIN)/python -m bench.memory

bench-startup: .browser build bench/spa/node_modules/.installed ## From the navigation to the first run, beside the reference and Pyodide alone (ROUNDS=10)
	DURABLY_BROWSER="$$(cat build/.browser)" $(BIN)/python -m bench.startup --rounds $(ROUNDS)
	DURABLY_BROWSER="$$(cat build/.browser)" $(BIN)/python -m bench.startup_means --rounds $(ROUNDS)

bench-server: .setup-python ## 200 streams of events beside 1,000 triggers a second, for a minute
	$(BIN)/python -m bench.server

screenshots: .browser build build/console/index.html ## Pictures of every view into build/screenshots, those of the README into docs/screenshots
	DURABLY_BROWSER="$$(cat build/.browser)" $(BIN)/python -m scripts.screenshots

lighthouse: .browser build ## What Lighthouse says of the demo (it needs Node 22.19 or newer, and the npm registry)
	DURABLY_BROWSER="$$(cat build/.browser)" $(BIN)/python -m scripts.lighthouse

lock: $(BIN)/pip ## Resolve the Python dependencies anew, with hashes
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --upgrade -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet requirements/pyodide.in --python-version 3.14 \
	  --generate-hashes --no-header --upgrade -o spa_runtime/pyodide-requirements.txt
	$(BIN)/uv pip compile --quiet requirements/pyodide-test.in --constraint requirements/dev.txt --python-version 3.14 \
	  --generate-hashes --no-header --upgrade -o requirements/pyodide-test.txt
	$(BIN)/uv pip compile --quiet requirements/dbos.in --python-version 3.11 \
	  --generate-hashes --no-header --upgrade -o requirements/dbos.txt
	for pip in oldest newest; do $(BIN)/uv pip compile --quiet requirements/pip-$$pip.in --python-version 3.11 \
	  --generate-hashes --no-header --upgrade -o requirements/pip-$$pip.txt; done

clean: ## Remove everything that was built or installed
	rm -rf build $(VENV) web/dist web/LICENSE web/node_modules examples/*/node_modules examples/*/dist bench/spa/node_modules bench/reference/node_modules bench/spa/dist \
	  tests/browser/original/node_modules

# ---------------------------------------------------------------- what the targets need

.PHONY: .setup-python .setup-web
.setup-python: $(VENV)/.installed
.setup-web: web/node_modules/.installed

$(BIN)/pip:
	@$(PYTHON) scripts/check_python.py
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements/dev.txt pyproject.toml | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

web/node_modules/.installed: web/package.json web/package-lock.json
	@node scripts/check_node.mjs
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

bench/spa/node_modules/.installed: bench/spa/package.json bench/spa/package-lock.json
	cd bench/spa && npm ci --no-audit --no-fund --loglevel=error --ignore-scripts
	@touch $@

# better-sqlite3 is compiled, against the headers that come with Node.
bench/reference/node_modules/.installed: bench/reference/package.json bench/reference/package-lock.json
	cd bench/reference && npm_config_nodedir="$$(node -p 'path.resolve(process.execPath, "../..")')" npm ci --no-audit --no-fund --loglevel=error
	@touch $@

build/dbos/.installed: requirements/dbos.txt | $(BIN)/pip
	@rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

build/wheels/.downloaded: spa_runtime/pyodide-requirements.txt | $(VENV)/.installed
	@rm -rf $(@D)
	$(BIN)/python -m spa_runtime wheels -o $(@D)
	@touch $@

# Those of the engine are among them.
build/test-wheels/.downloaded: requirements/pyodide-test.txt spa_runtime/pyodide-requirements.txt | $(VENV)/.installed
	@rm -rf $(@D)
	$(BIN)/python -m spa_runtime wheels --requirements $< -o $(@D)
	@touch $@

# Those that resolve packages in tests.
build/pips/.downloaded: requirements/pip-oldest.txt requirements/pip-newest.txt | $(VENV)/.installed
	@rm -rf $(@D)
	for list in $^; do $(BIN)/pip download --quiet --disable-pip-version-check --require-hashes --no-deps -r $$list -d $(@D) || exit 1; done
	@touch $@

# Asked each time: a browser that was there yesterday may be gone.
.PHONY: .browser .firefox .postgres
.browser: | $(VENV)/.installed
	@mkdir -p build
	@$(BIN)/python scripts/ensure_browser.py chromium build/.browser

.firefox: | $(VENV)/.installed
	@mkdir -p build
	@$(BIN)/python scripts/ensure_browser.py firefox build/.firefox

.postgres: | $(VENV)/.installed
	@mkdir -p build
	@$(BIN)/python -m scripts.ensure_postgres build/.postgres

build/pyodide/python_stdlib.zip: scripts/compile_pyodide.mjs web/package-lock.json | web/node_modules/.installed
	node scripts/compile_pyodide.mjs web/node_modules/pyodide $(@D)
	@touch $@

PAGE_SOURCES := $(shell find web/src web/demo web/dashboard -type f) web/vite.config.ts web/isolation-headers.ts web/package.json web/package-lock.json
ENGINE_SOURCES := $(shell find durably_core spa_runtime examples/demo -type f -not -path '*/__pycache__/*')

build/page/index.html: $(wildcard $(PAGE_SOURCES)) | web/node_modules/.installed
	cd web && npm run --silent build
	@touch $@

build/console/index.html: $(shell find web/console web/dashboard web/src -type f) web/package-lock.json | web/node_modules/.installed
	cd web && npm run --silent build:console
	@touch $@

build/service-worker/sw.js: $(shell find web/src/service-worker web/src/offline -type f) web/rolldown.service-worker.config.js web/package-lock.json | web/node_modules/.installed
	cd web && npm run --silent build:service-worker
	@touch $@

# The last file that is written there.
build/pyodide/bytecode.zip: build/pyodide/python_stdlib.zip build/wheels/.downloaded scripts/compile_engine.py scripts/compile_engine.mjs $(ENGINE_SOURCES)
	$(BIN)/python scripts/compile_engine.py $(@D) build/wheels $@

build/demo/index.html: build/page/index.html build/service-worker/sw.js build/pyodide/bytecode.zip build/wheels/.downloaded $(ENGINE_SOURCES)
	$(BIN)/python -m spa_runtime build examples/demo/demo_jobs.py -o build/demo --wheels build/wheels
	@touch $@

PACKAGE_SOURCES := $(shell find web/src web/dashboard -type f -not -name '*.test.*') web/rolldown.config.js web/README.md LICENSE

$(NPM_PACKAGE): $(PACKAGE_SOURCES) web/package.json web/package-lock.json | web/node_modules/.installed
	@mkdir -p build && cp LICENSE web/LICENSE
	cd web && npm run --silent build:package && npm pack --silent --pack-destination ../build
	@touch $@

$(WHEEL): $(shell find durably_core spa_runtime -type f -not -path '*/__pycache__/*') build/console/index.html build/service-worker/sw.js build/pyodide/bytecode.zip pyproject.toml hatch_build.py README.md LICENSE | $(VENV)/.installed
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w build .
	@touch $@

$(WEB_EXAMPLES:%=examples/%/node_modules/.installed): examples/%/node_modules/.installed: $(NPM_PACKAGE) examples/%/package.json examples/%/package-lock.json
	cd examples/$* && npm ci --prefer-offline --no-audit --no-fund --loglevel=error
	@touch $@

# The page that runs the conformance suite in the browser. No bundle has it.
build/conformance/index.html: $(shell find web/conformance web/src/worker web/src/opfs -type f) web/package-lock.json | web/node_modules/.installed
	cd web && npm run --silent build:conformance
	@touch $@

# A page in several versions, for tests of upgrades.
build/offline/v1/index.html: $(shell find web/offline web/src -type f) web/package-lock.json | web/node_modules/.installed
	cd web && npm run --silent build:offline
	@touch $@

# The examples of the hooks, with React 19 and with React 18.
build/hooks/react19/index.html: $(shell find web/hooks web/src -type f) web/package-lock.json | web/node_modules/.installed
	cd web && npm run --silent build:hooks
	@touch $@

# A page over the React client of the original, as the npm registry has it.
ORIGINAL := tests/browser/original

$(ORIGINAL)/node_modules/.installed: $(ORIGINAL)/package.json $(ORIGINAL)/package-lock.json
	cd $(ORIGINAL) && npm ci --prefer-offline --no-audit --no-fund --loglevel=error --ignore-scripts
	@touch $@

build/original/index.html: $(shell find tests/browser/original -name node_modules -prune -o -type f -print) | $(ORIGINAL)/node_modules/.installed
	cd $(ORIGINAL) && npm run --silent build
	@touch $@

# The simulation of power cuts: a program for Node, with the worker's own file system in it.
build/power/main.js: $(shell find web/power web/src/opfs web/src/worker -type f) web/package-lock.json | web/node_modules/.installed
	cd web && npm run --silent build:power
	@touch $@
