//! One consumer group: its consumer, its engine, and its handlers' instances.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use tokio::runtime::Handle;

use super::Watch;
use super::handlers::LoadedHandler;
use super::native::NativePool;
use crate::config::{Config, DeadLetters, GroupName, Pattern, TopicName, redrive_topic};
use crate::delivery::batch::MAX_BATCH;
use crate::delivery::buffer::Buffer;
use crate::delivery::engine::{Doors, Engine, EngineHandler, EngineSettings, Summary};
use crate::delivery::partition::{HandlerIndex, Policy};
use crate::delivery::ports::{Guests, Observer, Ran, Signal, Tracer, Tried, Try};
use crate::delivery::report::{HandlerLoad, PartitionReport};
use crate::delivery::scheduler::Timing;
use crate::event::TopicPartition;
use crate::kafka::Cluster;
use crate::kafka::consumer::{self, ConsumerHandle, Membership};
use crate::kafka::producer::SharedProducer;
use crate::sandbox::pool::{Pool, Report};
use crate::telemetry::Telemetry;
use crate::telemetry::recorder::{Recorder, Watched};
use crate::telemetry::spans::GroupTracer;

/// What a group is made of.
pub struct Parts<'a> {
    /// The whole configuration.
    pub config: &'a Config,
    /// The group.
    pub name: GroupName,
    /// Its handlers.
    pub handlers: Vec<LoadedHandler>,
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The process's producer.
    pub producer: &'a Arc<SharedProducer>,
    /// What the process may hold.
    pub buffer: &'a Arc<Buffer>,
    /// Told of rebalances.
    pub membership: Arc<dyn Membership>,
    /// Where what it does is counted and shown.
    pub telemetry: &'a Telemetry,
    /// Who watches besides.
    pub watch: Watch<'a>,
    /// Where instances run.
    pub guests: &'a Handle,
    /// Told when a thread ends unasked.
    pub failed: Sender<anyhow::Error>,
}

/// A running group.
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// To its consumer.
    pub consumer: ConsumerHandle,
    /// Topics that its handlers read.
    pub topics: Vec<TopicName>,
    signals: Sender<Signal>,
    summary: Receiver<Summary>,
    consumer_thread: JoinHandle<()>,
}

impl Group {
    /// Starts its threads. It reads nothing before it is subscribed.
    ///
    /// # Errors
    /// Where a client or a thread cannot be made.
    pub fn start(parts: Parts<'_>) -> anyhow::Result<Group> {
        let Parts { config, name, handlers, cluster, producer, buffer, membership, telemetry, watch, guests, failed } =
            parts;
        // Bounded by what the partitions' accounts admit.
        let (readings_in, readings) = unbounded();
        let (signals_in, signals) = unbounded();
        let mut topics: Vec<TopicName> = handlers.iter().flat_map(|handler| handler.config.topics.clone()).collect();
        topics.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        topics.dedup();
        let reading = consumer::Settings {
            group: name.to_string(),
            sources: topics.iter().map(ToString::to_string).collect(),
            redrives: redrives(config, &name, &topics),
            window: config.delivery.window.get(),
            buffer: buffer.clone(),
        };
        let (consumer, thread) = consumer::start(cluster, reading, readings_in, membership)?;
        let consumer_thread = std::thread::spawn(move || {
            let ended = thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the consumer's thread panicked")));
            if let Err(error) = ended {
                let _ = failed.send(error);
            }
        });
        let names: Vec<Arc<str>> = handlers.iter().map(|handler| handler.config.name.shared()).collect();
        let watched = handlers.iter().map(|handler| Watched {
            name: handler.config.name.shared(),
            digest: handler.component.digest.clone(),
            event_types: handler.events.iter().filter_map(Pattern::exact).collect(),
        });
        let recorder: Arc<dyn Observer> = Arc::new(Recorder::new(telemetry, name.as_str(), watched));
        let tracer = config.telemetry.enable_tracing.then(|| {
            let tracer = GroupTracer::new(telemetry.spans().clone(), name.as_str(), names.clone());
            Arc::new(tracer) as Arc<dyn Tracer>
        });
        let observer = match watch(&names) {
            Some(watch) => Arc::new(Both(recorder, watch)),
            None => recorder,
        };
        let doors = Doors {
            readings,
            signals,
            consumer: Box::new(consumer.clone()),
            producer: Box::new(producer.door(signals_in.clone())),
            guests: Box::new(Pools::start(&handlers, guests, &signals_in)?),
            observer,
            tracer,
        };
        let handlers = handlers.iter().map(|handler| engine_handler(handler, config)).collect();
        let engine = Engine::new(settings(config, &name), handlers, doors);
        let (summary_in, summary) = bounded(1);
        std::thread::Builder::new()
            .name(format!("engine-{name}"))
            .spawn(move || summary_in.send(engine.run()))
            .context("cannot start the engine's thread")?;
        Ok(Group { name, consumer, topics, signals: signals_in, summary, consumer_thread })
    }

    /// Tells the engine.
    pub fn signal(&self, signal: Signal) {
        // An engine that is gone has been reported with its consumer.
        let _ = self.signals.send(signal);
    }

