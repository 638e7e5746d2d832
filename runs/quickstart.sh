#!/usr/bin/env bash
# From raw text to your own chat model, on a laptop without a GPU:
#
#   bash runs/quickstart.sh                  ten minutes of training, then a chat page
#   bash runs/quickstart.sh --minutes 30     train longer
#   bash runs/quickstart.sh --no-serve       stop after the table of results
#
# Safe to interrupt: run it again and it continues at the first unfinished stage.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source runs/setup_env.sh
setup_env
exec .venv/bin/python -m scripts.quickstart "$@"
