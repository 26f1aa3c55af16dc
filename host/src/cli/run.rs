//! `sandbus run`: the host.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Done, Failure};
use crate::app::{Additions, Host, StartError};
use crate::config::Source;
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
}

impl Run {
    pub(super) fn run(self) -> Done {
        log::start(self.log_format, "info");
        let source = Source::read(&self.config)?;
        let config = source.config()?;
        super::accepted(&config.kafka)?;
        let additions = Additions { source: Some(source), ..Additions::watched(&|_| None) };
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
