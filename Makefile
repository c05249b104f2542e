# Everything sets itself up: Python 3.11 or newer, make and a package index are all that is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
PRODUCTION := $(VENV)/installed-production
EITHER := $(if $(wildcard $(PRODUCTION)),$(PRODUCTION),$(INSTALLED))
ACCOUNT ?= medallion
UV_VERSION := 0.13.8
MEDALLION_HOME ?= .medallion
ENGINE ?= $(or $(MEDALLION_ENGINE),polars)
DEV_HOME ?= .medallion/dev
AT_PORT := $(if $(PORT),--port $(PORT))
# A worker that dies is reported at once: without its part the others would wait for ever.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadgroup --max-worker-restart 0
QUICK := POLARS_MAX_THREADS=1 $(PYTEST) --hypothesis-profile=quick -m
UNITS := compute contracts delta deriving errors oracle pipelines refining settings sources storage triggers
ON_SPARK := refining deriving pipelines
NOT_ON_SPARK := deriving/dbt
# Several threads of Polars gain nothing on small tables: they wake each other, and wait. So it has one, but where the
# order of rows is at stake: there, as many as in a deployment.
BY_THREADS := $(addprefix medallion_assets_tests/,properties refining)
LOCK := pyproject.toml --quiet --upgrade --universal --generate-hashes --no-annotate --no-emit-index-url

# Tests are compiled once and not by every process of every run, whatever the machine's own setting is.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-production setup-spark spark-classes spark-jars peer-jars demo dev sample-export ui test test-unit test-all test-spark test-deep test-kills test-stops test-faults lint types format wheel lock bench clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## create .venv and install the locked dependencies and the package

# The account of a deployment may not write here: what is not compiled now, each of its processes compiles again.
setup-production: $(PRODUCTION) ## the same with runtime dependencies only, for a deployment (ACCOUNT=medallion)
	@$(BIN)/python -m compileall -q medallion_assets

$(PRODUCTION): export UV_COMPILE_BYTECODE = 1

$(INSTALLED): requirements.lock
$(PRODUCTION): requirements-production.lock

$(INSTALLED) $(PRODUCTION): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if [ $@ = $(PRODUCTION) ]; then deploy/check-python $(BIN)/python $(ACCOUNT); fi
	@test -x $(BIN)/uv || $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r $(filter %.lock,$^)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

setup-spark: $(EITHER) ## add Spark's Python packages (477 MB); only work on the Spark engine needs them
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-spark.lock

spark-classes: .cache/spark-classes.jsa ## keep Spark's classes as Java has them (160 MB): sessions on this machine start in 5 s, not in 8

.cache/spark-classes.jsa: requirements-spark.lock
	$(BIN)/python -m medallion_assets.engines.spark.archive_classes

spark-jars: .cache/spark-jars/fetched ## download Spark's S3 client (10 MB); needs mvn

peer-jars: .cache/peer-jars/fetched ## download the jars (57 MB) of the alternatives in the Spark benchmarks; needs mvn

.cache/spark-jars/fetched: deploy/spark/pom.xml
.cache/peer-jars/fetched: benchmarks/peers/pom.xml

.cache/%-jars/fetched:
	rm -rf $(@D)
	mvn --batch-mode --quiet --file $< dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(@D) -DincludeScope=runtime
	@touch $@

demo: $(INSTALLED) ## run the whole pipeline on sample data, on this machine (ENGINE=spark: on Spark)
	MEDALLION_HOME=$(MEDALLION_HOME) MEDALLION_ENGINE=$(ENGINE) $(BIN)/medallion demo

dev: $(INSTALLED) ## run everything event-driven until Ctrl-C: sensors, schedules, the UI, a DynamoDB (PORT=3001: the UI port)
	MEDALLION_HOME=$(DEV_HOME) $(BIN)/medallion dev $(AT_PORT)

