#!/bin/sh
# Tests of the SDK for JavaScript and TypeScript, its types, and the examples written with it. `make build` has installed the
# tools into the cache, and has bundled the tests that are TypeScript.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh
. ./python.sh
. ./node.sh

node_tools
cd ..
tools=$(ls -td "$cache"/toolchains/js-*/.complete | head -n 1)
tsc=$(dirname "$tools")/node_modules/typescript/bin/tsc
(cd guest-sdk/js && node "$tsc" -p . && node --test --test-reporter=dot test/*.test.js)
(cd examples/probe/js && node --test --test-reporter=dot test/*.test.js)
for example in examples/*/ts; do
    (cd "$example" && node --test --test-reporter=dot target/tests.mjs)
done
