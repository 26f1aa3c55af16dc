#!/bin/sh
# Lets a shop work for some minutes under the eyes of a real Prometheus, and draws what the dashboard shows of it into
# docs/dashboard/. Arguments are those of target/release/dashboard.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
. ./cache.sh
. ./python.sh

./setup-kafka.sh
./setup-prometheus.sh
./setup-plots.sh
python=$cache/matplotlib-$(pinned matplotlib ../tests/scaling/requirements.txt)/bin/python
cd ..
target/release/with-kafka -- target/release/dashboard --output target/dashboard.json "$@"
"$python" -B tests/prometheus/plot.py target/dashboard.json
