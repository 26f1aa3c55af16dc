# Sourced by the setup scripts: what is missing comes from Debian's packages.
# Nothing here touches the network, or asks for rights, when nothing is missing.

say() { printf '==> %s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# install PACKAGE...: by apt-get as root, or by sudo where that asks nothing. Otherwise prints the command to run, and fails.
install() {
    command -v apt-get >/dev/null || fail "this machine has no apt-get; install what these Debian packages hold: $*"
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=sudo
    else
        fail "missing Debian packages. Run this and start again:
    sudo apt-get update && sudo apt-get install --yes --no-install-recommends $*"
    fi
    say "Installing Debian packages: $*"
    # A fresh machine may be busy with its own updates: wait for its lock. Its package lists are empty or old.
    $as_root apt-get update -qq || fail "apt-get update failed; its message is above"
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "$@" >/dev/null \
        || fail "apt-get could not install: $*"
}
