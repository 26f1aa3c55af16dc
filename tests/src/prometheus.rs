//! A real Prometheus as a process: it scrapes hosts, or receives from them, and answers queries.
//!
//! It runs what `scripts/setup-prometheus.sh` has fetched, on the files of `deploy/prometheus`, in a directory of its own.
//! Dropping it ends it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;

use crate::cache::cache;
use crate::process::{Finished, Lines, Process, run_to_end};
use crate::{eventually, ports};

/// The one place that says which: the setup script and this harness both read it.
const RELEASES: &str = include_str!("../prometheus/releases.txt");

static VERSION: LazyLock<&str> = LazyLock::new(|| {
    let line = RELEASES.lines().find(|line| line.starts_with("module "));
    line.and_then(|line| line.split_whitespace().nth(2)).expect("releases.txt names the module's version")
});

/// Often, so that tests are short.
pub const SCRAPE_INTERVAL: Duration = Duration::from_millis(250);
/// From start to the first answer.
const START: Duration = Duration::from_secs(60);
/// For one answer.
const ANSWER: Duration = Duration::from_secs(30);
/// Bytes of one answer, which holds raw samples now and then.
const LARGEST: u64 = 256 << 20;

/// Which Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Debian's, of major version 2.
    Debian,
    /// Of major version 3, which can receive OTLP.
    Newest,
}

/// A running one.
#[derive(Debug)]
pub struct Prometheus {
    release: Release,
    address: SocketAddr,
    log: Lines,
    // Behind the process in no order that matters: it is killed, not asked.
    _process: Process,
    directory: TempDir,
}

