#!/usr/bin/env python3
"""Writes sandbus.json, the dashboard that Grafana imports. With --check it writes nothing, and fails where the file is another, or
a panel is not drawn in docs/dashboard.

The panels of the guide have the guide's titles and queries, word for word. A test asks every query of a real Prometheus and
compares the names with the definitions of the instruments.
"""

import argparse
import html
import json
import sys
from pathlib import Path

FILE = Path(__file__).with_name("sandbus.json")
DRAWN = Path(__file__).parents[2] / "docs/dashboard"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
RATE = "$__rate_interval"
HANDLER = '{handler_name=~"$handler"}'
PARTITION = "{{messaging_destination}}/{{messaging_kafka_partition}}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if the file is another, or a panel is not drawn")
    text = json.dumps(dashboard(), indent=2) + "\n"
    if not parser.parse_args().check:
        FILE.write_text(text)
    elif not FILE.exists() or FILE.read_text() != text:
        sys.exit(f"{FILE.name} is not what {Path(__file__).name} writes: run it")
    else:
        drawn = "".join(html.unescape(file.read_text()) for file in DRAWN.glob("*.svg"))
        if missing := [title for title in titles(dashboard()["panels"]) if title not in drawn]:
            sys.exit(f"docs/dashboard does not show {', '.join(missing)}: run `make dashboard`")


def titles(panels: list) -> list:
    """Of all panels, also those in rows that are closed."""
    own = [panel["title"] for panel in panels if panel["type"] != "row"]
    return own + [title for panel in panels for title in titles(panel.get("panels", []))]


def dashboard() -> dict:
    return {
        "id": None,
        "uid": "sandbus",
        "title": "Sandbus",
        "description": "Handlers on Kafka: what they do, what they cost, and what holds them up.",
        "tags": ["sandbus", "kafka"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": variables()},
        "panels": placed(
            [
                row("Overview", overview()),
                row("Event bus", event_bus()),
                row("Components", components()),
                row("Partitions", partitions()),
                row("What handlers count", guests()),
                row("Telemetry", telemetry()),
            ]
        ),
    }


def variables() -> list:
    every = {"selected": True, "text": "All", "value": "$__all"}
    query = "label_values(sandbus_handler_info, handler_name)"
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0},
        {
            "name": "handler",
            "label": "Handler",
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": query, "refId": "handler"},
            "definition": query,
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": every,
            "hide": 0,
        },
    ]


def overview() -> list:
    errors = "sum(rate(kafka_eventbus_handler_errors_total[5m])) by (handler_name)"
    succeeded = "sum(rate(kafka_eventbus_handler_invocations_total[5m])) by (handler_name)"
    return [
        stat(
            "Messages Published/sec",
            "Records of handlers that the broker has acknowledged. A panel of the guide.",
            "sum(rate(kafka_eventbus_messages_published_total[5m]))",
            "Published/sec",
            "cps",
        ),
        stat(
            "Connected",
            "1 while every group reaches a broker and its coordinator.",
            "min(kafka_eventbus_connections_active)",
            "connected",
            steps=[("red", None), ("green", 1)],
        ),
        stat(
            "Lag",
            "Records behind, over all groups.",
            "sum(kafka_eventbus_consumer_lag)",
            "lag",
            "short",
            steps=[("green", None), ("yellow", 10000), ("red", 100000)],
        ),
        stat(
            "Tries that fail",
            "Of all tries, not of those that succeed.",
            "sum(rate(kafka_eventbus_handler_errors_total[5m])) / (sum(rate(kafka_eventbus_handler_errors_total[5m]))"
            " + sum(rate(kafka_eventbus_handler_invocations_total[5m])))",
            "failed",
            "percentunit",
            steps=[("green", None), ("yellow", 0.01), ("red", 0.05)],
        ),
        stat(
            "Dead letters in the last hour",
            "`sandbus dlq list` says which and why.",
            "sum(increase(kafka_eventbus_messages_dlq_total[1h]))",
            "dead letters",
            "short",
            decimals=0,
            steps=[("green", None), ("yellow", 1), ("red", 100)],
        ),
        stat(
            "Longest held partition",
            "How long ago the event came that holds its partition's watermark.",
            "max(sandbus_partition_held_time)",
            "held",
            "s",
            steps=[("green", None), ("yellow", 60), ("red", 300)],
        ),
        lines(
            "Message Throughput",
            "Published by handlers, and read, once for each group. A panel of the guide.",
            "cps",
            ("sum(rate(kafka_eventbus_messages_published_total[5m]))", "Published"),
            ("sum(rate(kafka_eventbus_messages_consumed_total[5m]))", "Consumed"),
            width=12,
        ),
        heatmap(
            "Handler Latency Distribution",
            "How long tries take, in ms, over all handlers; the row of components parts them. A panel of the guide.",
            "sum(rate(kafka_eventbus_handler_duration_bucket[5m])) by (le)",
        ),
        gauge(
            "Consumer Lag by Partition",
            "Last stable offset less the watermark. A panel of the guide.",
            "kafka_eventbus_consumer_lag",
            "{{messaging_destination}} Partition {{ messaging_kafka_partition }}",
        ),
        table(
            "Handler Error Rates",
            "A panel of the guide: failed tries by successful ones, which is above 100 when more fail. Beside it the "
            "share of all tries.",
            [(f"{errors} / {succeeded} * 100", "A"), (f"100 * {errors} / ({errors} + {succeeded})", "B")],
            {"handler_name": "Handler", "Value #A": "Error Rate %", "Value #B": "Of all tries %"},
        ),
    ]


