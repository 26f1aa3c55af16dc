#!/bin/sh
# Makes sure that the host can be built: Rust, and the C and C++ compilers, make and perl that its vendored OpenSSL and
# librdkafka are built with. Says nothing and uses no network when all of it is there.
set -eu
cd "$(dirname "$0")"
. ./debian.sh

command -v cargo >/dev/null || fail "cargo is not in PATH; install Rust from https://rustup.rs and start again"

packages=
command -v cc >/dev/null || packages="$packages gcc"
command -v c++ >/dev/null || packages="$packages g++"
command -v make >/dev/null || packages="$packages make"
# A minimal Debian has a perl without the modules that OpenSSL's configuration needs.
perl -MFindBin -MIPC::Cmd -MFile::Compare -MTime::Piece -e 1 2>/dev/null || packages="$packages perl"
# A compiler may be there without the C library's headers.
if [ -z "$packages" ] && ! printf '#include <stdlib.h>\n' | cc -E - >/dev/null 2>&1; then
    packages=libc6-dev
fi
if [ -n "$packages" ]; then
    # shellcheck disable=SC2086 # a list of words
    install $packages libc6-dev
fi
