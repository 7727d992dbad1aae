#!/bin/sh
# Make a virtual environment in $1 with the first Python that srtpbot can run on.
set -eu

for python in python3.12 python3.11 python3; do
    if command -v "$python" >/dev/null 2>&1 &&
        "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
        break
    fi
    python=
done
if [ -z "$python" ]; then
    echo "srtpbot needs Python 3.11 or 3.12; found: $(python3 --version 2>&1 || echo none)." >&2
    echo "On Debian 12: apt-get install python3.11 python3.11-venv. On macOS: brew install python@3.12." >&2
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
