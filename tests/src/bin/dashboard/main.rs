//! What the dashboard shows of a shop at work: runs two hosts on a real Kafka with a real Prometheus, and writes the data of
//! each panel as JSON, which `tests/prometheus/plot.py` draws.
//!
//! Needs the Kafka of `with-kafka`. In the first part one host works evenly; then a second joins for a while; then there is
//! a burst; then one event holds its partition.

mod shop;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use sandbus_tests::prometheus::{Release, Series, deployed, now};
use sandbus_tests::{Connection, Deployment, Group, Host, Prometheus, Record, Topic, names};
use serde_json::{Value, json};

/// A host loads its handlers in moments, but compiles them first.
const START: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 4;
/// Events a second, while nothing is special.
const RATE: u32 = 300;
/// The dashboard's own interval, so that a run of minutes shows what happens in it.
const INTERVAL: &str = "15s";
/// Points of a curve.
const POINTS: f64 = 90.0;

/// Lets a shop work under the eyes of Prometheus, and writes what each panel of the dashboard shows.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long the shop works
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..))]
    minutes: u32,

    /// Where the data goes
    #[arg(long, value_name = "FILE", default_value = "target/dashboard.json")]
    output: PathBuf,
}

/// Topics, group and hosts of the shop.
struct Shop {
    connection: Connection,
    topic: Topic,
    notifications: Topic,
    group: Group,
}

impl Shop {
    fn new() -> Shop {
        let connection = Connection::shared();
        let topic = Topic::create_named(&connection, &names::unique("shop.stream"), PARTITIONS);
        let notifications = Topic::create_named(&connection, &names::unique("shop.notifications"), PARTITIONS);
        Shop { group: Group::unique(&connection), connection, topic, notifications }
    }

    fn deploy(&self) -> Deployment {
        let config = format!(
            "[kafka]\nbootstrap_servers = {:?}\ntopics = [{:?}]\nconsumer_group = {:?}\n\
             [delivery]\nretry_base_delay = \"100ms\"\n[handlers]\nconcurrency = 2\n\
             [[handler]]\nname = \"order-projection\"\ncomponent = \"handlers/order-projection.wasm\"\n\
             [[handler]]\nname = \"payment-check\"\ncomponent = \"handlers/payment-check.wasm\"\n\
             [[handler]]\nname = \"notify\"\ncomponent = \"handlers/notify.wasm\"\n\
             config = {{ topic = {notifications:?} }}\ngrants = {{ publish = [{notifications:?}] }}\n\
             [[handler]]\nname = \"audit\"\ncomponent = \"handlers/audit.wasm\"\n\
             [[handler]]\nname = \"probe\"\ncomponent = \"handlers/probe.wasm\"\nevents = [\"Probe*\"]\n\
             retry_max_delay = \"10m\"\n",
            self.connection.bootstrap(),
            self.topic.name(),
            self.group.name(),
            notifications = self.notifications.name(),
        );
        ["order-projection", "payment-check", "notify", "audit", "probe"]
            .iter()
            .fold(Deployment::new(&config), |deployment, name| deployment.handler(name, &format!("{name}-rust")))
    }
}

fn main() {
    let arguments = Arguments::parse();
    let shop = Shop::new();
    let (first, second) = (shop.deploy(), shop.deploy());
    let mut host = first.start();
    host.wait_ready(START);
    // The second host is known from the start, as it would be; that it is away shows.
    let prometheus = Prometheus::scraping(Release::Debian, &[first.admin(), second.admin()], &["recording.yml"]);
    let from = now();
    work(&shop, &second, Duration::from_secs(u64::from(arguments.minutes) * 60));
    let to = now();

    let panels = panels(&prometheus, from, to);
    let text = serde_json::to_string(&json!({ "seconds": to - from, "panels": panels })).expect("JSON");
    fs::write(&arguments.output, text).unwrap_or_else(|error| panic!("{}: {error}", arguments.output.display()));
    println!("{}", arguments.output.display());
    host.terminate(STOP);
}

/// Writes events for that long, and lets things happen meanwhile.
fn work(shop: &Shop, second: &Deployment, length: Duration) {
    let start = Instant::now();
    let mut events = shop::Events::default();
    let mut joined: Option<Host> = None;
    let (mut burst, mut stuck) = (false, false);
    for second_of_run in 0u64.. {
        let part = start.elapsed().as_secs_f64() / length.as_secs_f64();
        if part >= 1.0 {
            break;
        }
        if (0.25..0.45).contains(&part) && joined.is_none() {
            joined = Some(second.start());
        } else if part >= 0.45
            && let Some(mut host) = joined.take()
        {
            host.terminate(STOP);
        }
        let wave = 1.0 + 0.4 * (second_of_run as f64 / 12.0).sin();
        let mut records: Vec<Record> = events.take((f64::from(RATE) * wave) as usize);
        if part >= 0.55 && !burst {
            burst = true;
            records.extend(events.take(60 * RATE as usize));
        }
        if part >= 0.75 && !stuck {
            stuck = true;
            records.push(Record::event("ProbeStuck", "{}").partition(0).header("probe", "until:2:retry:600s"));
        }
        if second_of_run % 20 == 0 {
            records.push(Record::event("ProbeWaits", "{}").header("probe", "sleep:300ms"));
            records.push(Record::event("ProbeTraps", "{}").header("probe", "until:2:trap"));
        }
        shop.topic.write(records);
        let next = Duration::from_secs(second_of_run + 1);
        std::thread::sleep(next.saturating_sub(start.elapsed()));
    }
}

/// Every panel but rows, with the rows' titles, and the data of each of its targets.
fn panels(prometheus: &Prometheus, from: f64, to: f64) -> Vec<Value> {
    let file = deployed("grafana/sandbus.json");
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let mut row = String::new();
    let mut panels = vec![];
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = panel["title"].as_str().expect("a title");
        if panel["type"] == "row" {
            row = title.to_owned();
            continue;
        }
        let mut curves = vec![];
        for target in panel["targets"].as_array().expect("targets") {
            let query = target["expr"].as_str().expect("a query");
            let query = query.replace("$__rate_interval", INTERVAL).replace("$handler", ".*");
            let step = (to - from) / POINTS;
            let series =
                prometheus.query_range(&query, from, to, step).unwrap_or_else(|error| panic!("{title}: {error}"));
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            curves.extend(series.into_iter().map(|series| curve(legend, series, from)));
        }
        panels.push(json!({
            "row": row, "title": title, "type": panel["type"], "curves": curves,
            "unit": panel["fieldConfig"]["defaults"]["unit"],
        }));
    }
    panels
}

fn curve(legend: &str, series: Series, from: f64) -> Value {
    let Series { labels, samples } = series;
    let points: Vec<_> = samples.into_iter().map(|(time, value)| (time - from, value)).collect();
    let legend = labels.iter().fold(legend.to_owned(), |legend, (name, value)| {
        legend.replace(&format!("{{{{{name}}}}}"), value).replace(&format!("{{{{ {name} }}}}"), value)
    });
    // NaN, as of a quantile of nothing, is no JSON.
    let points: Vec<_> = points.into_iter().filter(|(_, value)| value.is_finite()).collect();
    let labels: BTreeMap<_, _> = labels.into_iter().collect();
    json!({ "legend": legend, "labels": labels, "points": points })
}
