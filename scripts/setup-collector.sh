#!/bin/sh
# Makes sure that the tests can start a real OpenTelemetry Collector: Go, and the collector that its builder makes, in a cache
# folder outside the repository. tests/collector/builder.yaml says what is in it. Says nothing and uses no network when
# all of it is there.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh
. ./python.sh
. ./go.sh

parts=$PWD/../tests/collector/builder.yaml
builder=go.opentelemetry.io/collector/cmd/builder@v0.164.0

collector_tools() { go_tools; }

# The builder, what it makes and their sources take a minute, and the sources stay in Go's own cache.
collector_fetch() {
    GOBIN=$1/bin go install "$builder" \
        && (cd "$1" && bin/builder --config "$parts" --skip-strict-versioning) \
        && mv "$1/sources/otelcol" "$1/otelcol" \
        && rm -rf "$1/sources" "$1/bin"
}

collector_usable() { [ -x "$1/otelcol" ]; }

version=$(sed -n 's/^  version: //p' "$parts")
[ -n "$version" ] || fail "$parts names no version"
fetch_folder collector otelcol "$version" "$parts" "40 MB"