sample-export: $(INSTALLED) ## drop new exports for `make dev` (in a second terminal)
	@MEDALLION_HOME=$(DEV_HOME) $(BIN)/medallion sample-export

ui: $(INSTALLED) ## show your runs (or the demo's) in the Dagster UI; it starts nothing automatically (PORT=3001: its port)
	MEDALLION_HOME=$(MEDALLION_HOME) $(BIN)/medallion ui $(AT_PORT)

test: $(INSTALLED) ## run all but the slow tests; tests of missing services are skipped with the reason
	$(QUICK) "not slow"

test-unit: $(INSTALLED) ## only the tests of single rooms: no Dagster, no services, nothing end to end; a minute
	$(QUICK) "not slow and not flow and not service" $(addprefix medallion_assets_tests/,$(UNITS))

test-all: $(INSTALLED) ## run all tests, as CI does: the slow ones too, and properties on five times as many histories
	@failed=0; set -x; \
	POLARS_MAX_THREADS=1 $(PYTEST) $(addprefix --ignore=,$(BY_THREADS)) || failed=$$?; \
	$(PYTEST) $(BY_THREADS) || failed=$$?; \
	exit $$failed

test-spark: $(INSTALLED) ## the tests of Silver and Gold again, on Spark (make setup-spark, Java 17); minutes
	POLARS_MAX_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -q --hypothesis-profile=quick --engine spark -m "not slow and not service and not own_engine" $(addprefix medallion_assets_tests/,$(ON_SPARK)) $(addprefix --ignore=medallion_assets_tests/,$(NOT_ON_SPARK))

test-deep: $(INSTALLED) ## the same on thousands of new histories, with coverage; hours
	MEDALLION_EXAMPLES=2000 $(PYTEST) --cov=medallion_assets --cov-report=term-missing:skip-covered

test-kills: $(INSTALLED) ## kill the production deployment, and its parts, ten times in the middle of runs and launches
	MEDALLION_KILLS=$${MEDALLION_KILLS:-10} $(BIN)/python -m pytest -n 2 --dist loadfile -q medallion_assets_tests/end_to_end/test_launches.py medallion_assets_tests/end_to_end/test_production.py

test-stops: $(INSTALLED) ## stop deploy/run at 200 random moments; check that it ends and leaves nothing behind
	MEDALLION_STOPS=$${MEDALLION_STOPS:-200} $(BIN)/python -m pytest -n0 -q medallion_assets_tests/deploy/test_run.py medallion_assets_tests/deploy/test_supervisor.py

test-faults: $(INSTALLED) ## fill disks, take memory and crowd SQLite under the whole deployment (root); check that it continues
	MEDALLION_FAULTS=1 $(BIN)/python -m pytest -n0 -q medallion_assets_tests/end_to_end/test_full_disks.py medallion_assets_tests/end_to_end/test_out_of_memory.py medallion_assets_tests/end_to_end/test_sqlite.py medallion_assets_tests/end_to_end/test_ui_operations.py

lint: $(INSTALLED) ## ruff and the import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(INSTALLED) ## mypy, strict
	$(BIN)/mypy

format: $(INSTALLED) ## format the code with ruff
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

wheel: $(INSTALLED) ## build the wheel into dist/, with its dbt project parsed, so that runs need not parse it
	MEDALLION_PIPELINES=medallion_assets.pipelines.star_schema.pipeline:STAR_SCHEMA $(BIN)/medallion dbt-prepare --ship
	$(BIN)/uv build --quiet --wheel

lock: $(INSTALLED) ## resolve the dependencies again
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile $(LOCK) --extra dev --extra demo --extra production -o requirements.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile $(LOCK) --extra production -c requirements.lock -o requirements-production.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile $(LOCK) --extra spark -c requirements.lock -o requirements-spark.lock

bench: $(INSTALLED) ## run the benchmarks, each against a floor or an alternative
	$(BIN)/python -m benchmarks

clean: ## remove the environment and caches; data stays
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage
