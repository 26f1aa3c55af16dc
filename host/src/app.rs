//! Wires the parts into a running host, and takes them down again. The only module that knows them all.
//!
//! Threads: each group has one that polls Kafka and one that runs its engine. Guests have a runtime of
//! their own; timers, the admin server and telemetry live on another, so that no guest starves them.
//! Start: handlers are loaded before anything is read, for a record must not pass a handler that was not
//! there. Stop: the engines drain, commit and close their consumers; then the rest goes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use crossbeam_channel::{Receiver, unbounded};
use tokio::runtime::{Builder, Runtime};

use crate::admin::control::{Control, Slot};
use crate::admin::{self, Health};
use crate::config::{Config, Source};
use crate::delivery::buffer::Buffer;
use crate::delivery::engine::{Subscription, Summary};
use crate::delivery::ports::Observer;
use crate::kafka::Cluster;
use crate::kafka::producer::SharedProducer;
use crate::sandbox::ports::GuestSink;
use crate::telemetry::Telemetry;

pub mod files;
pub mod fleet;
pub mod group;
pub mod handlers;
pub mod lag;
pub mod native;
pub mod topics;
pub mod watch;

use files::Files;
use fleet::{Fleet, Means};
use handlers::{LoadedHandler, Loader, Wanted};
use lag::Lag;
use native::Natives;
use topics::Readers;
use watch::BrokerWatch;

/// How long the parts may take to close after the engines have drained.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(8);

/// Why a host did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Handlers cannot be loaded, each with its reason.
    #[error("{}", .0.join("\n"))]
    Handlers(Vec<String>),
    /// Anything else.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

/// How a host ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What the groups gave up.
    pub summary: Summary,
    /// Whether every part closed in time.
    pub complete: bool,
}

/// Makes what watches a group besides the metrics, from its handlers' names: of each group, whenever it is started.
pub type Watch = Arc<dyn Fn(&[Arc<str>]) -> Option<Arc<dyn Observer>> + Send + Sync>;

/// Who hears what a handler logs and counts, by the handler's name. Asked once for each handler, whatever its generation.
pub type Sinks = Arc<dyn Fn(&str) -> Arc<dyn GuestSink> + Send + Sync>;

/// What a program puts into a host besides its configuration.
pub struct Additions {
    /// Who watches.
    pub watch: Watch,
    /// Handlers whose instances are native code. Their components are loaded, and not used.
    pub natives: Natives,
    /// Hear what handlers log and count, in place of the host's own log and metrics.
    pub sinks: Option<Sinks>,
    /// Never use the packed way in, even of a component that has it.
    pub typed: bool,
    /// Where the configuration came from, for reloads. `None`: it is not read again.
    pub source: Option<Source>,
}

impl Additions {
    /// Nothing.
    pub fn none() -> Self {
        Self::watched(Arc::new(|_| None))
    }

    /// Nothing but somebody who watches.
    pub fn watched(watch: Watch) -> Self {
        Additions { watch, natives: Natives::new(), sinks: None, typed: false, source: None }
    }
}

/// A running host.
pub struct Host {
    health: Arc<Health>,
    telemetry: Arc<Telemetry>,
    fleet: Arc<Fleet>,
    handlers: Vec<Subscription>,
    lag: Option<Lag>,
    files: Files,
    failures: Receiver<anyhow::Error>,
    admin: SocketAddr,
    // Dropped in this order: guests first, so that what they still say is heard.
    guests: Runtime,
    services: Runtime,
}

impl Host {
    /// Loads the handlers, opens the admin server, and begins to read.
    ///
    /// # Errors
    /// Where a handler cannot be loaded, an address is taken, or a client cannot be made. Kafka being
    /// away is none: it is waited for.
    pub fn start(config: Config, watch: Watch) -> Result<Host, StartError> {
        Self::start_with(config, &Additions::watched(watch))
    }

    /// The same, with additions.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub fn start_with(config: Config, additions: &Additions) -> Result<Host, StartError> {
        let guests = runtime("guest", std::thread::available_parallelism().map_or(2, usize::from))?;
        let services = runtime("service", 1)?;
        let telemetry = {
            let _runtime = services.enter();
            Arc::new(Telemetry::start(&config.telemetry)?)
        };
        let health = Arc::new(Health::default());
        let slot = Arc::new(Slot::default());
        let serve = admin::serve(&config.admin, health.clone(), telemetry.clone(), slot.clone());
        let admin = services.block_on(serve)?;
        tracing::info!(address = %admin, "admin server: /metrics /healthz /readyz /api/v1");

        let loader = Loader::new(&config, guests.handle(), &telemetry, additions)?;
        let loaded = loader.load(config.handlers.iter().cloned().map(Wanted::from));
        let loaded = loaded.map_err(|wrong| StartError::Handlers(wrong.iter().map(ToString::to_string).collect()))?;
        let subscriptions = loaded.iter().map(LoadedHandler::subscription).collect();

        let cluster = if config.telemetry.enable_metrics {
            Cluster::watched(config.kafka.clone(), Arc::new(BrokerWatch(telemetry.clone())))
        } else {
            Cluster::new(config.kafka.clone())
        };
        let (failed, failures) = unbounded();
        let readers = Arc::new(Readers::default());
        let watcher = topics::Watcher::new(&config, &cluster, readers.clone(), health.clone())?;
        let lag =
            if config.telemetry.enable_metrics { Some(Lag::watch(&cluster, telemetry.partitions())?) } else { None };
        let means = Means {
            loader,
            producer: SharedProducer::new(&cluster)?,
            cluster,
            buffer: Buffer::new(config.delivery.max_buffer),
            health: health.clone(),
            telemetry: telemetry.clone(),
            readers,
            guests: guests.handle().clone(),
            failed: failed.clone(),
            watch: additions.watch.clone(),
        };
        let fleet = Fleet::start(means, config.clone(), additions.source.clone(), loaded)?;
        services.spawn(async move {
            if let Err(error) = watcher.run().await {
                let _ = failed.send(error);
            }
        });
        slot.fill(&(fleet.clone() as Arc<dyn Control>));
        let files = Files::watch(&fleet)?;
        Ok(Host { health, telemetry, fleet, handlers: subscriptions, lag, files, failures, admin, guests, services })
    }

    /// What may be done to the handlers while they run.
    pub fn control(&self) -> Arc<dyn Control> {
        self.fleet.clone()
    }

    /// Where the admin server listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// What each handler got at the start.
    pub fn handlers(&self) -> &[Subscription] {
        &self.handlers
    }

    /// Metrics of this host.
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// Ready, or why not.
    ///
    /// # Errors
    /// What is waited for.
    pub fn ready(&self) -> Result<(), String> {
        self.health.ready()
    }

    /// The runtime for whatever is neither a guest nor Kafka.
    pub fn services(&self) -> &tokio::runtime::Handle {
        self.services.handle()
    }

    /// A part that cannot go on; the host should be stopped.
    pub fn failure(&self) -> Option<anyhow::Error> {
        self.failures.try_recv().ok()
    }

    /// Drains within the configured time, commits, leaves the groups, and exports the last metrics.
    pub fn stop(self) -> Ended {
        self.health.draining();
        drop(self.files);
        let (summary, complete) = self.fleet.stop();
        drop(self.lag);
        self.guests.shutdown_background();
        self.telemetry.shutdown();
        self.services.shutdown_background();
        Ended { summary, complete }
    }
}

fn runtime(name: &str, threads: usize) -> anyhow::Result<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(threads).thread_name(name).enable_all().build();
    runtime.with_context(|| format!("cannot start the {name} threads"))
}
