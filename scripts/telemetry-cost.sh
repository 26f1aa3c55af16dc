#!/bin/sh
# Measures what metrics and tracing cost, on and off by turns, with a real OpenTelemetry Collector that throws away what it
# gets. Arguments are those of `sandbus bench`; OTLP_PORT is where the collector listens.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh

./setup-kafka.sh
./setup-collector.sh
cd ..
port=${OTLP_PORT:-4317}
folder=$(mktemp -d)
collector=
trap '[ -z "$collector" ] || kill "$collector" 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

cat >"$folder/collector.yaml" <<END
receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:$port" } } } }
exporters: { file: { path: /dev/null } }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp], exporters: [file] }
    metrics: { receivers: [otlp], exporters: [file] }
END
version=$(sed -n 's/^  version: //p' tests/collector/builder.yaml)
"$cache/otelcol-$version/otelcol" --config "$folder/collector.yaml" 2>"$folder/log" &
collector=$!
waited=0
until grep -q "Everything is ready" "$folder/log"; do
    if ! kill -0 "$collector" 2>/dev/null || [ "$waited" -ge 300 ]; then
        cat "$folder/log" >&2
        fail "the collector does not listen on port $port; its log is above (OTLP_PORT names another port)"
    fi
    waited=$((waited + 1))
    sleep 0.1
done

export OTEL_EXPORTER_OTLP_PROTOCOL=grpc
# Not exec: the collector ends with this script.
target/release/with-kafka -- sh -c \
    'exec target/release/sandbus bench --bootstrap-servers "$SANDBUS_TEST_KAFKA" --telemetry-cost "$@"' sh \
    --otlp-endpoint "http://127.0.0.1:$port" "$@"
