# Two commands do everything: `make design` and `make test`. Each sets up what it needs in .venv.

TARGET ?= Pt3Ni
OUT    ?= design-output
PYTHON ?= python3
BIN    := .venv/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(if $(LOCKED),--no-build-isolation)

.PHONY: help design test check docs data campaign convergence model benchmark bench openapi picture lock clean

help:            ## list these commands
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## */\t/'

design: .venv/core            ## answer TARGET (formula, id or DOS file) and write the report to OUT
	$(BIN)/dosmith design "$(TARGET)" --out "$(OUT)"

test: .venv/dev            ## all tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: .venv/dev            ## style, types, import layers
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: .venv/dev            ## the site of these docs, with its notebooks run, into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

data: .venv/core            ## rebuild the open DOS set from the campaign's ledger and BATCHES
	$(BIN)/dosmith data build-open-set $(BATCHES) --ledger data/campaign/ledger --ledger data/campaign/ready --ledger data/campaign/crystals --energies data/campaign/sevennet.parquet

campaign: .venv/dev            ## compute what the ledger lacks of the open DOS set's plan (needs CP2K); stop with Ctrl-C
	nice -n 19 $(BIN)/dosmith compute --plan data/campaign/crystals.parquet --ledger data/campaign/crystals --workers 2

convergence: .venv/dev            ## what the DFT settings and volumes are worth, and throughput, into docs/ (needs CP2K)
	$(BIN)/python benchmarks/convergence.py
	$(BIN)/python benchmarks/volumes.py
	$(BIN)/python benchmarks/throughput.py

model: .venv/dev            ## train the shipped models again, and measure what they are worth
	$(BIN)/python benchmarks/existence.py
	$(BIN)/dosmith train --model paper --out models/paper
	$(BIN)/dosmith train --out models/dosmith --workers 2
	for each in gaps windows identity doubt holding readme; do $(BIN)/python benchmarks/$$each.py || exit 1; done
	$(BIN)/python tests/gold.py

benchmark: .venv/dev            ## the paper's tables and figures, then everything on held-out chemistry, into docs/benchmark
	$(BIN)/dosmith benchmark --out docs/benchmark
	$(BIN)/python benchmarks/readme.py

bench: .venv/dev            ## timings and faults survived, into benchmarks/*.json and docs/
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/library.py
	$(BIN)/python benchmarks/faults.py
	$(BIN)/python benchmarks/board.py

openapi: .venv/dev            ## the drawing board's addresses, into docs/openapi.json
	$(BIN)/python -c 'import json; from dosmith import Designer, Settings; from dosmith.web.app import create_app; \
		print(json.dumps(create_app(Settings(), Designer()).openapi(), indent=1))' > docs/openapi.json

picture: .venv/dev            ## the pictures of report and drawing board in docs/ (needs chromium)
	$(BIN)/dosmith design Pt3Ni --out "$(OUT)" >/dev/null
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --virtual-time-budget=3000 --window-size=1100,1000 \
		--screenshot=docs/report.png "file://$(abspath $(OUT))/report.html"
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1200,1500 \
		--screenshot=docs/verification.png "file://$(CURDIR)/docs/cases/verified/verification.html"
	$(BIN)/python benchmarks/board.py --pictures
	$(BIN)/python benchmarks/concepts.py

lock: .venv/dev            ## requirements.lock and sbom.cdx.json, out of constraints.txt
	$(PIP) uv
	$(BIN)/python tools/supply_chain.py lock
	$(BIN)/python tools/supply_chain.py sbom

clean:            ## remove what was built
	rm -rf .venv dist build design-output

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dosmith needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

.venv/locked: .venv/bin/python requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@touch $@

.venv/core: .venv/bin/python pyproject.toml constraints.txt $(if $(LOCKED),.venv/locked)
	$(PIP) -e .
	@touch $@

.venv/dev: .venv/core
	$(PIP) -e '.[benchmark,cluster,dev,docs,formats,mp,relax,train,web]'
	@touch $@
