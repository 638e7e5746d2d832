#!/usr/bin/env bash
# Check everything: style, layers, tests.
#
#   bash runs/test.sh                      all of it (this is also what CI runs)
#   bash runs/test.sh -m "not slow"        arguments go to pytest
#
# Browser tests need Chromium. CI installs Debian's; elsewhere they are skipped without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source runs/setup_env.sh

has_chromium() {
    command -v chromium || command -v chromium-browser || command -v google-chrome
}

ensure_chromium() {
    has_chromium >/dev/null && return
    if [ -n "${CI:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing Chromium for the browser tests"
        apt-get -qq update </dev/null &&
            DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
                chromium </dev/null >/dev/null && return
    fi
    echo "note: no Chromium here, so browser tests are skipped (Debian: sudo apt-get install chromium)"
}

run() {
    echo "+ $*"
    "$@"
}

setup_env dev
ensure_chromium
export OMP_NUM_THREADS=1 # each pytest worker has one core
run .venv/bin/ruff check .
run .venv/bin/ruff format --check .
run .venv/bin/lint-imports
run .venv/bin/pytest -n auto --maxprocesses=8 --dist=worksteal "$@"
