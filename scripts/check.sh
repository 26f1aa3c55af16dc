#!/bin/sh
# The checks: format, lints, documentation, licences. Every one is run, then the failed ones are named.
set -u
cd "$(dirname "$0")/.."

failed=
check() { # name, command...
    name=$1
    shift
    printf '==> %s\n' "$name"
    "$@" || failed="$failed, $name"
}
guests="guest-sdk/rust examples"
check format cargo fmt --all --check
for folder in $guests; do
    check "format of $folder" cargo fmt --all --check --manifest-path "$folder/Cargo.toml"
done
check lints cargo clippy --release --workspace --all-targets --quiet -- -D warnings
for folder in $guests; do
    check "lints of $folder" cargo clippy --release --all-targets --quiet \
        --manifest-path "$folder/Cargo.toml" --target-dir target/guests -- -D warnings
done
RUSTDOCFLAGS="-D warnings"
export RUSTDOCFLAGS
check documentation cargo doc --release --workspace --no-deps --document-private-items --quiet
check "documentation of the SDK" cargo doc --release --no-deps --quiet \
    --manifest-path guest-sdk/rust/Cargo.toml --target-dir target/guests
unset RUSTDOCFLAGS
check "lock file of the fuzz targets" cargo update --quiet --workspace --locked --manifest-path host/fuzz/Cargo.toml
check licences cargo test --release --quiet -p sandbus --test licences
command -v python3 >/dev/null || (. scripts/debian.sh && install python3)
check "the dashboard" python3 -B deploy/grafana/sandbus.py --check
check "figures in the documentation" python3 -B tests/scaling/document.py --check
check "the table of languages" python3 -B tests/languages/measure.py --check
check "the cost model" python3 -B -m unittest discover --quiet --start-directory tests/scaling

if [ -n "$failed" ]; then
    printf 'failed: %s\n' "${failed#, }" >&2
    exit 1
fi
printf '==> all checks passed\n'