def event_bus() -> list:
    quantiles = [
        (
            f"histogram_quantile({q}, sum by (le, messaging_destination) (rate(kafka_eventbus_publish_duration_bucket[{RATE}])))",
            f"{name} {{{{messaging_destination}}}}",
        )
        for q, name in ((0.5, "P50"), (0.95, "P95"))
    ]
    return [
        lines(
            "Consumed by type",
            "Once for each group; `_other` is what cannot be decoded, and what came when 200 types were known.",
            "cps",
            ("sum(rate(kafka_eventbus_messages_consumed_total[5m])) by (event_type)", "{{event_type}}"),
        ),
        lines(
            "Published by topic",
            "Acknowledged records of handlers; refused ones beside them.",
            "cps",
            (
                f"sum by (messaging_destination) (rate(kafka_eventbus_messages_published_total[{RATE}]))",
                "{{messaging_destination}}",
            ),
            (
                f"sum by (messaging_destination, error_type) (rate(kafka_eventbus_publish_errors_total[{RATE}]))",
                "{{messaging_destination}} {{error_type}}",
            ),
        ),
        lines(
            "Successful tries by handler",
            "With publishes, once the broker has acknowledged them.",
            "cps",
            ("sum(rate(kafka_eventbus_handler_invocations_total[5m])) by (handler_name)", "{{handler_name}}"),
        ),
        lines(
            "Failed tries by error",
            "The handler's own kind of error, `retry`, `rejected`, or the name of a fault.",
            "cps",
            ("sum(rate(kafka_eventbus_handler_errors_total[5m])) by (error_type)", "{{error_type}}"),
        ),
        lines("Publish latency", "From the first record handed over to the last acknowledged.", "ms", *quantiles),
        lines(
            "From dispatch to the last verdict",
            "Mean, without the time when every unfinished handler waits for a retry.",
            "ms",
            (
                f"sum by (messaging_destination) (rate(kafka_eventbus_consume_duration_sum[{RATE}])) / "
                f"sum by (messaging_destination) (rate(kafka_eventbus_consume_duration_count[{RATE}]))",
                "{{messaging_destination}}",
            ),
        ),
        lines(
            "Records in a publish batch",
            "Mean of what one try sends to one topic.",
            "short",
            (
                f"sum(rate(kafka_eventbus_batch_size_sum[{RATE}])) / sum(rate(kafka_eventbus_batch_size_count[{RATE}]))",
                "records",
            ),
        ),
        lines(
            "Dead letters a minute",
            "By why the event was given up.",
            "short",
            (
                f"sum by (dlq_reason, error_type) (rate(kafka_eventbus_messages_dlq_total[{RATE}])) * 60",
                "{{dlq_reason}}: {{error_type}}",
            ),
        ),
        lines(
            "Lag by group",
            "Records behind.",
            "short",
            (
                "sum by (messaging_kafka_consumer_group, messaging_destination) (kafka_eventbus_consumer_lag)",
                "{{messaging_kafka_consumer_group}} {{messaging_destination}}",
            ),
        ),
        lines(
            "Seconds behind",
            "Lag by the rate at which it is read now.",
            "s",
            (
                "sum by (messaging_destination) (kafka_eventbus_consumer_lag) / "
                "sum by (messaging_destination) (rate(kafka_eventbus_messages_consumed_total[5m]))",
                "{{messaging_destination}}",
            ),
        ),
        lines(
            "Connection of each group",
            "1: broker and coordinator can be reached.",
            "short",
            ("kafka_eventbus_connections_active", "{{instance}} {{messaging_kafka_consumer_group}}"),
        ),
        lines(
            "Trouble with connections",
            "In the last five minutes: errors by kind, attempts to connect again, and rebalances.",
            "short",
            ("sum by (error_type) (increase(kafka_eventbus_connection_errors_total[5m]))", "{{error_type}}"),
            ("sum(increase(kafka_eventbus_reconnections_total[5m]))", "reconnections"),
            (
                "sum by (messaging_kafka_consumer_group) (increase(kafka_eventbus_rebalances_total[5m]))",
                "rebalances of {{messaging_kafka_consumer_group}}",
            ),
        ),
    ]


