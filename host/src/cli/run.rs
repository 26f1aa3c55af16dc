//! `sandbus run`: the host.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Done, Failure};
use crate::app::{Additions, Host, StartError};
use crate::config::{Config, Harden, Source};
use crate::confine::{Measure, State, host as confine};
use crate::delivery::engine::Summary;
use crate::telemetry::log::{self, LogFormat};

/// Run the host: read Kafka, run every handler, until SIGTERM
///
/// SIGTERM or Ctrl-C finishes what runs, commits and leaves the group; a second one ends at once. SIGHUP reads the
/// handlers' configuration again; a component's file that changes, or comes into the handlers' folder, needs no signal.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  sandbus run -c sandbus.toml\n  SANDBUS_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 sandbus run --log-format json"
)]
pub struct Run {
    /// Configuration file
    #[arg(short, long, value_name = "FILE", default_value = "sandbus.toml")]
    config: PathBuf,
    /// How log lines are written
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
    /// Give up what a host does not need (files, system calls, privileges): as far as the system can, all or
    /// nothing, or not [default: sandbox.harden, which is auto]
    #[arg(
        long, value_name = "auto|on|off", num_args = 0..=1, require_equals = true, default_missing_value = "on",
        value_parser = PossibleValuesParser::new(Harden::WORDS.iter().map(|(word, _)| *word)),
    )]
    harden: Option<String>,
}

impl Run {
    pub(super) fn run(self) -> Done {
        log::start(self.log_format, "info");
        let source = Source::read(&self.config)?;
        let config = source.config()?;
        super::accepted(&config.kafka)?;
        self.harden(&config)?;
        let additions = Additions { source: Some(source), ..Additions::none() };
        let host = Host::start_with(config, &additions).map_err(|error| match error {
            StartError::Handlers(_) => Failure::Usage(error.to_string()),
            StartError::Other(error) => error.into(),
        })?;
        let failure = {
            let services = host.services().clone();
            services.block_on(wait(&host))?
        };
        let ended = host.stop();
        if let Some(error) = failure {
            return Err(Failure::Wrong(format!("the host cannot go on: {error:#}")));
        }
        let Summary { abandoned, waiting } = ended.summary;
        if abandoned == 0 && ended.complete {
            tracing::info!(waiting, "stopped; nothing was abandoned");
            return Ok(());
        }
        let complete = ended.complete;
        tracing::warn!(abandoned, waiting, complete, "stopped; deliveries were abandoned, and will be repeated");
        Err(Failure::Wrong(format!("{abandoned} deliveries were abandoned; they will be repeated")))
    }
}

impl Run {
    /// Gives up what this host does not need. There is one thread yet, from which all others come.
    fn harden(&self, config: &Config) -> Done {
        let asked = Harden::WORDS.iter().find(|(word, _)| Some(*word) == self.harden.as_deref());
        let wanted = asked.map_or(config.sandbox.harden, |(_, wanted)| *wanted);
        if wanted == Harden::Off {
            tracing::info!("not hardened: sandbox.harden or --harden is off");
            return Ok(());
        }
        if let Some(cache) = &config.sandbox.cache {
            // Later this could not be done. Why it cannot is said by whoever opens it.
            let _ = crate::sandbox::cache::make(cache);
        }
        let measures = confine::confine(&confine::needs(config, &self.config));
        let state =
            |name| measures.iter().find(|measure| measure.name == name).map(|measure| measure.state.to_string());
        tracing::info!(
            privileges = state("privileges"),
            dumps = state("dumps"),
            files = state("files"),
            calls = state("calls"),
            "hardened"
        );
        refusal(wanted, &measures).map_or(Ok(()), |message| Err(Failure::Wrong(message)))
    }
}

/// Why a host does not start with no more than that, if it does not.
fn refusal(wanted: Harden, measures: &[Measure]) -> Option<String> {
    let missing = measures.iter().filter(|measure| matches!(measure.state, State::Off(_)));
    let missing: Vec<_> = missing.map(|measure| format!("{} {}", measure.name, measure.state)).collect();
    (wanted == Harden::On && !missing.is_empty())
        .then(|| format!("cannot harden this host: {}; `--harden=auto` goes on without", missing.join("; ")))
}

/// Waits until the host is to end: by a signal, or because a part cannot go on.
async fn wait(host: &Host) -> anyhow::Result<Option<anyhow::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut look = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {
                tracing::info!("SIGHUP: reading the configuration again");
                let control = host.control();
                // It compiles; signals are still heard.
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = control.reload() {
                        tracing::error!("the configuration is refused, and nothing has changed: {error}");
                    }
                });
            }
            _ = look.tick() => {
                if let Some(failure) = host.failure() {
                    return Ok(Some(failure));
                }
            }
        }
    }
    tracing::info!("stopping: finishing what runs; a second signal ends at once");
    tokio::spawn(end_at_once(terminate, interrupt));
    Ok(None)
}

async fn end_at_once(mut terminate: Signal, mut interrupt: Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::warn!("ended at once; deliveries were abandoned, and will be repeated");
    std::process::exit(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_insists_is_refused_where_a_measure_is_missing() {
        let measure = |name, state| Measure { name, state };
        let whole = [measure("dumps", State::On), measure("files", State::Partly("older".into()))];
        let without = [measure("dumps", State::On), measure("files", State::Off("this kernel has none".into()))];
        for wanted in [Harden::Auto, Harden::On] {
            assert_eq!(refusal(wanted, &whole), None);
        }
        assert_eq!(refusal(Harden::Auto, &without), None);
        let refused = "cannot harden this host: files off: this kernel has none; `--harden=auto` goes on without";
        assert_eq!(refusal(Harden::On, &without).as_deref(), Some(refused));
    }
}
