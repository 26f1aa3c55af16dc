#!/bin/sh
# Tests of the SDK for JavaScript and TypeScript, its types, and the examples written with it. `make build` has installed the
# tools into the cache, and has bundled the tests that are TypeScript.
set -eu
cd "$(dirname "$0")/.."

tools=$(ls -td "${SANDBUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sandbus}"/toolchains/js-*/.complete | head -n 1)
tsc=$(dirname "$tools")/node_modules/typescript/bin/tsc
(cd guest-sdk/js && node "$tsc" -p . && node --test --test-reporter=dot test/*.test.js)
(cd examples/probe/js && node --test --test-reporter=dot test/*.test.js)
for example in examples/*/ts; do
    (cd "$example" && node --test --test-reporter=dot target/tests.mjs)
done
