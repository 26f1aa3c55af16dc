#!/bin/sh
# Makes sure of what `sandbus build` cannot install itself: Python with pip or venv. By it come the compilers of C and Go, Node.js
# and componentize-py, in the versions that the host pins. Says nothing and uses no network when it is there.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./python.sh

python_tools
