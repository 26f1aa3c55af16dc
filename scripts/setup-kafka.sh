#!/bin/sh
# Makes sure that the tests can start a real Kafka: Java, and Kafka's JARs in a cache folder outside the repository.
# tests/kafka/pom.xml says which Kafka. Says nothing and uses no network when all of it is there.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh
. ./jars.sh

pom=$PWD/../tests/kafka/pom.xml

version=$(pom_property "$pom" kafka.version)
need_java java default-jre-headless
fetch_jars "$pom" kafka "$version" "kafka_2.13-$version.jar" "43 MB"
