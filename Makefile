# make run    sets up what is missing and runs the main job
# make test   sets up what is missing and runs the checks and all tests

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run forecast recommend cluster up down submit test test-fast test-spark check format docs zip wheel clean

# The first Python on the way that is new enough; if none is, set-up says so in one line.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON := $(or $(PYTHON),$(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$p; exit; }; done; echo python3))
SETUP := "$(PYTHON)" conf/bootstrap.py
VENV := . .venv/env &&

# One executor process a core, 2 to 8 of them. Any other master will do: make run MASTER=spark://host:7077
CORES := $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((n < 2 ? 2 : n > 8 ? 8 : n)))
MASTER ?= local-cluster[$(CORES),1,1024]
# Local masters need no host name that resolves; others get the package, and the network's address of this machine.
LOCAL := $(filter local%,$(MASTER))
SUBMIT := $(if $(LOCAL),SPARK_LOCAL_IP=$${SPARK_LOCAL_IP:-127.0.0.1}) spark-submit --master "$(MASTER)" \
	$(if $(LOCAL),,--py-files dist/planner.zip) --conf spark.log.level=ERROR --conf spark.ui.showConsoleProgress=false
# Processes that share the tests: WORKERS=0 for none, to see what a test prints or to stop in it.
WORKERS := 2
WITH_SPARK := spark or browser or losses
# For the job itself, for example ARGS="--limit 200"
ARGS :=

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile
	@echo "make forecast | recommend: example jobs; make test-fast | test-spark | check | format | docs | zip | wheel | clean"
	@echo "make cluster: a standalone Spark on this machine; make up | submit | down: the same in containers"

run:
	@$(SETUP) --warm
	@$(if $(LOCAL),,"$(PYTHON)" conf/package.py)
	@$(VENV) $(SUBMIT) jobs/corpus.py $(ARGS)

forecast recommend:
	@$(SETUP) --extras jobs --warm
	@$(if $(LOCAL),,"$(PYTHON)" conf/package.py)
	@$(VENV) $(SUBMIT) jobs/$@.py $(ARGS)

cluster:
	@$(SETUP) --extras jobs
	@"$(PYTHON)" conf/package.py
	@$(VENV) exec python conf/standalone.py $(ARGS)

# In containers (docker-compose.yml). Podman's will do as well: make up COMPOSE="podman compose"
COMPOSE ?= docker compose
COMPOSED = @$(COMPOSE) version >/dev/null 2>&1 || { echo "this needs Docker with Compose, and \`$(COMPOSE) version\` \
	fails; without: make cluster" >&2; exit 2; }
# For make submit
JOB ?= jobs/corpus.py

up:
	$(COMPOSED)
	@"$(PYTHON)" conf/compose_secrets.py
	@$(COMPOSE) build master
	@$(COMPOSE) up --detach --wait
	@echo "Spark     http://127.0.0.1:8080 and, for what has ended, http://127.0.0.1:18080"
	@echo "notebook  http://127.0.0.1:8888/lab?token=$$(cat .secrets/notebook)"

submit:
	$(COMPOSED)
	@$(COMPOSE) run --rm --build submit $(JOB) $(ARGS)

down:
	$(COMPOSED)
	@$(COMPOSE) down

test:
	@$(SETUP) --extras test,docs --browser --warm
	@$(MAKE) --no-print-directory check docs test-fast test-spark

test-fast:
	@$(SETUP) --extras test --no-java --warm
	@$(VENV) pytest -n $(WORKERS) --dist worksteal --ignore=tests/spark -m "not spark and not browser and not losses"

test-spark:
	@$(SETUP) --extras test --browser --warm
	@$(VENV) export SPARK_LOCAL_IP=127.0.0.1; \
		pytest tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "($(WITH_SPARK)) and not alone" && \
		pytest tests/spark -m alone

check:
	@$(SETUP) --extras test --no-java
	@$(VENV) ruff check . && ruff format --check --quiet .
	@$(VENV) mypy
	@$(VENV) lint-imports

format:
	@$(SETUP) --extras test --no-java
	@$(VENV) ruff check --fix . ; ruff format .

# A site that needs no network, neither to be built nor to be read. A warning is an error, and so is a link to nowhere.
docs:
	@$(SETUP) --extras docs --no-java
	@rm -rf dist/site
	@$(VENV) python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env -d build/doctrees -c docs . dist/site
	@$(VENV) python docs/check.py dist/site

zip:
	@"$(PYTHON)" conf/package.py

wheel:
	@$(SETUP) --no-java
	@$(VENV) pip wheel --quiet --no-deps --wheel-dir dist . && ls dist/*.whl

clean:
	@rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache spark-warehouse
