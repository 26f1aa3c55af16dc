#!/bin/sh
# The unit tests of the C SDK, of its template and of the examples in C, natively and under the sanitizers: by the
# machine's compiler, or by $CC. Needs nothing else.
set -eu
cd "$(dirname "$0")/.."

cc=${CC:-cc}
sdk=guest-sdk/c
strict="-std=c11 -Wall -Wextra -Wpedantic -Werror"
sanitizers="-g -fsanitize=address,undefined -fno-sanitize-recover=all"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() { # name, sources...
    name=$1
    shift
    # shellcheck disable=SC2086
    $cc $strict $sanitizers -DSANDBUS_TEST -I "$sdk" "$@" -lm -o "$work/program"
    if "$work/program" docs/packed-frame.md tests/conformance/json.jsonl >"$work/output" 2>&1; then
        printf '%s: %s\n' "$name" "$(tail -1 "$work/output")"
    else
        cat "$work/output"
        printf '%s failed\n' "$name" >&2
        exit 1
    fi
}

for test in "$sdk"/tests/*.c; do
    check "$test" "$test"
done
check host/templates/c host/templates/c/*.c
for example in examples/*/c; do
    [ -e "$example/test.c" ] && check "$example" "$example"/*.c
done
