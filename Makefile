# Each target makes what it needs; a second run finds it made. Needs Python 3.11+, make and a shell.
.POSIX:
.PHONY: help setup demo serve check test kill outage workflow criteria bench validation cdisc-rules audit lock

help:
	@echo "make demo    a fresh instance with a whole trial, played from scanner to export; stays running"
	@echo "             (make demo ARGS=--exit ends after the export)"
	@echo "make serve   web server, DICOM receiver and worker, on the data you have"
	@echo "make check   lint, format, import contracts, Django checks, migrations, types"
	@echo "make test    all tests on SQLite, and again on PostgreSQL with Redis"
	@echo "             (make test ARGS=tests/reading runs a part, PARALLAX_TEST_ON=sqlite one database)"
	@echo "make kill    the long proof that intake loses nothing; writes docs/intake-faults.md (about an hour)"
	@echo "make outage  database and broker away for two minutes each, while scans come in (about a quarter of an hour)"
	@echo "make workflow  100,000 random steps of a trial's people, none of which may lead astray (about an hour)"
	@echo "make criteria  each response criteria beside a second implementation, on 10,000 random subjects (a minute)"
	@echo "make bench   every benchmark, beside Orthanc; writes docs/benchmarks.md (about fifteen minutes, on a quiet machine)"
	@echo "make validation  the validation pack in build/validation, from a run of the regulated tests (about an hour)"
	@echo "             (make validation ARGS='--report FILE' from a report that is there, as make test leaves them in build/;"
	@echo "             ARGS=--again from the last run)"
	@echo "make cdisc-rules  CDISC's rules engine asked about a package, in an environment of its own"
	@echo "             (make cdisc-rules ARGS='PACKAGE --rules CHECKOUT')"
	@echo "make audit   known vulnerabilities in what is pinned, asked of the services that know"
	@echo "make setup   the environment in .venv alone"
	@echo "make lock    renew requirements/ from pyproject.toml"

setup:
	@scripts/setup.sh

demo: setup
	@scripts/system-packages.sh demo
	@.venv/bin/python manage.py demo $(ARGS)

serve: setup
	@scripts/system-packages.sh demo
	@.venv/bin/python manage.py serve $(ARGS)

check: setup
	@scripts/check.sh

test: setup
	@scripts/system-packages.sh test
	@scripts/test.sh $(ARGS)

kill: setup
	@scripts/system-packages.sh test
	@PARALLAX_KILL_REPEATS=20 PARALLAX_KILL_TABLE=docs/intake-faults.md \
		.venv/bin/python -m pytest tests/acceptance/test_kill.py $(ARGS)

outage: setup
	@scripts/system-packages.sh test
	@PARALLAX_OUTAGE_SECONDS=120 .venv/bin/python -m pytest tests/acceptance/test_outage.py $(ARGS)

workflow: setup
	@scripts/system-packages.sh test
	@PARALLAX_WORKFLOW_STEPS=100000 .venv/bin/python -m pytest -n 2 -rP tests/acceptance/test_workflow.py $(ARGS)

criteria: setup
	@PARALLAX_RANDOM_SUBJECTS=10000 .venv/bin/python -m pytest tests/reading/criteria/test_second_reading.py $(ARGS)

bench: setup
	@scripts/system-packages.sh test
	@.venv/bin/python -m benchmarks $(ARGS)

validation: setup
	@scripts/system-packages.sh test
	@scripts/validation.sh $(ARGS)

cdisc-rules:
	@python3 scripts/cdisc_rules.py $(ARGS)

audit: setup
	@.venv/bin/python scripts/advisories.py $(ARGS)

# Hashes for Linux and macOS, and no word of where the packages came from.
LOCK = .venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --quiet --upgrade \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: setup
	$(LOCK) --group bootstrap -o requirements/bootstrap.txt
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	$(LOCK) pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt
