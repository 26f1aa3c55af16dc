#!/bin/sh
# Writes the tables and draws the plots of docs/performance.md, from the JSON files that `make scaling` has left beside it.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh
. ./python.sh

./setup-plots.sh
python=$cache/matplotlib-$(pinned matplotlib ../tests/scaling/requirements.txt)/bin/python
"$python" -B ../tests/scaling/plot.py
"$python" -B ../tests/scaling/document.py