def components() -> list:
    def by_handler(metric: str, *more: str) -> str:
        return f"sum by ({', '.join(('handler_name', *more))}) (rate({metric}{HANDLER}[{RATE}]))"

    return [
        lines(
            "Cores",
            "CPU time of each component: what it costs.",
            "short",
            (by_handler("sandbus_handler_cpu_time_total"), "{{handler_name}}"),
        ),
        lines(
            "CPU of a try",
            "Mean.",
            "s",
            (
                f"{by_handler('sandbus_handler_cpu_time_total')} / {by_handler('sandbus_handler_verdicts_total')}",
                "{{handler_name}}",
            ),
        ),
        lines(
            "Instances at work",
            "Wall time of tries for each second; at `concurrency` the handler is what bounds.",
            "short",
            (f"{by_handler('kafka_eventbus_handler_duration_sum')} / 1000", "{{handler_name}}"),
        ),
        lines(
            "P99 of a try",
            "Failures and faults too; in a batch, the call's time divided by its events.",
            "ms",
            (
                f"histogram_quantile(0.99, {by_handler('kafka_eventbus_handler_duration_bucket', 'le')})",
                "{{handler_name}}",
            ),
        ),
        lines(
            "P99 of waiting for an instance",
            "From when an event has come, or its retry is due, until its try starts.",
            "ms",
            (f"histogram_quantile(0.99, {by_handler('sandbus_handler_queue_wait_bucket', 'le')})", "{{handler_name}}"),
        ),
        lines(
            "In flight, and waiting",
            "Events whose tries run, and those that wait for an instance.",
            "short",
            (f"sum by (handler_name) (sandbus_handler_in_flight{HANDLER})", "{{handler_name}} in flight"),
            (f"sum by (handler_name) (sandbus_handler_waiting{HANDLER})", "{{handler_name}} waiting"),
        ),
        lines(
            "Time in host calls",
            "Seconds for each second, by import: what the handler waits for.",
            "short",
            (by_handler("sandbus_handler_hostcall_time_total", "import"), "{{handler_name}} {{import}}"),
        ),
        lines(
            "Host calls",
            "By import.",
            "cps",
            (by_handler("sandbus_handler_hostcalls_total", "import"), "{{handler_name}} {{import}}"),
        ),
        lines(
            "Verdicts",
            "What tries end in.",
            "cps",
            (by_handler("sandbus_handler_verdicts_total", "verdict"), "{{handler_name}} {{verdict}}"),
        ),
        lines(
            "Retries and faults",
            "Tries after the first; and what the host saw go wrong, by kind.",
            "cps",
            (by_handler("sandbus_handler_retries_total"), "{{handler_name}} retries"),
            (by_handler("sandbus_handler_faults_total", "error_type"), "{{handler_name}} {{error_type}}"),
            (by_handler("sandbus_handler_batch_faults_total"), "{{handler_name}} whole batches"),
        ),
        lines(
            "Events in a batch",
            "Tries by calls into instances.",
            "short",
            (
                f"{by_handler('sandbus_handler_verdicts_total')} / {by_handler('sandbus_handler_batches_total')}",
                "{{handler_name}}",
            ),
        ),
        lines(
            "Instances made",
            "Under `fresh` one for each try; under `reuse` few.",
            "cps",
            (by_handler("sandbus_handler_instances_total"), "{{handler_name}}"),
        ),
        lines(
            "Memory now",
            "Of all instances of the handler together, over all hosts.",
            "bytes",
            (f"sum by (handler_name) (sandbus_handler_memory{HANDLER})", "{{handler_name}}"),
        ),
        lines(
            "Peak memory of an instance",
            "Near `limits.memory`: larger events, or a leak.",
            "bytes",
            (f"max by (handler_name) (sandbus_handler_memory_peak{HANDLER})", "{{handler_name}}"),
        ),
        lines(
            "Bytes",
            "Given to the handler for each try, and published by it.",
            "Bps",
            (by_handler("sandbus_handler_bytes_in_total"), "{{handler_name}} in"),
            (by_handler("sandbus_handler_bytes_out_total"), "{{handler_name}} out"),
        ),
        lines(
            "Given up",
            "In the last hour: dropped because dead letters are off, and started deliveries that a rebalance did not wait for.",
            "short",
            (
                f"sum by (handler_name) (increase(sandbus_handler_dropped_total{HANDLER}[1h]))",
                "{{handler_name}} dropped",
            ),
            (
                f"sum by (handler_name) (increase(sandbus_handler_abandoned_total{HANDLER}[1h]))",
                "{{handler_name}} abandoned",
            ),
        ),
        lines(
            "State",
            "1 while a handler is not `running`: `degraded` is half way to `quarantined`, in which its events wait.",
            "short",
            (
                f"sum by (handler_name, state) (sandbus_handler_state{{handler_name=~\"$handler\", state!=\"running\"}})",
                "{{handler_name}} {{state}}",
            ),
        ),
        lines(
            "Reloads",
            "In the last hour: generations that took over, that were refused, and that were taken back.",
            "short",
            (
                f"sum by (handler_name, outcome) (increase(sandbus_handler_reloads_total{HANDLER}[1h]))",
                "{{handler_name}} {{outcome}}",
            ),
        ),
        table(
            "What runs",
            "The component of each handler, by its digest, and which of the generations that this process has loaded it is.",
            [(f"sandbus_handler_info{HANDLER}", "A")],
            {"handler_name": "Handler", "digest": "Digest", "generation": "Generation", "instance": "Host"},
            {"Time": True, "Value": True, "__name__": True, "job": True},
        ),
    ]


