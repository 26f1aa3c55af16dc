#!/bin/sh
# Makes sure that the plots of docs/performance.md can be drawn: Python, and a virtual environment with matplotlib in a cache
# folder outside the repository. tests/scaling/requirements.txt says what is in it. Says nothing and uses no network when
# all of it is there.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh
. ./python.sh

fetch_python matplotlib ../tests/scaling/requirements.txt matplotlib "150 MB"
