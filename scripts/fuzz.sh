#!/bin/sh
# Runs libFuzzer on one target of host/fuzz/, beginning with the kept corpus: TARGET, MINUTES.
# What it adds to the corpus stays in target/fuzz; what makes it fail it prints, and keeps in host/fuzz/artifacts.
set -eu
cd "$(dirname "$0")/.."
target=$1 minutes=$2

PATH="$PWD/target/tools/bin:$PATH"
command -v cargo-fuzz >/dev/null || {
    echo '==> Building cargo-fuzz, once'
    cargo install --quiet --locked --version 0.13.2 --root target/tools cargo-fuzz
}
found=target/fuzz/corpus/$target
mkdir -p "$found"
# Without a sanitizer: what is looked for are panics.
exec cargo +nightly fuzz run --fuzz-dir host/fuzz --target-dir target/fuzz/build --sanitizer none "$target" \
    "$found" "host/fuzz/corpus/$target" -- -max_total_time=$((minutes * 60)) -timeout=10 -rss_limit_mb=4096