/// A sample of an answer: labels, `__name__` among them where there is one, and a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// All samples of one series in a range: seconds since 1970, and values.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// In the order of time.
    pub samples: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Scrapes `hosts` with `deploy/prometheus/prometheus.yml`, often, and evaluates these rule files of
    /// `deploy/prometheus`, or others by their paths.
    ///
    /// # Panics
    /// When there is none (the message says how to get one), or it does not come up.
    #[must_use]
    #[track_caller]
    pub fn scraping(release: Release, hosts: &[SocketAddr], rules: &[&str]) -> Prometheus {
        let targets: Vec<_> = hosts.iter().map(SocketAddr::to_string).collect();
        Prometheus::start(release, &targets, rules).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Scrapes nothing and receives what is sent by OTLP to [`Prometheus::otlp_endpoint`].
    ///
    /// # Panics
    /// As [`Prometheus::scraping`].
    #[must_use]
    #[track_caller]
    pub fn receiving(rules: &[&str]) -> Prometheus {
        Prometheus::start(Release::Newest, &[], rules).unwrap_or_else(|error| panic!("{error:#}"))
    }

    fn start(release: Release, targets: &[String], rules: &[&str]) -> Result<Prometheus> {
        let program = folder(release)?.join("prometheus");
        let directory = tempfile::Builder::new().prefix("sandbus-prometheus-").tempdir()?;
        let config = configuration(targets, rules)?;
        fs::write(directory.path().join("prometheus.yml"), config)?;
        for rule in rules {
            let from = rule_file(rule);
            let to = directory.path().join(from.file_name().context("a rule file has a name")?);
            fs::copy(&from, to).with_context(|| format!("copy {}", from.display()))?;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
        let mut command = Command::new(program);
        command
            .current_dir(directory.path())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"])
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if release == Release::Newest {
            command.arg("--web.enable-otlp-receiver");
        }
        let mut process = Process::spawn("Prometheus", command)?;
        let log = process.stderr_lines().context("stderr is piped")?;
        let ready = eventually::poll("Prometheus to be ready", START, || {
            if let Some(status) = process.ended() {
                return Err(format!("it ended with {status}"));
            }
            get(address, "/-/ready", &[]).map(drop)
        });
        if let Err(error) = ready {
            bail!("{error}\n{}", log.text());
        }
        Ok(Prometheus { release, address, log, _process: process, directory })
    }

    /// Which it is.
    #[must_use]
    pub fn release(&self) -> Release {
        self.release
    }

    /// What `telemetry.otlp_endpoint` is for it.
    #[must_use]
    pub fn otlp_endpoint(&self) -> String {
        format!("http://{}/api/v1/otlp", self.address)
    }

    /// The directory it runs in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `data` of the answer to GET `/api/v1/<path>`.
    ///
    /// # Errors
    /// What went wrong, with its own words.
    pub fn api(&self, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let body = get(self.address, &format!("/api/v1/{path}"), parameters)
            .map_err(|error| format!("{error}\n{}", self.log.last(10).join("\n")))?;
        let mut answer: Value = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
        Ok(answer["data"].take())
    }

    /// An instant query at `time`, in seconds since 1970. A scalar is a sample without labels.
    ///
    /// # Errors
    /// As [`Prometheus::api`].
    pub fn query(&self, query: &str, time: f64) -> Result<Vec<Sample>, String> {
        let data = self.api("query", &[("query", query), ("time", &time.to_string())])?;
        if data["resultType"] == "scalar" {
            return Ok(vec![Sample { labels: BTreeMap::new(), value: point(&data["result"]).1 }]);
        }
        let result = data["result"].as_array().ok_or_else(|| format!("no result in {data}"))?;
        Ok(result
            .iter()
            .map(|sample| Sample { labels: labels(&sample["metric"]), value: point(&sample["value"]).1 })
            .collect())
    }

    /// The raw samples of `selector`, which ends in a range, up to `time`.
    ///
    /// # Errors
    /// As [`Prometheus::api`].
    pub fn raw(&self, selector: &str, time: f64) -> Result<Vec<Series>, String> {
        let data = self.api("query", &[("query", selector), ("time", &time.to_string())])?;
        series(&data)
    }

    /// A range query, in seconds.
    ///
    /// # Errors
    /// As [`Prometheus::api`].
    pub fn query_range(&self, query: &str, from: f64, to: f64, step: f64) -> Result<Vec<Series>, String> {
        let (from, to, step) = (from.to_string(), to.to_string(), step.to_string());
        series(&self.api("query_range", &[("query", query), ("start", &from), ("end", &to), ("step", &step)])?)
    }

    /// How it understands a query, as a tree. Needs [`Release::Newest`].
    ///
    /// # Panics
    /// When it is no query.
    #[must_use]
    #[track_caller]
    pub fn parse(&self, query: &str) -> Value {
        self.api("parse_query", &[("query", query)]).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// Every rule that it has loaded, as it shows them.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    #[track_caller]
    pub fn rules(&self) -> Vec<Value> {
        let data = self.api("rules", &[]).unwrap_or_else(|error| panic!("{error}"));
        let groups = data["groups"].as_array().expect("groups");
        groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
    }
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// Runs promtool, in `directory`, until it ends.
///
/// # Panics
/// When there is none; the message says how to get it.
#[track_caller]
pub fn promtool(directory: &Path, arguments: &[&str]) -> Finished {
    let folder = folder(Release::Debian).unwrap_or_else(|error| panic!("{error:#}"));
    let mut command = Command::new(folder.join("promtool"));
    command.current_dir(directory).args(arguments);
    run_to_end(command, b"", START)
}

/// A file of `deploy/`.
#[must_use]
pub fn deployed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path)
}

/// One of `deploy/prometheus`, unless it has a path of its own.
fn rule_file(name: &str) -> PathBuf {
    if name.contains('/') { PathBuf::from(name) } else { deployed("prometheus").join(name) }
}

/// The shipped configuration with these targets and rule files, and in quicker time.
fn configuration(targets: &[String], rules: &[&str]) -> Result<String> {
    let shipped = fs::read_to_string(deployed("prometheus/prometheus.yml"))?;
    let interval = format!("{}ms", SCRAPE_INTERVAL.as_millis());
    let mut config = String::new();
    for line in shipped.lines() {
        let line = if line.trim_start().starts_with("- targets:") {
            format!("      - targets: {targets:?}")
        } else if line.trim_start().starts_with("scrape_interval:") {
            // A timeout may not be longer than the interval, so a busy machine is given none of its own.
            format!("  scrape_interval: {interval}\n  scrape_timeout: {interval}")
        } else if line.trim_start().starts_with("evaluation_interval:") {
            format!("  evaluation_interval: {interval}")
        } else if line.trim_start().starts_with("- ") && line.trim_end().ends_with(".yml") {
            continue;
        } else {
            line.to_owned()
        };
        config.push_str(&line);
        config.push('\n');
        if line == "rule_files:" {
            for rule in rules {
                let file = rule_file(rule);
                let name = file.file_name().context("a rule file has a name")?.to_string_lossy().into_owned();
                config.push_str(&format!("  - {name}\n"));
            }
        }
    }
    Ok(config)
}

/// Where a release is, if it is whole.
fn folder(release: Release) -> Result<PathBuf> {
    let name = match release {
        Release::Debian => "debian",
        Release::Newest => *VERSION,
    };
    let folder = cache().context("find Prometheus")?.join(format!("prometheus-{name}"));
    if !folder.join(".complete").exists() {
        bail!("there is no Prometheus in {}; run scripts/setup-prometheus.sh", folder.display());
    }
    Ok(folder)
}

fn get(address: SocketAddr, path: &str, parameters: &[(&str, &str)]) -> Result<String, String> {
    let agent: Agent =
        Agent::config_builder().timeout_global(Some(ANSWER)).http_status_as_error(false).proxy(None).build().into();
    let fail = |error: ureq::Error| format!("GET {path} from {address}: {error}");
    let request = agent.get(format!("http://{address}{path}")).query_pairs(parameters.iter().copied());
    let mut response = request.call().map_err(fail)?;
    let body = response.body_mut().with_config().limit(LARGEST).read_to_string().map_err(fail)?;
    match response.status().as_u16() {
        200 => Ok(body),
        status => Err(format!("GET {path} from {address}: {status}: {body}")),
    }
}

fn series(data: &Value) -> Result<Vec<Series>, String> {
    let result = data["result"].as_array().ok_or_else(|| format!("no result in {data}"))?;
    Ok(result
        .iter()
        .map(|series| Series {
            labels: labels(&series["metric"]),
            samples: series["values"].as_array().map(|values| values.iter().map(point).collect()).unwrap_or_default(),
        })
        .collect())
}

fn labels(metric: &Value) -> BTreeMap<String, String> {
    let labels = metric.as_object().into_iter().flatten();
    labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// A time and a value, which is a text for the sake of infinities.
fn point(point: &Value) -> (f64, f64) {
    let value = point[1].as_str().and_then(|value| value.parse().ok());
    (point[0].as_f64().unwrap_or(f64::NAN), value.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_releases() {
        assert!(VERSION.starts_with("v0."), "{}", *VERSION);
    }

    #[test]
    fn the_shipped_configuration_is_kept_but_for_targets_rules_and_times() {
        let config = configuration(&["127.0.0.1:1".to_owned()], &["alerts.yml", "/elsewhere/more.yml"]).unwrap();
        let lines: Vec<_> = config.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        assert_eq!(
            lines,
            [
                "global:",
                "  scrape_interval: 250ms",
                "  scrape_timeout: 250ms",
                "  evaluation_interval: 250ms",
                "",
                "rule_files:",
                "  - alerts.yml",
                "  - more.yml",
                "",
                "scrape_configs:",
                "  - job_name: sandbus",
                "    static_configs:",
                "      - targets: [\"127.0.0.1:1\"]",
            ]
        );
    }
}
