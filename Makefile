# Every target installs what it needs, apart from Python 3.11 to 3.14 and make. `make help` lists the targets.

# The system's Python comes first: pyenv builds without optimisations by default, and the tests take nearly a third longer.
# A system with venv in a package of its own may lack it; then the next one is used.
IS_SUPPORTED := -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
PYTHON ?= $(firstword $(foreach python,/usr/bin/python3 python3 python3.13 python3.14 python3.12 python3.11,\
    $(if $(shell $(python) $(IS_SUPPORTED) && echo yes),$(python))))
BIN := .venv/bin
SAM := .venv-sam/bin/sam
# The requirement files name every package with its hash, so pip has nothing to resolve.
PIP := -m pip --quiet --quiet --disable-pip-version-check install --no-deps
HASHED := $(PIP) --require-hashes --requirement

# By default, the SAM CLI sends telemetry and writes to the home folder.
export SAM_CLI_TELEMETRY := 0
export __SAM_CLI_APP_DIR := $(CURDIR)/build/sam

# `make test` is to end in about two minutes on two idle cores. These tests take longest for what they show.
LONG := tests/alarms/test_played_estate.py tests/browser tests/campaign tests/certmandate/commands/test_attention.py \
    tests/certmandate/commands/test_local.py tests/certmandate/documents tests/certmandate/replacement/test_model.py \
    tests/certmandate/test_hostile_texts.py tests/certmandate/test_monitoring.py tests/certmandate/test_next_plan.py \
    tests/faults tests/fetch/test_java.py tests/fetch/test_kills.py tests/fetch/test_python39.py \
    tests/fetch/test_recipes.py tests/gate/test_template_lint.py \
    tests/local/test_functions.py tests/model tests/rotation/test_kills.py tests/secrecy tests/silence \
    tests/stack/test_command_times.py tests/stack/test_daily_run.py tests/stack/test_exercised.py \
    tests/stack/test_one_renewal.py tests/stack/test_picture.py tests/stack/test_side_by_side.py \
    tests/stack/test_verification.py tests/template/test_writable.py tests/workflow/test_agreement.py \
    tests/workflow/test_campus.py tests/workflow/test_more_agreement.py tests/workflow/test_replaced_arn.py \
    tests/workflow/test_troubled.py

# When it is set, each process compiles all modules again: a tenth of the time of `make test`.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test test-long check checkov audit format simulator campaign faults pdf build package client rehearse \
    deploy-network deploy requirements scale picture clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name does; do printf '  make %-14s %s\n' "$$name" "$$does"; done

setup: .venv/.dev .venv-sam/.sam ## install everything to work offline: .venv and .venv-sam

run: .venv/.run ## renew an example estate on this machine: no account; network only to install
	$(BIN)/certmandate local run

test: .venv/.dev ## the tests, except those of test-long
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(LONG:%=--ignore=%)

test-long: .venv/.dev ## the other tests: example estates, histories, faults injected into runs, secrecy, permissions, measurements
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(LONG)

check: .venv/.dev .venv-sam/.sam ## the whole static gate
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m gate.shape functions tools tests
	$(BIN)/python -m gate.structure
	$(BIN)/python -m gate.layer functions infra/dependencies requirements/functions.in
	$(BIN)/python -m gate.template template.yaml infra/network.yaml
	$(BIN)/python -m gate.asl template.yaml
	$(SAM) validate --lint

checkov: .venv-checkov/.checkov ## check both templates with checkov; every skip has its reason
	.venv-checkov/bin/checkov --config-file infra/checkov.yaml

audit: .venv/.dev .venv-audit/.audit ## known vulnerabilities of every pinned package; needs an advisory source, and fails without one
	$(BIN)/python -m stack.advisories .venv-audit/bin/pip-audit

format: .venv/.dev ## format, and fix what ruff fixes safely
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

simulator: .venv/.run ## serve a simulator of Sectigo Certificate Manager until stopped
	$(BIN)/python -m scm_simulator

campaign: .venv/.dev ## kill a run at every call it makes, in every way, and check what is left: hours
	$(BIN)/python -m campaign.hostile 2000
	$(BIN)/python -m campaign.served 300
	$(BIN)/python -m campaign --fuzz 500 --model 2000 --worlds 10 --years 200 --restores --schedules all

faults: .venv/.dev ## bring each fault of the first version back, and require that its tests fail: a quarter of an hour
	$(BIN)/python -m gate.planted

# sam build needs the version of `Runtime:` on its PATH; pyenv may have it installed and not selected.
RUNTIME = $(firstword $(foreach python,$(shell command -v python3.13) $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python3.13),$(if \
    $(shell $(python) --version 2>/dev/null),$(python))))

build: .venv-sam/.sam .venv/.run ## what a deployment uploads, for arm64, built without a container
	@test -n "$(RUNTIME)" || { echo "make build: no python3.13 on PATH or under pyenv. sam build needs the functions' runtime: install Python 3.13." >&2; exit 1; }
	PATH="$(dir $(RUNTIME)):$$PATH" $(SAM) build
	$(BIN)/python -m stack.bytecode .aws-sam/build $(RUNTIME)

pdf: .venv/.run requirements/pdf.txt ## WeasyPrint into .venv, for --pdf (needs the system's Pango)
	$(BIN)/python $(HASHED) requirements/pdf.txt

package: build .venv/.dev ## build/package: bundles with the same bytes on every machine, their sums, their parts
	$(BIN)/python -m stack.package .aws-sam/build build/package

