#!/bin/sh
# Makes sure that the tests can run eventsource-py: Python, and a virtual environment in a cache folder outside the
# repository. tests/python/requirements.txt says what is in it. Says nothing and uses no network when all of it is there.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh
. ./python.sh

fetch_python eventsource-py ../tests/python/requirements.txt eventsource "70 MB"
