//! Wires the parts into a running host, and takes them down again. The only module that knows them all.
//!
//! Threads: each group has one that polls Kafka and one that runs its engine. Guests have a runtime of
//! their own; timers, the admin server and telemetry live on another, so that no guest starves them.
//! Start: handlers are loaded before anything is read, for a record must not pass a handler that was not
//! there. Stop: the engines drain, commit and close their consumers; then the rest goes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, unbounded};
use tokio::runtime::{Builder, Runtime};

use crate::admin::{self, Health};
use crate::config::{self, Config};
use crate::delivery::buffer::Buffer;
use crate::delivery::engine::{Subscription, Summary};
use crate::delivery::ports::{Observer, Signal};
use crate::kafka::Cluster;
use crate::kafka::producer::SharedProducer;
use crate::sandbox::ports::GuestSink;
use crate::telemetry::Telemetry;

pub mod group;
pub mod handlers;
pub mod lag;
pub mod native;
pub mod topics;
pub mod watch;

use group::Group;
use handlers::LoadedHandler;
use lag::Lag;
use native::Natives;
use watch::{BrokerWatch, GroupWatch};

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

/// Makes what watches a group besides the metrics, from its handlers' names.
pub type Watch<'a> = &'a dyn Fn(&[Arc<str>]) -> Option<Arc<dyn Observer>>;

/// Who hears what a handler logs and counts, by the handler's name.
pub type Sinks<'a> = &'a dyn Fn(&str) -> Arc<dyn GuestSink>;

/// What a program puts into a host besides its configuration.
pub struct Additions<'a> {
    /// Who watches.
    pub watch: Watch<'a>,
    /// Handlers whose instances are native code. Their components are loaded, and not used.
    pub natives: Natives,
    /// Hear what handlers log and count, in place of the host's own log and metrics.
    pub sinks: Option<Sinks<'a>>,
    /// Never use the packed way in, even of a component that has it.
    pub typed: bool,
}

impl<'a> Additions<'a> {
    /// Nothing but somebody who watches.
    pub fn watched(watch: Watch<'a>) -> Self {
        Additions { watch, natives: Natives::new(), sinks: None, typed: false }
    }
}

/// A running host.
pub struct Host {
    config: Config,
    health: Arc<Health>,
    telemetry: Arc<Telemetry>,
    groups: Vec<Group>,
    handlers: Vec<Subscription>,
    lag: Option<Lag>,
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
    pub fn start(config: Config, watch: Watch<'_>) -> Result<Host, StartError> {
        Self::start_with(config, &Additions::watched(watch))
    }

    /// The same, with additions.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub fn start_with(config: Config, additions: &Additions<'_>) -> Result<Host, StartError> {
        let guests = runtime("guest", std::thread::available_parallelism().map_or(2, usize::from))?;
        let services = runtime("service", 1)?;
        let telemetry = {
            let _runtime = services.enter();
            Arc::new(Telemetry::start(&config.telemetry)?)
        };
        let health = Arc::new(Health::default());
        let admin = services.block_on(admin::serve(&config.admin, health.clone(), telemetry.clone()))?;
        tracing::info!(address = %admin, "admin server: /metrics /healthz /readyz /api/v1/partitions");

        let loaded = handlers::load(&config, guests.handle(), &telemetry, additions)?;
        let (failed, failures) = unbounded();
        let mut host = Host {
            config,
            health,
            telemetry,
            groups: Vec::new(),
            handlers: Vec::new(),
            lag: None,
            failures,
            admin,
            guests,
            services,
        };
        host.read(loaded, additions.watch, &failed)?;
        Ok(host)
    }

    fn read(
        &mut self,
        loaded: Vec<LoadedHandler>,
        watch: Watch<'_>,
        failed: &Sender<anyhow::Error>,
    ) -> anyhow::Result<()> {
        let cluster = if self.config.telemetry.enable_metrics {
            Cluster::watched(self.config.kafka.clone(), Arc::new(BrokerWatch(self.telemetry.clone())))
        } else {
            Cluster::new(self.config.kafka.clone())
        };
        let producer = SharedProducer::new(&cluster)?;
        let buffer = Buffer::new(self.config.delivery.max_buffer);
        let mut by_group: Vec<(config::GroupName, Vec<LoadedHandler>)> = Vec::new();
        for handler in loaded {
            self.handlers.push(handler.subscription());
            let name = self.config.kafka.group_of(&handler.config).context("the name of a handler's own group")?;
            match by_group.iter_mut().find(|(group, _)| *group == name) {
                Some((_, handlers)) => handlers.push(handler),
                None => by_group.push((name, vec![handler])),
            }
        }
        if by_group.is_empty() {
            tracing::warn!(dir = %self.config.handlers_dir.display(), "there are no handlers: nothing is read");
        }
        self.health.loaded(by_group.iter().map(|(name, _)| name.to_string()));
        for (name, handlers) in by_group {
            let membership =
                GroupWatch { group: name.to_string(), health: self.health.clone(), telemetry: self.telemetry.clone() };
            let group = Group::start(group::Parts {
                config: &self.config,
                name,
                handlers,
                cluster: &cluster,
                producer: &producer,
                buffer: &buffer,
                membership: Arc::new(membership),
                telemetry: &self.telemetry,
                watch,
                guests: self.guests.handle(),
                failed: failed.clone(),
            })?;
            self.groups.push(group);
        }
        if self.config.telemetry.enable_metrics {
            self.lag = Some(Lag::watch(&cluster, self.telemetry.partitions())?);
        }
        let subscriptions = self.groups.iter().map(|group| topics::Reader {
            group: group.name.clone(),
            consumer: group.consumer.clone(),
            topics: group.topics.clone(),
        });
        let subscriptions = subscriptions.collect();
        let watcher = topics::Watcher::new(&self.config, &cluster, subscriptions, self.health.clone())?;
        let failed = failed.clone();
        self.services.spawn(async move {
            if let Err(error) = watcher.run().await {
                let _ = failed.send(error);
            }
        });
        Ok(())
    }

    /// Where the admin server listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// What each handler gets.
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
        let started = Instant::now();
        for group in &self.groups {
            group.signal(Signal::Shutdown);
        }
        let deadline = started + self.config.delivery.shutdown_timeout + CLOSE_TIMEOUT;
        let mut ended = Ended { summary: Summary::default(), complete: true };
        for group in self.groups {
            match group.join(deadline) {
                Some(summary) => ended.summary += summary,
                None => ended.complete = false,
            }
        }
        drop(self.lag);
        self.guests.shutdown_background();
        self.telemetry.shutdown();
        self.services.shutdown_background();
        ended
    }
}

fn runtime(name: &str, threads: usize) -> anyhow::Result<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(threads).thread_name(name).enable_all().build();
    runtime.with_context(|| format!("cannot start the {name} threads"))
}
