#!/bin/sh
# The whole suite on the embedded default (SQLite, file broker), and what can tell a database again on PostgreSQL with
# Redis, private to this run. Arguments go to pytest. PARALLAX_TEST_ON=sqlite or =postgres runs one of the two. A file's tests run in
# one process, so that they share what they set up; the long ones come first in the alphabet. Of the whole suite two reports
# stay in build/, tests-sqlite.xml and tests-postgres.xml: the validation pack can be made from them.
set -u
cd "$(dirname "$0")/.."
on=${PARALLAX_TEST_ON:-sqlite postgres}
require=""
[ "${PARALLAX_REQUIRE_ALL:-}" = 1 ] && require=--require

# A developer's own settings must not decide where the tests write.
unset PARALLAX_DATABASE_URL PARALLAX_BROKER_URL PARALLAX_DATA_DIR DJANGO_SETTINGS_MODULE
# The suite starts some hundreds of processes; compiling Django anew in each is a tenth of its time.
unset PYTHONDONTWRITEBYTECODE

# Pure Python: the import contracts see that no database comes near it.
pure="imaging/deid imaging/dicom imaging/phantom imaging/quality reading/assignment reading/criteria reading/variability"
elsewhere=""
unseen=""
if [ $# = 0 ]; then
    for package in $pure; do elsewhere="$elsewhere --ignore=tests/$package"; done
    # It starts a PostgreSQL and a Redis of its own.
    elsewhere="$elsewhere --ignore=tests/acceptance/test_outage.py"
    # What a page's script does in a browser tells nothing of a database; the demonstration plays the whole road on both.
    unseen="not browser and not one_database"
fi

report=""
[ $# = 0 ] && mkdir -p build && report="--junitxml=build/tests"

# What the demonstration gives on the one database is compared with what it gives on the other.
if [ "$on" = "sqlite postgres" ]; then
    PARALLAX_BETWEEN_DATABASES=$(mktemp -d)
    export PARALLAX_BETWEEN_DATABASES
    trap 'rm -rf "$PARALLAX_BETWEEN_DATABASES"' EXIT
fi

status=0
for backend in $on; do
    case $backend in
        sqlite)
            echo "== tests on SQLite"
            .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder ${report:+"$report-sqlite.xml"} "$@" || status=1
            ;;
        postgres)
            echo "== tests on PostgreSQL and Redis"
            .venv/bin/python scripts/test_services.py $require -- .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $elsewhere -m "$unseen" ${report:+"$report-postgres.xml"} "$@" || status=1
            ;;
        *) echo "PARALLAX_TEST_ON is sqlite, postgres or both, not: $backend" >&2; exit 2 ;;
    esac
done
exit $status
