# Sourced by the setup scripts, behind debian.sh and cache.sh: Python, and virtual environments that pip fills in the cache
# folder.

oldest_python=3.11

# pinned PACKAGE REQUIREMENTS: the version that the file names.
pinned() {
    value=$(sed -n "s/^$1\(\[.*\]\)\{0,1\}==\([^ ]*\).*/\2/p" "$2")
    [ -n "$value" ] || fail "$2 does not pin $1"
    printf '%s\n' "$value"
}

# fetch_python PACKAGE REQUIREMENTS MODULE SIZE: an environment in $cache/PACKAGE-VERSION with exactly what REQUIREMENTS names;
# MODULE, PACKAGE's own, has to be in it. Only its bin/python is run, which finds the rest wherever the folder is.
fetch_python() {
    requirements=$2
    module=$3
    version=$(pinned "$1" "$2")
    fetch_folder python "$1" "$version" "$2" "$4"
}

# Debian has a Python without ensurepip, which puts pip into a new environment.
makes_environments() {
    "$1" -c "import sys, ensurepip, venv; sys.exit(sys.version_info < ($(echo "$oldest_python" | tr . ,)))" 2>/dev/null
}

python_tools() {
    tool=pip
    python=python3
    if ! makes_environments "$python"; then
        install python3-venv
        python=/usr/bin/python3
        makes_environments "$python" || fail "$python is older than $oldest_python; put a newer python3 into PATH"
    fi
}

python_fetch() {
    "$python" -m venv "$1" \
        && "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --requirement "$requirements" \
        && "$1/bin/python" -m pip check
}

# A Python that has become another one since does not find what is in the folder.
python_usable() {
    "$1/bin/python" -c 'import sys; from importlib.util import find_spec as f; exit(not f(sys.argv[1]))' "$module" 2>/dev/null
}