def partitions() -> list:
    return [
        lines(
            "Held for",
            "How long ago the event came that holds the watermark, by who holds it; 0 where all is final.",
            "s",
            ("sandbus_partition_held_time", PARTITION + " {{handler_name}}"),
        ),
        lines(
            "Not read further",
            "1 while a partition's window, or its share of the buffer, is full.",
            "short",
            ("sandbus_partition_full", PARTITION),
        ),
        lines(
            "Events held",
            "From the watermark to the newest that was read.",
            "short",
            ("sandbus_partition_held_events", PARTITION),
        ),
        lines("Bytes held", "Of events that are not final.", "bytes", ("sandbus_partition_held_bytes", PARTITION)),
        lines(
            "Lag by partition",
            "Of each group, once, whichever host has the partition.",
            "short",
            (
                "max by (messaging_kafka_consumer_group, messaging_destination, messaging_kafka_partition) (kafka_eventbus_consumer_lag)",
                "{{messaging_kafka_consumer_group}} " + PARTITION,
            ),
        ),
        lines(
            "Lag trend",
            "Records a second; above 0 the group falls behind.",
            "short",
            (
                "deriv((sum by (messaging_kafka_consumer_group, messaging_destination) (kafka_eventbus_consumer_lag))[10m:])",
                "{{messaging_kafka_consumer_group}} {{messaging_destination}}",
            ),
        ),
    ]


def guests() -> list:
    def named(kind: str, suffix: str) -> str:
        metrics = f'{{__name__=~"sandbus_guest_{kind}_.+{suffix}", handler_name=~"$handler"}}'
        return f'label_replace({metrics}, "metric", "$1", "__name__", "sandbus_guest_{kind}_(.+){suffix}")'

    def rate(kind: str, suffix: str) -> str:
        return f"sum by (handler_name, metric) (rate({named(kind, suffix)}[5m:]))"

    return [
        lines(
            "Counters",
            "`counter_add` of handlers, all of them, each by its name.",
            "cps",
            (rate("counter", "_total"), "{{handler_name}} {{metric}}"),
        ),
        lines(
            "Histograms, mean",
            "`histogram_record` of handlers.",
            "short",
            (f"{rate('histogram', '_sum')} / {rate('histogram', '_count')}", "{{handler_name}} {{metric}}"),
        ),
        lines(
            "Up and down",
            "`updown_add` of handlers.",
            "short",
            (f"sum by (handler_name, metric) ({named('updown', '')})", "{{handler_name}} {{metric}}"),
        ),
    ]


