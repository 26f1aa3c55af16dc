#!/bin/sh
# Tests of the Python SDK and of the examples in Python, with this machine's own Python and nothing else.
set -eu
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1
sdk=$PWD/guest-sdk/python
echo '==> Tests of the Python SDK and of the examples in Python'
(cd "$sdk" && python3 -m unittest --quiet)
for example in examples/*/python; do
    (cd "$example" && PYTHONPATH=src:$sdk python3 -m unittest discover --quiet --start-directory tests)
done
