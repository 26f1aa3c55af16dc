#!/bin/sh
# Makes sure that the tests can run eventsource-py: Python, and a virtual environment in a cache folder outside the
# repository. tests/python/requirements.txt says what is in it. Says nothing and uses no network when all of it is there.
set -eu
cd "$(dirname "$0")"
. ./debian.sh

requirements=../tests/python/requirements.txt
oldest_python=3.11

version=$(sed -n 's/^eventsource-py.*==//p' "$requirements")
[ -n "$version" ] || fail "$requirements does not pin eventsource-py"
# The harness has the same rule.
cache=${SANDBUS_CACHE:-${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/sandbus}
folder=$cache/eventsource-py-$version

# The stamp names what the folder was made from, so that changed requirements are fetched again. A Python that has become
# another one since does not find what is in there.
stamp=$(cksum <"$requirements")
complete() {
    [ "$(cat "$folder/.complete" 2>/dev/null)" = "$stamp" ] \
        && "$folder/bin/python" -c 'from importlib.util import find_spec as f; exit(not f("eventsource"))' 2>/dev/null
}
if complete; then
    exit 0
fi

# Debian has a Python without ensurepip, which puts pip into a new environment.
usable() {
    "$1" -c "import sys, ensurepip, venv; sys.exit(sys.version_info < ($(echo "$oldest_python" | tr . ,)))" 2>/dev/null
}
python=python3
if ! usable "$python"; then
    install python3-venv
    python=/usr/bin/python3
    usable "$python" || fail "$python is older than $oldest_python; put a newer python3 into PATH"
fi

mkdir -p "$cache"
# Two setups at once would otherwise both download.
exec 9>"$cache/eventsource-py.lock"
flock 9
if complete; then
    exit 0
fi

say "Fetching eventsource-py $version by pip into $folder (70 MB, a quarter of a minute or so)"
new=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM
{ "$python" -m venv "$new" \
    && "$new/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --requirement "$requirements" \
    && "$new/bin/python" -m pip check; } >"$new/.log" 2>&1 || {
    cat "$new/.log" >&2
    fail "pip could not install eventsource-py; its message is above"
}
rm "$new/.log"
printf '%s\n' "$stamp" >"$new/.complete"
chmod 755 "$new"
# The folder appears whole or not at all. Only its python is run, which finds the rest wherever the folder is.
rm -rf "$folder"
mv -T "$new" "$folder"
say "eventsource-py $version is in $folder"