def telemetry() -> list:
    return [
        lines(
            "Telemetry that is lost",
            "In the last hour: label values counted as `_other`, measurements of handlers that were refused, exports that failed, and items that were dropped.",
            "short",
            ("sum by (label) (increase(sandbus_telemetry_overflow_total[1h]))", "{{label}} over its bound"),
            (
                "sum by (handler_name, error_type) (increase(sandbus_telemetry_refused_total[1h]))",
                "{{handler_name}} refused: {{error_type}}",
            ),
            ("sum by (signal) (increase(sandbus_telemetry_export_failures_total[1h]))", "{{signal}} not exported"),
            ("sum by (signal, reason) (increase(sandbus_telemetry_dropped_total[1h]))", "{{signal}} dropped: {{reason}}"),
        ),
        lines("Hosts that answer", "1 while a host can be scraped.", "short", ('up{job="sandbus"}', "{{instance}}")),
        lines("Time of a scrape", "Of each host.", "s", ('scrape_duration_seconds{job="sandbus"}', "{{instance}}")),
        lines(
            "Series of a host",
            "What a scrape brings.",
            "short",
            ('scrape_samples_scraped{job="sandbus"}', "{{instance}}"),
        ),
    ]


def row(title: str, panels: list) -> tuple:
    return title, panels


def panel(kind: str, title: str, description: str, width: int, height: int, targets: list, **more) -> dict:
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "gridPos": {"h": height, "w": width},
        "targets": targets,
        **more,
    }


def target(query: str, legend: str = "", reference: str = "A", **more) -> dict:
    return {
        "refId": reference,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query,
        "legendFormat": legend,
        "range": True,
        **more,
    }


def lines(title: str, description: str, unit: str, *queries: tuple, width: int = 8) -> dict:
    targets = [target(query, legend, chr(ord("A") + index)) for index, (query, legend) in enumerate(queries)]
    defaults = {"unit": unit, "min": 0, "custom": {"lineWidth": 1, "fillOpacity": 8, "showPoints": "never"}}
    if "trend" in title or title == "Up and down":
        del defaults["min"]
    options = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel("timeseries", title, description, width, 8, targets, fieldConfig=fields(defaults), options=options)


def stat(title: str, description: str, query: str, legend: str, unit: str = "none", decimals=None, steps=None) -> dict:
    defaults = {"unit": unit, "color": {"mode": "thresholds"}, "thresholds": thresholds(steps or [("green", None)])}
    if decimals is not None:
        defaults["decimals"] = decimals
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "graphMode": "area",
        "colorMode": "value",
    }
    return panel(
        "stat", title, description, 4, 4, [target(query, legend)], fieldConfig=fields(defaults), options=options
    )


def gauge(title: str, description: str, query: str, legend: str) -> dict:
    steps = thresholds([("green", None), ("yellow", 1000), ("red", 10000)])
    defaults = {"unit": "short", "min": 0, "color": {"mode": "thresholds"}, "thresholds": steps}
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
    }
    return panel(
        "gauge", title, description, 12, 8, [target(query, legend)], fieldConfig=fields(defaults), options=options
    )


def heatmap(title: str, description: str, query: str) -> dict:
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
        "yAxis": {"unit": "ms", "axisPlacement": "left"},
        "tooltip": {"mode": "single", "showColorScale": True},
        "legend": {"show": True},
    }
    return panel(
        "heatmap",
        title,
        description,
        12,
        8,
        [target(query, "{{le}}", format="heatmap")],
        fieldConfig=fields({}),
        options=options,
    )


def table(title: str, description: str, queries: list, names: dict, hidden: dict | None = None) -> dict:
    targets = [
        target(query, "", reference, format="table", instant=True) | {"range": False} for query, reference in queries
    ]
    transformations = [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {"excludeByName": hidden or {"Time": True}, "indexByName": {}, "renameByName": names},
        },
    ]
    return panel(
        "table",
        title,
        description,
        12,
        8,
        targets,
        fieldConfig=fields({}),
        options={"showHeader": True},
        transformations=transformations,
    )


def fields(defaults: dict) -> dict:
    return {"defaults": defaults, "overrides": []}


def thresholds(steps: list) -> dict:
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}


def placed(rows: list) -> list:
    """Every panel with an id and a place: from left to right, and a new line where one does not fit."""
    found = []
    y = 0
    for title, panels in rows:
        found.append(
            {
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
            }
        )
        y += 1
        x = height = 0
        for own in panels:
            size = own["gridPos"]
            if x + size["w"] > COLUMNS or (height and size["h"] != height):
                x, y, height = 0, y + height, 0
            own["gridPos"] = {**size, "x": x, "y": y}
            x += size["w"]
            height = size["h"]
            found.append(own)
        y += height
    for number, own in enumerate(found, start=1):
        own["id"] = number
    return found


if __name__ == "__main__":
    main()
