#!/bin/sh
# Make a virtual environment in $1 with the first Python that srtpbot can run on, and install srtpbot
# in it: with the releases of constraints.txt, or with the newest of all where $2 is "latest". Where PJSUA2 names
# a folder with a build of the native library, the Python is one that can load it.
set -eu

if [ -n "${PJSUA2:-}" ]; then
    usable='import pjsua2, sys; sys.exit(sys.version_info < (3, 11))'
else
    usable='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'
fi
for python in python3.12 python3.11 python3.14 python3.13 python3; do
    if command -v "$python" >/dev/null 2>&1 && "$python" -c "$usable" 2>/dev/null; then
        break
    fi
    python=
done
if [ -z "$python" ] && [ -n "${PJSUA2:-}" ]; then
    echo "PJSUA2=$PJSUA2: no Python 3.11 or later can import pjsua2 from there; it has: $(ls "$PJSUA2" | tr '\n' ' ')" >&2
    echo "It needs pjsua2.py and _pjsua2*.so of one build, and the Python that this was built for." >&2
    exit 3
fi
if [ -z "$python" ] && command -v uv >/dev/null 2>&1; then
    python=$(uv python find '>=3.11,<3.13' 2>/dev/null || true)
fi
if [ -z "$python" ]; then
    echo "srtpbot needs Python 3.11 or 3.12; found: $(python3 --version 2>&1 || echo none)." >&2
    echo "On Debian 12: apt-get install python3.11 python3.11-venv. On macOS: brew install python@3.12." >&2
    echo "With uv: uv python install 3.12." >&2
    exit 3
fi
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "$python has no ensurepip: installing python$version-venv"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        apt-get update -qq && apt-get install -y -qq --no-install-recommends "python$version-venv" >/dev/null
    else
        echo "Install it first: sudo apt-get install python$version-venv" >&2
        exit 3
    fi
fi
"$python" -m venv --clear "$1"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
venv=$1
if [ "${2:-}" = latest ]; then
    pip install -qq --upgrade --upgrade-strategy eager --editable '.[dev]'
    pip list
else
    pip install -qq --require-hashes --requirement constraints.txt
    pip install -qq --no-deps --no-build-isolation --editable .
fi
# An editable install compiles nothing, and PYTHONDONTWRITEBYTECODE would have every start compile it again.
"$venv/bin/python" -m compileall -q bot media srtpbot_pytest
