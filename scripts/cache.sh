# Sourced by the setup scripts, behind debian.sh: folders that are fetched once, outside the repository, and are there whole
# or not at all. Nothing here touches the network when nothing is missing.

# The harness has the same rule.
cache=${SANDBUS_CACHE:-${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/sandbus}

# fetch_folder KIND NAME VERSION SOURCE SIZE: what the file SOURCE names, in $cache/NAME-VERSION, unless it is there. SIZE is for
# people. KIND_tools makes sure of the program that fetches, and names it in $tool; KIND_fetch FOLDER fetches into a new
# folder; KIND_usable FOLDER says whether all of it is there.
fetch_folder() {
    kind=$1
    folder=$cache/$2-$3
    # The stamp names what the folder was made from, so that a changed SOURCE is fetched again.
    stamp=$(cksum <"$4")
    ! complete || return 0
    "${kind}_tools"

    mkdir -p "$cache"
    # Two setups at once would otherwise both download.
    exec 9>"$cache/$2.lock"
    flock 9
    ! complete || return 0

    say "Fetching $2 $3 by $tool into $folder ($5, a quarter of a minute or so)"
    new=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    trap 'exit 1' HUP INT TERM
    "${kind}_fetch" "$new" >"$new/.log" 2>&1 || {
        cat "$new/.log" >&2
        fail "$tool could not fetch $2; its message is above"
    }
    rm "$new/.log"
    "${kind}_usable" "$new" || fail "$tool ended well but left no whole $2 in $new"
    printf '%s\n' "$stamp" >"$new/.complete"
    chmod 755 "$new"
    # The folder appears whole or not at all.
    rm -rf "$folder"
    mv -T "$new" "$folder"
    say "$2 $3 is in $folder"
}

complete() { [ "$(cat "$folder/.complete" 2>/dev/null)" = "$stamp" ] && "${kind}_usable" "$folder"; }
