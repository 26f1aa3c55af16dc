#!/bin/sh
# Measures the peers: other ways to run a handler on Kafka. One JSON line for each peer and handler goes to stdout,
# words to stderr. README.md beside this file says how the peers are set, and why.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/debian.sh"
. "$here/../../scripts/cache.sh"
. "$here/../../scripts/jars.sh"
. "$here/../../scripts/python.sh"

usage="usage: tests/peers/run.sh [OPTION...]
  --bootstrap-servers HOST:PORT  the Kafka to use (default: \$SANDBUS_TEST_KAFKA, which with-kafka sets)
  --topic NAME     a topic that holds orders as \`sandbus bench\` writes them; eventsource-py asks for a name that
                   ends in .stream (default: a new one, deleted at the end)
  --records N      how many records a new topic is filled with (default: 1000000)
  --rounds N       measured rounds of each (default: 3); the median is reported
  --seconds N      the longest that a round may last (default: 30)
  --peers LIST     of java-consumer, parallel-consumer-key, parallel-consumer-unordered, eventsource-py (default: all)
  --handlers LIST  of noop, json, wait (default: all)
  --concurrency N  threads of parallel-consumer with the waiting handler (default: 64)"

records=1000000
rounds=3
seconds=30
peers=java-consumer,parallel-consumer-key,parallel-consumer-unordered,eventsource-py
handlers=noop,json,wait
concurrency=64
bootstrap=${SANDBUS_TEST_KAFKA:-}
topic=
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h)
        printf '%s\n' "$usage"
        exit 0
        ;;
    --bootstrap-servers | --topic | --records | --rounds | --seconds | --peers | --handlers | --concurrency)
        [ $# -ge 2 ] && [ -n "$2" ] || fail "$1 needs a value
$usage"
        ;;
    *) fail "unknown option $1
$usage" ;;
    esac
    case $1 in
    --bootstrap-servers) bootstrap=$2 ;;
    --topic) topic=$2 ;;
    --records) records=$2 ;;
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --peers) peers=$2 ;;
    --handlers) handlers=$2 ;;
    --concurrency) concurrency=$2 ;;
    esac
    shift 2
done
number() { # option, value
    case $2 in
    '' | *[!0-9]* | 0*) fail "$1 is $2; it has to be a whole number of at least 1" ;;
    esac
}
number --records "$records"
number --rounds "$rounds"
number --seconds "$seconds"
number --concurrency "$concurrency"
known() { # option, its value, the known ones
    for word in $(printf '%s' "$2" | tr , ' '); do
        case ",$3," in
        *,"$word",*) ;;
        *) fail "$1 names $word; known are $3" ;;
        esac
    done
}
known --peers "$peers" java-consumer,parallel-consumer-key,parallel-consumer-unordered,eventsource-py
known --handlers "$handlers" noop,json,wait
[ -n "$bootstrap" ] || fail "no Kafka: give --bootstrap-servers, or run \`make peers\`, which starts one"

"$here/../../scripts/setup-peers.sh" >&2
kafka_jars="$cache/kafka-$(pom_property "$here/../kafka/pom.xml" kafka.version)/*"
parallel_jars="$cache/parallel-consumer-$(pom_property "$here/pom.xml" parallel-consumer.version)/*"
python="$cache/eventsource-py-$(pinned eventsource-py "$here/../python/requirements.txt")/bin/python"

work=$(mktemp -d)
run=sandbus-peers-$$-$(date +%s)
made=
child=
java=$(java_program java)
# The heap's size is fixed, so that no round pays for its growth.
heap="-Xms1g -Xmx1g"
topic_tool() {
    "$java" -Dlog4j2.level=ERROR -cp "$work/plain:$kafka_jars" Topic "$@" \
        --bootstrap-servers "$bootstrap" --topic "$topic"
}

clean() {
    trap - EXIT HUP INT TERM
    [ -z "$child" ] || kill "$child" 2>/dev/null || true
    [ -z "$child" ] || wait "$child" 2>/dev/null || true
    if [ -e "$work/used" ]; then
        topic_tool drop --groups "$run" --made "${made:-no}" ||
            printf 'could not delete the topic and the groups of %s\n' "$run" >&2
    fi
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

# Two folders of classes: parallel-consumer brings an older client than the broker's.
compile() { # folder, JARs, sources...
    folder=$1 jars=$2
    shift 2
    "$(java_program javac)" -proc:none -cp "$jars" -sourcepath "$here/java" -d "$folder" "$@"
}
compile "$work/plain" "$kafka_jars" "$here/java/Topic.java" "$here/java/PlainLoop.java"
compile "$work/parallel" "$parallel_jars" "$here/java/ParallelConsumer.java"

# A command of our own, so that a request to end finds it; its words are shown only where it fails.
peer() { # handler, command...
    handler=$1
    shift
    "$@" --bootstrap-servers "$bootstrap" --topic "$topic" --group "$run-$name-$handler" \
        --records "$records" --rounds "$rounds" --seconds "$seconds" --handler "$handler" 2>"$work/log" &
    child=$!
    wait "$child" && status=0 || status=$?
    child=
    [ "$status" = 0 ] || {
        tail -n 30 "$work/log" >&2
        printf 'error: %s with handler %s failed; its last words are above\n' "$name" "$handler" >&2
        failed="$failed $name/$handler"
    }
}

touch "$work/used"
if [ -z "$topic" ]; then
    topic=$run.stream
    made=yes
    say "Filling $topic with $records records" >&2
    topic_tool fill --records "$records"
else
    records=$(topic_tool count)
    number "the number of records in $topic" "$records"
fi

failed=
for name in $(printf '%s' "$peers" | tr , ' '); do
    for handler in $(printf '%s' "$handlers" | tr , ' '); do
        say "$name, $handler" >&2
        threads=16
        [ "$handler" != wait ] || threads=$concurrency
        case $name in
        java-consumer)
            # shellcheck disable=SC2086 # two words
            peer "$handler" "$java" $heap -Dlog4j2.level=ERROR -cp "$work/plain:$kafka_jars" PlainLoop
            ;;
        parallel-consumer-*)
            # shellcheck disable=SC2086 # two words
            peer "$handler" "$java" $heap -Dorg.slf4j.simpleLogger.defaultLogLevel=error \
                -cp "$work/parallel:$parallel_jars" ParallelConsumer \
                --ordering "${name##*-}" --concurrency "$threads"
            ;;
        eventsource-py)
            peer "$handler" env PYTHONDONTWRITEBYTECODE=1 "$python" "$here/eventsource_bus.py"
            ;;
        esac
    done
done
[ -z "$failed" ] || fail "these have failed:$failed"
