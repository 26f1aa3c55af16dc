#!/bin/sh
# The Python SDK, its template and the examples in Python: tests with this machine's own Python and nothing else, then types,
# lints and format. `make build` has installed componentize-py, which generates the bindings that the types are checked against.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh
. ./python.sh
cd ..
export PYTHONDONTWRITEBYTECODE=1
sdk=$PWD/guest-sdk/python
echo '==> Tests of the Python SDK and of the examples in Python'
(cd "$sdk" && python3 -m unittest --quiet)
for example in examples/*/python; do
    (cd "$example" && PYTHONPATH=src:$sdk python3 -m unittest discover --quiet --start-directory tests)
done

fetch_python mypy "$sdk/requirements-dev.txt" mypy "40 MB"
echo '==> Types, lints and format of Python'
python=$folder/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
componentize=$(ls -td "$cache"/toolchains/python-*/.complete | head -n 1)
componentize=$(dirname "$componentize")/bin
"$componentize/python" "$componentize/componentize-py" --quiet --wit-path examples/probe/python/target/python/wit \
    --world sandbus:sdk/both-ways bindings "$work/bindings"
types() { # paths to look for modules in, what is checked...
    modules=$1
    shift
    MYPYPATH=$modules "$python" -m mypy --strict --cache-dir "$work/mypy" --no-error-summary "$@"
}
(cd "$sdk" && types ".:$work/bindings" sandbus tests)
for folder in examples/*/python host/templates/python; do
    types "$folder/src:$sdk" "$folder/src"
    "$python" -m ruff check --quiet --no-cache --config "$sdk/pyproject.toml" --config "src = ['$PWD/$folder/src']" "$folder"
    "$python" -m ruff format --quiet --no-cache --config "$sdk/pyproject.toml" --check "$folder"
done
"$python" -m ruff check --quiet --no-cache "$sdk"
"$python" -m ruff format --quiet --no-cache --check "$sdk"