client: ## build/certmandate-fetch: the client for servers, one file for their own Python, boto3 and cryptography
	rm -rf build/client && mkdir -p build/client/certmandate_fetch
	cp tools/certmandate_fetch/*.py build/client/certmandate_fetch
	printf 'import sys\n\nfrom certmandate_fetch.__main__ import main\n\nsys.exit(main())\n' > build/client/__main__.py
	$(PYTHON) -m zipapp --python '/usr/bin/env python3' --output build/certmandate-fetch build/client

rehearse: build .venv-awscli/.awscli .venv-ministack/.ministack ## run what was built by the AWS CLI, then deploy it on an emulator that enforces IAM
	$(BIN)/python -m stack.rehearsal --build .aws-sam/build --aws .venv-awscli/bin/aws --python $(RUNTIME) \
	    --ministack .venv-ministack/bin/python

# Passed in the environment, because the values of parameters contain quotes.
export PARAMETERS

deploy-network: .venv/.run .venv-sam/.sam ## show the network's plan, confirm, deploy (PARAMETERS="Name='a value' …" OPTIONS=--yes)
	$(BIN)/python -m stack.deploy network --stack certmandate-network --template infra/network.yaml --parameters "$$PARAMETERS" $(OPTIONS)

deploy: package ## show the application's plan, confirm, deploy (PARAMETERS="Name='a value' …" OPTIONS=--yes)
	$(BIN)/python -m stack.deploy application --stack certmandate --template build/package/template.yaml --parameters "$$PARAMETERS" $(OPTIONS)

COMPILE = UV_CUSTOM_COMPILE_COMMAND='make requirements' $(BIN)/uv pip compile --quiet --generate-hashes $(UPGRADE)

# jsonschema imports rfc3987-syntax where it is installed, which takes three seconds in each process that reads a template.
# Without it, only the syntax of IRIs in the list of parts is not checked.
UNUSED = --no-emit-package lark --no-emit-package rfc3987-syntax

requirements: .venv/.dev ## pin requirements/*.in (UPGRADE=--upgrade for the newest version of everything)
	$(COMPILE) --python-version 3.13 --python-platform aarch64-manylinux_2_28 requirements/functions.in -o infra/dependencies/requirements.txt
	$(COMPILE) --python-version 3.11 --universal -c infra/dependencies/requirements.txt requirements/run.in -o requirements/run.txt
	$(COMPILE) --python-version 3.11 --universal $(UNUSED) -c requirements/run.txt requirements/dev.in -o requirements/dev.txt
	$(COMPILE) --python-version 3.11 --universal -c requirements/dev.txt requirements/pdf.in -o requirements/pdf.txt
	$(COMPILE) --python-version 3.11 --universal requirements/sam.in -o requirements/sam.txt
	$(COMPILE) --python-version 3.11 --universal requirements/audit.in -o requirements/audit.txt
	$(COMPILE) --python-version 3.11 --universal requirements/checkov.in -o requirements/checkov.txt
	$(COMPILE) --python-version 3.11 --universal requirements/awscli.in -o requirements/awscli.txt
	$(COMPILE) --python-version 3.13 --universal requirements/ministack.in -o requirements/ministack.txt
	$(COMPILE) --python-version 3.11 --universal -c requirements/run.txt requirements/peer.in -o requirements/peer.txt

scale: .venv/.run ## docs/scale.md and its curve: mass replacements of up to 10,000 certificates in virtual time (minutes)
	$(BIN)/python -m stack.measure.mass_replacement --write

picture: .venv/.run ## docs/images/run.svg, drawn from a run of the example estate
	$(BIN)/python -m stack.picture

clean: ## delete everything that these targets made
	rm -rf .venv .venv-sam .venv-checkov .venv-audit .venv-awscli .venv-ministack .aws-sam build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# ---- What the targets above need: environments, and a stamp for each list of packages installed in one ---------------

.venv/bin/python .venv-sam/bin/python .venv-checkov/bin/python .venv-awscli/bin/python .venv-audit/bin/python:
	@test -n "$(PYTHON)" && $(PYTHON) $(IS_SUPPORTED) || { echo "make: Python 3.11 to 3.14 with its venv is needed, and" \
	    "$(or $(PYTHON),python3) is not one. Install it (Debian, Ubuntu: its venv is a package, such as python3-venv), or name it:" \
	    "make $(MAKECMDGOALS) PYTHON=/path/to/python3.13" >&2; exit 1; }
	$(PYTHON) -m venv $(@D:/bin=)

.venv/.run: requirements/run.txt pyproject.toml | .venv/bin/python
	@echo 'Installing requirements/run.txt into .venv'
	@$(BIN)/python $(HASHED) requirements/run.txt
	@$(BIN)/python $(PIP) --no-build-isolation --no-index --editable .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	@echo 'Installing requirements/dev.txt into .venv'
	@$(BIN)/python $(HASHED) requirements/dev.txt
	@touch $@

.venv-sam/.sam: requirements/sam.txt | .venv-sam/bin/python
.venv-checkov/.checkov: requirements/checkov.txt | .venv-checkov/bin/python
.venv-audit/.audit: requirements/audit.txt | .venv-audit/bin/python
.venv-awscli/.awscli: requirements/awscli.txt | .venv-awscli/bin/python
.venv-ministack/.ministack: requirements/ministack.txt | .venv-ministack/bin/python

# ministack runs the functions itself, so it needs their Python.
.venv-ministack/bin/python:
	@test -n "$(RUNTIME)" || { echo "make rehearse: no python3.13 on PATH or under pyenv: install Python 3.13." >&2; exit 1; }
	$(RUNTIME) -m venv $(@D:/bin=)

.venv-sam/.sam .venv-checkov/.checkov .venv-awscli/.awscli .venv-audit/.audit .venv-ministack/.ministack:
	@echo 'Installing $< into $(@D)'
	@$(@D)/bin/python $(HASHED) $<
	@touch $@
