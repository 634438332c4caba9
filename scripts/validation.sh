#!/bin/sh
# Builds the validation pack in build/validation. Runs the tests that carry requirements, unless a report of such a run is given:
# scripts/validation.sh --report FILE [--report FILE] [--records FOLDER]. A run that is there already is taken again with --again.
set -eu
cd "$(dirname "$0")/.."
report=build/validation-tests.xml
case " $* " in
    *" --report "*) exec .venv/bin/python manage.py validation_pack "$@" ;;
esac
if [ "${1:-}" = --again ] && [ -e "$report" ]; then
    shift
else
    [ "${1:-}" = --again ] && shift
    mkdir -p build
    # Tests choose their own data folder and database; a test that fails stands in the pack, so the run goes on.
    env -u PARALLAX_DATABASE_URL -u PARALLAX_BROKER_URL -u PARALLAX_DATA_DIR \
        .venv/bin/python -m pytest -q -n 2 --dist loadfile --junitxml="$report" \
        $(.venv/bin/python manage.py validation_pack --list-tests) || true
fi
exec .venv/bin/python manage.py validation_pack --report "$report" "$@"
