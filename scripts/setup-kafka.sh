#!/bin/sh
# Makes sure that the tests can start a real Kafka: Java, and Kafka's JARs in a cache folder outside the repository.
# tests/kafka/pom.xml says which Kafka. Says nothing and uses no network when all of it is there.
set -eu
cd "$(dirname "$0")"
. ./debian.sh

pom=../tests/kafka/pom.xml
oldest_java=17

version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$pom")
[ -n "$version" ] || fail "$pom does not name kafka.version"
# The harness has the same rule.
cache=${SANDBUS_CACHE:-${XDG_CACHE_HOME:-${HOME:?is not set}/.cache}/sandbus}
folder=$cache/kafka-$version

java=java
[ -z "${JAVA_HOME:-}" ] || java=$JAVA_HOME/bin/java

java_version() {
    "$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1
}

# The stamp names what the folder was made from, so that a changed pom.xml is fetched again.
stamp=$(cksum <"$pom")
complete() { [ "$(cat "$folder/.complete" 2>/dev/null)" = "$stamp" ]; }
new_enough() { [ "$(java_version)" -ge "$oldest_java" ] 2>/dev/null; }

packages=
if ! new_enough; then
    [ -z "${JAVA_HOME:-}" ] || fail "JAVA_HOME is $JAVA_HOME, where there is no Java $oldest_java or newer; correct or unset it"
    packages=default-jre-headless
fi
complete || command -v mvn >/dev/null || packages="$packages maven"
if [ -n "$packages" ]; then
    # shellcheck disable=SC2086 # a list of words
    install $packages
    new_enough || fail "the Java in PATH is $(java_version); Kafka needs $oldest_java or newer: set JAVA_HOME to one"
fi
if complete; then
    exit 0
fi

mkdir -p "$cache"
# Two setups at once would otherwise both download.
exec 9>"$cache/kafka.lock"
flock 9
if complete; then
    exit 0
fi

say "Fetching Kafka $version by Maven into $folder (43 MB, a quarter of a minute or so)"
new=$(mktemp -d "$cache/kafka-$version.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM
mvn --batch-mode --quiet --no-transfer-progress --file "$pom" \
    dependency:copy-dependencies "-DoutputDirectory=$new" >"$new/.log" 2>&1 || {
    cat "$new/.log" >&2
    fail "Maven could not fetch Kafka; its message is above"
}
rm "$new/.log"
[ -e "$new/kafka_2.13-$version.jar" ] || fail "Maven ended well but left no kafka_2.13-$version.jar in $new"
printf '%s\n' "$stamp" >"$new/.complete"
chmod 755 "$new"
# The folder appears whole or not at all.
rm -rf "$folder"
mv -T "$new" "$folder"
say "Kafka $version is in $folder"