    /// Waits for its threads. `None` where they do not end in time.
    pub fn join(self, deadline: Instant) -> Option<Summary> {
        let summary = self.summary.recv_deadline(deadline).ok()?;
        while !self.consumer_thread.is_finished() {
            if Instant::now() >= deadline {
                tracing::warn!("the consumer did not leave its group in time");
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(summary)
    }
}

/// The redrive topic of each source, where there are dead letters.
fn redrives(config: &Config, group: &GroupName, sources: &[TopicName]) -> HashMap<String, String> {
    match config.delivery.dead_letters {
        DeadLetters::Topic { .. } => {
            sources.iter().map(|source| (source.to_string(), redrive_topic(source.as_str(), group.as_str()))).collect()
        }
        DeadLetters::Drop => HashMap::new(),
    }
}

fn settings(config: &Config, name: &GroupName) -> EngineSettings {
    let delivery = &config.delivery;
    EngineSettings {
        group: name.as_str().into(),
        dead_letters: delivery.dead_letters.clone(),
        timing: Timing {
            commit_interval: delivery.commit_interval,
            drain_timeout: delivery.drain_timeout,
            shutdown_timeout: delivery.shutdown_timeout,
        },
    }
}

fn engine_handler(handler: &LoadedHandler, config: &Config) -> EngineHandler {
    let dead_letters = matches!(config.delivery.dead_letters, DeadLetters::Topic { .. });
    EngineHandler {
        name: handler.config.name.shared(),
        digest: handler.component.digest.clone(),
        subscription: handler.subscription(),
        ordering: handler.config.ordering,
        policy: Policy { retry: handler.config.retry, dead_letters },
        concurrency: handler.config.concurrency.get(),
        // A fresh instance has one event.
        max_batch: if handler.settings.fresh { 1 } else { MAX_BATCH },
    }
}

/// The instances of a group's handlers, by index.
struct Pools(Vec<Instances>);

/// The instances of one handler.
enum Instances {
    Component(Pool),
    Native(NativePool),
}

impl Pools {
    fn start(handlers: &[LoadedHandler], runtime: &Handle, signals: &Sender<Signal>) -> anyhow::Result<Pools> {
        let pools = handlers.iter().enumerate().map(|(index, handler)| {
            let signals = signals.clone();
            let report: Report = Arc::new(move |ran| {
                let _ = signals.send(Signal::Ran(index as HandlerIndex, ran));
            });
            let (concurrency, settings) = (handler.config.concurrency.get(), &handler.settings);
            Ok(match &handler.native {
                Some(make) => Instances::Native(NativePool::start(make, settings, concurrency, &report)?),
                None => Instances::Component(Pool::new(runtime, &handler.component, settings, concurrency, report)),
            })
        });
        Ok(Pools(pools.collect::<anyhow::Result<_>>()?))
    }
}

impl Guests for Pools {
    fn run(&self, handler: HandlerIndex, batch: Vec<Try>) {
        match self.0.get(usize::from(handler)) {
            Some(Instances::Component(pool)) => pool.run(batch),
            Some(Instances::Native(pool)) => pool.run(batch),
            None => {}
        }
    }

    fn run_here(&self, handler: HandlerIndex, batch: Vec<Try>) -> Option<Ran> {
        match self.0.get(usize::from(handler))? {
            Instances::Component(pool) => pool.run_here(batch),
            Instances::Native(pool) => pool.run_here(batch),
        }
    }
}

/// Two who watch the same.
struct Both(Arc<dyn Observer>, Arc<dyn Observer>);

impl Observer for Both {
    fn started(&self, handler: HandlerIndex, waited: Duration, events: u64, bytes: u64) {
        self.0.started(handler, waited, events, bytes);
        self.1.started(handler, waited, events, bytes);
    }

    fn ran(&self, handler: HandlerIndex, ran: &Ran) {
        self.0.ran(handler, ran);
        self.1.ran(handler, ran);
    }

    fn finished(&self, topic_partition: &TopicPartition, took: Duration, events: u64) {
        self.0.finished(topic_partition, took, events);
        self.1.finished(topic_partition, took, events);
    }

    fn load(&self, load: Vec<HandlerLoad>) {
        self.0.load(load.clone());
        self.1.load(load);
    }

    fn consumed(&self, topic_partition: &TopicPartition, event_type: &str, records: u64) {
        self.0.consumed(topic_partition, event_type, records);
        self.1.consumed(topic_partition, event_type, records);
    }

    fn tried(&self, handler: HandlerIndex, event_type: &str, error_type: Option<&str>, tries: u64) {
        self.0.tried(handler, event_type, error_type, tries);
        self.1.tried(handler, event_type, error_type, tries);
    }

    fn measured(&self, handler: HandlerIndex, tried: &[Tried]) {
        self.0.measured(handler, tried);
        self.1.measured(handler, tried);
    }

    fn batch_fault(&self, handler: HandlerIndex, ran: &Ran) {
        self.0.batch_fault(handler, ran);
        self.1.batch_fault(handler, ran);
    }

    fn retried(&self, handler: HandlerIndex) {
        self.0.retried(handler);
        self.1.retried(handler);
    }

    fn dead_lettered(&self, handler: Option<HandlerIndex>, reason: &str, error_type: &str) {
        self.0.dead_lettered(handler, reason, error_type);
        self.1.dead_lettered(handler, reason, error_type);
    }

    fn dropped(&self, handler: Option<HandlerIndex>) {
        self.0.dropped(handler);
        self.1.dropped(handler);
    }

    fn abandoned(&self, handler: Option<HandlerIndex>, deliveries: u64) {
        self.0.abandoned(handler, deliveries);
        self.1.abandoned(handler, deliveries);
    }

    fn partitions(&self, partitions: Vec<PartitionReport>) {
        self.0.partitions(partitions.clone());
        self.1.partitions(partitions);
    }

    fn published(&self, topic: &str, event_types: &[String], took: Duration, refused: bool) {
        self.0.published(topic, event_types, took, refused);
        self.1.published(topic, event_types, took, refused);
    }
}
