//! One consumer group: its consumer, its engine, and its handlers' instances.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

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
use crate::delivery::handler::{Ask, Change, Deployment};
use crate::delivery::partition::{HandlerIndex, Policy};
use crate::delivery::ports::{Instances, Observer, Proof, Published, Ran, Signal, Tracer, Tried};
use crate::delivery::report::{HandlerLoad, PartitionReport};
use crate::delivery::scheduler::Timing;
use crate::event::{Outgoing, TopicPartition};
use crate::kafka::Cluster;
use crate::kafka::consumer::{self, ConsumerHandle, Membership};
use crate::kafka::producer::SharedProducer;
use crate::sandbox::pool::{Pool, Report};
use crate::telemetry::Telemetry;
use crate::telemetry::recorder::{Recorder, Watched};
use crate::telemetry::spans::GroupTracer;

/// How long an engine may take to change, which waits for nothing.
const CHANGE: Duration = Duration::from_secs(10);

/// One version of a handler, put to work.
#[derive(Clone)]
pub struct Generation {
    /// Its code and what is configured.
    pub loaded: LoadedHandler,
    /// Counts the handler's versions in this process, from 1.
    pub number: u32,
    /// What its tries belong to.
    pub deployment: Deployment,
    /// When it was put to work.
    pub since: SystemTime,
}

/// What a group is made of.
pub struct Parts<'a> {
    /// The whole configuration.
    pub config: &'a Config,
    /// The group.
    pub name: GroupName,
    /// Its handlers, by their indices.
    pub handlers: &'a [Generation],
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
    pub watch: &'a Watch,
    /// Where instances run.
    pub guests: &'a Handle,
    /// Told when a thread ends unasked.
    pub failed: Sender<anyhow::Error>,
    /// Told what becomes of new generations.
    pub proofs: Sender<(GroupName, HandlerIndex, Proof)>,
}

