# Sourced by the setup scripts, behind debian.sh and cache.sh: Java, and JARs that Maven fetches into the cache folder.

oldest_java=17

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
# among them.
fetch_jars() {
    pom=$1
    jar=$4
    fetch_folder jars "$2" "$3" "$1" "$5"
}

jars_tools() {
    tool=Maven
    command -v mvn >/dev/null || install maven
}

jars_fetch() {
    mvn --batch-mode --quiet --no-transfer-progress --file "$pom" dependency:copy-dependencies "-DoutputDirectory=$1"
}

jars_usable() { [ -e "$1/$jar" ]; }
