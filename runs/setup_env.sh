# shellcheck shell=bash
# Sourced by the other scripts here, from the project's root:
#
#   setup_env [extra]     make .venv hold the project (editable) and one optional extra, e.g. dev
#
# With uv when it is installed, else with venv and pip. Versions come from constraints.txt. Returns
# at once when nothing changed since the last complete run; an interrupted run is simply repeated.

PYTHON_BIN=.venv/bin/python

_setup_hash() {  # changes with whatever decides what is installed, and with the place of the venv
    { pwd; cat pyproject.toml constraints.txt runs/setup_env.sh; } | cksum | tr ' ' '-'
}

_find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "error: Python 3.10 or newer was not found; install it, or name it: PYTHON=/path/to/python" >&2
    return 1
}

_install_with_uv() {
    "$PYTHON_BIN" -c "" 2>/dev/null || { rm -rf .venv && uv venv --quiet .venv; }
    # "auto" takes torch's small CPU build on a machine without a GPU, where that index is reachable
    uv pip install --python "$PYTHON_BIN" --torch-backend=auto -c constraints.txt -e "$1" ||
        uv pip install --python "$PYTHON_BIN" -c constraints.txt -e "$1"
}

_install_with_pip() {
    local python quiet=
    if ! "$PYTHON_BIN" -m pip --version >/dev/null 2>&1; then
        python=$(_find_python) || return 1
        "$python" -m venv --clear .venv || {
            echo "error: cannot make a virtual environment (Debian: sudo apt-get install python3-venv)" >&2
            return 1
        }
    fi
    [ -t 1 ] || quiet=--quiet
    PIP_DISABLE_PIP_VERSION_CHECK=1 "$PYTHON_BIN" -m pip install $quiet -c constraints.txt -e "$1"
}

setup_env() {
    local extra="${1:-}" stamp=.venv/.nanochat-installed wanted
    wanted="$(_setup_hash) $extra"
    # an environment with an extra also serves those who want none
    if [ -x "$PYTHON_BIN" ] && [ -f "$stamp" ]; then
        case "$(cat "$stamp")" in "$wanted"*) return 0 ;; esac
    fi
    echo "installing into .venv (several minutes the first time)"
    rm -f "$stamp"
    if command -v uv >/dev/null; then
        _install_with_uv ".${extra:+[$extra]}" || return 1
    else
        _install_with_pip ".${extra:+[$extra]}" || return 1
    fi
    echo "$wanted" >"$stamp"
}
