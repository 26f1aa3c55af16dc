# Sourced by the setup scripts, behind debian.sh: Java, and JARs that Maven fetches into the cache folder.
# Nothing here touches the network when nothing is missing.

oldest_java=17

# The harness has the same rule.
cache=${SANDBUS_CACHE:-${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/sandbus}

# java_program NAME: where it is to be found.
java_program() { printf '%s\n' "${JAVA_HOME:+$JAVA_HOME/bin/}$1"; }

# Both java and javac say their version: the one as `openjdk version "17.0.15"`, the other as `javac 17.0.15`.
java_version() {
    "$(java_program "$1")" -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p; s/.* version "\([0-9]*\).*/\1/p' | head -n 1
}

new_enough() { [ "$(java_version "$1")" -ge "$oldest_java" ] 2>/dev/null; }

# need_java PROGRAM PACKAGE: java or javac, which that Debian package holds.
need_java() {
    ! new_enough "$1" || return 0
    [ -z "${JAVA_HOME:-}" ] || fail "JAVA_HOME is $JAVA_HOME, where there is no $1 of Java $oldest_java or newer; correct or unset it"
    install "$2"
    new_enough "$1" || fail "the $1 in PATH is of Java $(java_version "$1"); it has to be $oldest_java or newer: set JAVA_HOME to one"
}

# pom_property POM NAME: what the file says for it.
pom_property() {
    value=$(sed -n "s:.*<$2>\(.*\)</$2>.*:\1:p" "$1")
    [ -n "$value" ] || fail "$1 does not name $2"
    printf '%s\n' "$value"
}

# fetch_jars POM NAME VERSION JAR SIZE: all that POM names and what that needs into $cache/NAME-VERSION, where JAR has to be
# among them. SIZE is for people.
fetch_jars() {
    folder=$cache/$2-$3
    # The stamp names what the folder was made from, so that a changed pom.xml is fetched again.
    stamp=$(cksum <"$1")
    ! complete || return 0
    command -v mvn >/dev/null || install maven

    mkdir -p "$cache"
    # Two setups at once would otherwise both download.
    exec 9>"$cache/$2.lock"
    flock 9
    ! complete || return 0

    say "Fetching $2 $3 by Maven into $folder ($5, a quarter of a minute or so)"
    new=$(mktemp -d "$cache/$2-$3.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    trap 'exit 1' HUP INT TERM
    mvn --batch-mode --quiet --no-transfer-progress --file "$1" \
        dependency:copy-dependencies "-DoutputDirectory=$new" >"$new/.log" 2>&1 || {
        cat "$new/.log" >&2
        fail "Maven could not fetch $2; its message is above"
    }
    rm "$new/.log"
    [ -e "$new/$4" ] || fail "Maven ended well but left no $4 in $new"
    printf '%s\n' "$stamp" >"$new/.complete"
    chmod 755 "$new"
    # The folder appears whole or not at all.
    rm -rf "$folder"
    mv -T "$new" "$folder"
    say "$2 $3 is in $folder"
}

complete() { [ "$(cat "$folder/.complete" 2>/dev/null)" = "$stamp" ]; }
