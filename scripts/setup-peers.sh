#!/bin/sh
# Makes sure that tests/peers can run the peers: what Kafka and eventsource-py need, a Java compiler, and the JARs of
# Confluent's parallel-consumer in the cache folder. tests/peers/pom.xml says which. Says nothing and uses no network when
# all of it is there.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh
. ./jars.sh

pom=$PWD/../tests/peers/pom.xml

./setup-kafka.sh
./setup-python.sh
version=$(pom_property "$pom" parallel-consumer.version)
need_java javac default-jdk-headless
fetch_jars "$pom" parallel-consumer "$version" "parallel-consumer-core-$version.jar" "19 MB"
