#!/bin/sh
# Makes sure that the tests can run Prometheus: Debian's, with promtool, unpacked and not installed, so that no service starts,
# and a newer one, built by Go, in cache folders outside the repository. tests/prometheus/releases.txt says which. Says
# nothing and uses no network when all of it is there.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh
. ./python.sh
. ./go.sh

releases=$PWD/../tests/prometheus/releases.txt
package=$(sed -n 's/^debian //p' "$releases")
module=$(sed -n 's/^module \(.*\) .*/\1/p' "$releases")
version=$(sed -n 's/^module .* //p' "$releases")
[ -n "$package" ] && [ -n "$module" ] && [ -n "$version" ] || fail "$releases does not say what to fetch"

deb_tools() {
    tool=apt-get
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
        fail "this machine has no apt-get; the tests take Prometheus 2 and promtool from Debian's package $package"
    # A fresh machine has no package lists; making them needs rights.
    [ -n "$(apt-cache show "$package" 2>/dev/null)" ] || install dpkg
}

deb_fetch() {
    (cd "$1" && apt-get download -qq "$package" && dpkg-deb --extract ./*.deb whole) &&
        mv "$1/whole/usr/bin/prometheus" "$1/whole/usr/bin/promtool" "$1" &&
        rm -r "$1/whole" "$1"/*.deb
}

deb_usable() { "$1/promtool" --version >/dev/null 2>&1 && "$1/prometheus" --version 2>&1 | grep -q 'version 2\.'; }

go_fetch() {
    CGO_ENABLED=0 GOBIN=$1 GOFLAGS= go install -trimpath -ldflags '-s -w' -tags remove_all_sd "$module/cmd/prometheus@$version"
}

go_usable() { "$1/prometheus" --version >/dev/null 2>&1; }

fetch_folder deb prometheus debian "$releases" "40 MB"
fetch_folder go prometheus "$version" "$releases" "150 MB, which take minutes to build"
