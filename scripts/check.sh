#!/bin/sh
# Everything that can be said about the code without running its tests. Exit 1 when anything is wrong.
set -u
cd "$(dirname "$0")/.."
bin=.venv/bin
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
trap 'exit 130' HUP INT TERM

# The test settings need no services and touch no data.
django() { DJANGO_SETTINGS_MODULE=config.settings.test $bin/python manage.py "$@"; }
lint() { $bin/ruff check .; }
format() { $bin/ruff format --check .; }
types() { $bin/mypy; }
rooms() { $bin/lint-imports; }
system() { django check --fail-level WARNING; }
access() { django access_matrix --check; }
migrations() { django makemigrations --check --dry-run; }

client() {
    DJANGO_SETTINGS_MODULE=config.settings.test $bin/python scripts/python_client.py --check &&
        (cd clients/python && ../../$bin/mypy)
}

checks="lint format rooms system migrations access types client"
for name in $checks; do
    ($name >"$logs/$name" 2>&1; echo $? >"$logs/$name.status") &
done
wait

failed=""
for name in $checks; do
    if [ "$(cat "$logs/$name.status")" = 0 ]; then
        echo "ok    $name"
    else
        failed="$failed $name"
        echo "FAIL  $name"
        sed 's/^/      /' "$logs/$name"
    fi
done
if [ -n "$failed" ]; then
    echo "check: failed:$failed"
    exit 1
fi