/// A running group.
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// To its consumer.
    pub consumer: ConsumerHandle,
    dead_letters: bool,
    guests: Handle,
    recorder: Arc<Recorder>,
    /// Hears what the engine tells, and of handlers that come later.
    observer: Arc<dyn Observer>,
    tracer: Option<Arc<GroupTracer>>,
    /// How many handlers it has had.
    handlers: HandlerIndex,
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
        let Parts { config, name, handlers, cluster, producer, buffer, telemetry, watch, guests, .. } = parts;
        // Bounded by what the partitions' accounts admit.
        let (readings_in, readings) = unbounded();
        let (signals_in, signals) = unbounded();
        let topics = topics_of(handlers.iter());
        let reading = consumer::Settings {
            group: name.to_string(),
            sources: topics.iter().map(ToString::to_string).collect(),
            redrives: redrives(config, &name, &topics),
            window: config.delivery.window.get(),
            buffer: buffer.clone(),
        };
        let (consumer, thread) = consumer::start(cluster, reading, readings_in, parts.membership)?;
        let failed = parts.failed;
        let consumer_thread = std::thread::spawn(move || {
            let ended = thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the consumer's thread panicked")));
            if let Err(error) = ended {
                let _ = failed.send(error);
            }
        });
        let names: Vec<Arc<str>> = handlers.iter().map(|handler| handler.loaded.config.name.shared()).collect();
        let recorder = Arc::new(Recorder::new(telemetry, name.as_str(), handlers.iter().map(watched)));
        let tracer = config
            .telemetry
            .enable_tracing
            .then(|| Arc::new(GroupTracer::new(telemetry.spans().clone(), name.as_str(), names.clone())));
        let observer: Arc<dyn Observer> = match watch(&names) {
            Some(watch) => Arc::new(Both(recorder.clone(), watch)),
            None => recorder.clone(),
        };
        let (proofs, group) = (parts.proofs, name.clone());
        let doors = Doors {
            readings,
            signals,
            consumer: Box::new(consumer.clone()),
            producer: Box::new(producer.door(signals_in.clone())),
            observer: observer.clone(),
            tracer: tracer.clone().map(|tracer| tracer as Arc<dyn Tracer>),
            proofs: Box::new(move |handler, proof| {
                // At the end nobody listens.
                let _ = proofs.send((group.clone(), handler, proof));
            }),
        };
        let dead_letters = matches!(config.delivery.dead_letters, DeadLetters::Topic { .. });
        let (summary_in, summary) = bounded(1);
        let count = HandlerIndex::try_from(handlers.len()).context("too many handlers")?;
        let mut group = Group {
            name: name.clone(),
            consumer,
            dead_letters,
            guests: guests.clone(),
            recorder,
            observer,
            tracer,
            handlers: count,
            signals: signals_in,
            summary,
            consumer_thread,
        };
        let handlers = (0..).zip(handlers).map(|(index, handler)| group.engine_handler(index, handler));
        let engine = Engine::new(settings(config, &name), handlers.collect::<anyhow::Result<_>>()?, doors);
        group.handlers = count;
        std::thread::Builder::new()
            .name(format!("engine-{name}"))
            .spawn(move || summary_in.send(engine.run()))
            .context("cannot start the engine's thread")?;
        Ok(group)
    }

    /// One more handler. Answers its index.
    ///
    /// # Errors
    /// Where the engine has ended, or a thread cannot be started.
    pub fn add(&mut self, handler: &Generation) -> anyhow::Result<HandlerIndex> {
        let index = self.handlers;
        let more = index.checked_add(1).context("the group has had too many handlers: restart the host")?;
        let made = self.engine_handler(index, handler)?;
        self.recorder.add(&watched(handler));
        self.observer.added(handler.loaded.config.name.shared());
        if let Some(tracer) = &self.tracer {
            tracer.add(handler.loaded.config.name.shared());
        }
        self.handlers = more;
        self.ask(Change::Add(Box::new(made)))?;
        Ok(index)
    }

    /// Another generation of a handler. Started tries end where they are.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn deploy(
        &self,
        index: HandlerIndex,
        handler: &Generation,
        rollback_after: Option<NonZero<u32>>,
    ) -> anyhow::Result<()> {
        let generation = Box::new(self.engine_handler(index, handler)?);
        self.ask(Change::Deploy { handler: index, generation, rollback_after })
    }

    /// Changes something about its handlers, and waits until that is done.
    ///
    /// # Errors
    /// Where the engine has ended.
    pub fn ask(&self, change: Change) -> anyhow::Result<()> {
        let (done, is_done) = bounded(1);
        self.signal(Signal::Change(Ask { change, done }));
        is_done
            .recv_timeout(CHANGE)
            .map_err(|_| anyhow::anyhow!("the engine of the group {} does not answer", self.name))
    }

    fn engine_handler(&self, index: HandlerIndex, handler: &Generation) -> anyhow::Result<EngineHandler> {
        let Generation { loaded, deployment, .. } = handler;
        let (deployment, signals) = (*deployment, self.signals.clone());
        let report: Report = Arc::new(move |ran: Ran| {
            let _ = signals.send(Signal::Ran(index, deployment, ran));
        });
        let (config, settings) = (&loaded.config, &loaded.settings);
        let concurrency = config.concurrency.get();
        let instances: Arc<dyn Instances> = match &loaded.native {
            Some(make) => Arc::new(NativePool::start(make, settings, concurrency, &report)?),
            None => Arc::new(Pool::new(&self.guests, &loaded.component, settings, concurrency, report)),
        };
        Ok(EngineHandler {
            name: config.name.shared(),
            digest: loaded.component.digest.clone(),
            subscription: loaded.subscription(),
            ordering: config.ordering,
            policy: Policy { retry: config.retry, dead_letters: self.dead_letters },
            quarantine: config.quarantine,
            concurrency,
            // A fresh instance has one event.
            max_batch: if settings.fresh { 1 } else { MAX_BATCH },
            deployment,
            instances,
        })
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

/// Topics that these handlers read, in order, each once.
pub fn topics_of<'a>(handlers: impl Iterator<Item = &'a Generation>) -> Vec<TopicName> {
    let mut topics: Vec<TopicName> = handlers.flat_map(|handler| handler.loaded.config.topics.clone()).collect();
    topics.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    topics.dedup();
    topics
}

fn watched(handler: &Generation) -> Watched<'_> {
    let config = &handler.loaded.config;
    let granted = config.grants.publish.iter().filter_map(Pattern::exact);
    Watched {
        name: config.name.shared(),
        event_types: handler.loaded.events.iter().filter_map(Pattern::exact).collect(),
        topics: config.topics.iter().map(TopicName::as_str).chain(granted).collect(),
    }
}

/// The redrive topic of each source, where there are dead letters.
pub fn redrives(config: &Config, group: &GroupName, sources: &[TopicName]) -> HashMap<String, String> {
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

/// Two who watch the same.
struct Both(Arc<dyn Observer>, Arc<dyn Observer>);

impl Observer for Both {
    fn added(&self, handler: Arc<str>) {
        self.0.added(handler.clone());
        self.1.added(handler);
    }

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

    fn late(&self, handler: HandlerIndex, tried: &Tried) {
        self.0.late(handler, tried);
        self.1.late(handler, tried);
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

    fn dead_letter(&self, letter: &Outgoing) {
        self.0.dead_letter(letter);
        self.1.dead_letter(letter);
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

    fn published(&self, batch: &Published) {
        self.0.published(batch);
        self.1.published(batch);
    }
}
