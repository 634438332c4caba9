#!/bin/sh
# Makes .venv at the root and installs the locked requirements into it; does nothing when that is done already.
# Assumes a POSIX shell and some Python 3.11 or later.
set -eu
cd "$(dirname "$0")/.."

# The environment belongs to these very requirements: the stamp carries their checksum.
stamp=.venv/.parallax-$(cat requirements/bootstrap.txt requirements/dev.txt | cksum | tr ' ' '-')
if [ -e "$stamp" ] && .venv/bin/python -c "" 2>/dev/null; then exit 0; fi

recent_enough='import sys; sys.exit(sys.version_info < (3, 11))'
can_make_venv='import ensurepip, venv'

# A name on PATH proves nothing (version managers leave shims for interpreters that are not there): try each.
python=""
python_without_venv=""
for candidate in ${PARALLAX_PYTHON:-python3.13 python3.12 python3.11 python3.14 python3 python}; do
    "$candidate" -c "$recent_enough" >/dev/null 2>&1 || continue
    if "$candidate" -c "$can_make_venv" >/dev/null 2>&1; then python=$candidate; break; fi
    python_without_venv=${python_without_venv:-$candidate}
done

if [ -z "$python" ] && [ -n "$python_without_venv" ]; then
    # Debian and Ubuntu ship Python without venv.
    package=$("$python_without_venv" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    as_root=""
    [ "$(id -u)" = 0 ] || as_root="sudo -n"
    if command -v apt-get >/dev/null 2>&1 && $as_root true 2>/dev/null; then
        echo "parallax: installing $package"
        log=$(mktemp)
        as_root="$as_root env DEBIAN_FRONTEND=noninteractive"
        { $as_root apt-get install -y -q "$package" ||
            { $as_root apt-get update -q && $as_root apt-get install -y -q "$package"; }; } >"$log" 2>&1 ||
            tail -n 15 "$log" >&2
        rm -f "$log"
    fi
    if "$python_without_venv" -c "$can_make_venv" >/dev/null 2>&1; then
        python=$python_without_venv
    else
        echo "parallax: $python_without_venv cannot make virtual environments. Run: sudo apt-get install -y $package" >&2
        exit 1
    fi
fi
if [ -z "$python" ]; then
    echo "parallax: Python 3.11 or later is needed, and none was found. On Debian or Ubuntu run:" \
        "sudo apt-get install -y python3 python3-venv (or name one: make setup PARALLAX_PYTHON=/path/to/python)" >&2
    exit 1
fi

if ! .venv/bin/python -c "$recent_enough" >/dev/null 2>&1 || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    echo "parallax: making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

echo "parallax: installing the locked requirements"
# uv is quicker by far; pip does the same from the same file where uv has no build or cannot reach the packages.
if .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt &&
    .venv/bin/uv pip sync -q --python .venv/bin/python --require-hashes requirements/dev.txt; then
    :
else
    echo "parallax: without uv; pip takes a minute or two"
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
fi
rm -f .venv/.parallax-*
touch "$stamp"
