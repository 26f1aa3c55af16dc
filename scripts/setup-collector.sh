#!/bin/sh
# Makes sure that the tests can start a real OpenTelemetry Collector: Go, and the collector that its builder makes, in a cache
# folder outside the repository. tests/collector/builder.yaml says what is in it. Says nothing and uses no network when
# all of it is there.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh

parts=$PWD/../tests/collector/builder.yaml
builder=go.opentelemetry.io/collector/cmd/builder@v0.164.0
oldest_go=1.25

# The version as `1.26`, of a go that need not be there.
go_version() { go env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9]*\.[0-9]*\).*/\1/p'; }

go_is_new_enough() {
    has=$(go_version)
    [ -n "$has" ] && [ "$(printf '%s\n' "$oldest_go" "$has" | sort --version-sort | head -n 1)" = "$oldest_go" ]
}

collector_tools() {
    tool=Go
    command -v go >/dev/null || install golang-go
    go_is_new_enough || fail "the collector needs Go $oldest_go or newer, and go here is $(go_version); put a newer go into PATH, and start again"
}

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
