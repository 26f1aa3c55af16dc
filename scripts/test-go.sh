#!/bin/sh
# The Go SDK and the examples that are written with it: format, vet, and tests, natively. Go comes from PATH, or by pip into
# the cache folder.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh
. ./python.sh
. ./go.sh

go_tools
cd ..
repository=$PWD
for folder in guest-sdk/go examples/*/go; do
    cd "$repository/$folder"
    unformatted=$(gofmt -l .)
    [ -z "$unformatted" ] || fail "gofmt -w is to be run in $folder: $unformatted"
    go vet ./...
    go test ./...
done
# What is compiled for the sandbox alone.
cd "$repository/guest-sdk/go"
GOOS=wasip1 GOARCH=wasm go vet ./...
