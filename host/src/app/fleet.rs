//! What runs now: the groups, the generations of their handlers, and how that changes while they run.
//!
//! A new generation is loaded, checked and described beside the one at work; only then does the group's engine change
//! over, between two batches. What cannot be loaded changes nothing. One change loads at a time; what loads nothing (a
//! rollback, a pause) does not wait for one that does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, unbounded};
use opentelemetry::KeyValue;
use tokio::runtime::Handle;

use super::group::{Generation, Group, Parts, redrives, topics_of};
use super::handlers::{LoadedHandler, Loader};
use super::topics::{Reader, Readers};
use super::watch::GroupWatch;
use super::{CLOSE_TIMEOUT, Watch};
use crate::admin::Health;
use crate::admin::control::{ControlError, HandlerStatus};
use crate::config::{self, Config, GroupName, Source};
use crate::delivery::buffer::Buffer;
use crate::delivery::engine::Summary;
use crate::delivery::handler::Deployment;
use crate::delivery::partition::HandlerIndex;
use crate::delivery::ports::{Proof, Signal};
use crate::kafka::Cluster;
use crate::kafka::producer::SharedProducer;
use crate::telemetry::Telemetry;
use crate::telemetry::groups::Version;
use crate::telemetry::recorder::ROLLED_BACK;

mod changes;
mod control;
mod files;
mod managed;
mod upload;

use managed::Managed;

/// What groups are made with.
pub struct Means {
    /// Loads handlers.
    pub loader: Loader,
    /// The cluster.
    pub cluster: Cluster,
    /// The process's producer.
    pub producer: Arc<SharedProducer>,
    /// What the process may hold.
    pub buffer: Arc<Buffer>,
    /// Told which groups are joined.
    pub health: Arc<Health>,
    /// Where all of it is counted and shown.
    pub telemetry: Arc<Telemetry>,
    /// Told who reads what.
    pub readers: Arc<Readers>,
    /// Where instances run.
    pub guests: Handle,
    /// Told when a thread ends unasked.
    pub failed: Sender<anyhow::Error>,
    /// Who watches each group.
    pub watch: Watch,
}

/// See the module's documentation.
pub struct Fleet {
    means: Means,
    proofs: Sender<(GroupName, HandlerIndex, Proof)>,
    deployments: AtomicU64,
    /// Held by whoever loads.
    loading: Mutex<()>,
    state: Mutex<State>,
}

struct State {
    config: Config,
    /// Where the configuration came from. `None`: it cannot be read again.
    source: Option<Source>,
    groups: Vec<Group>,
    handlers: Vec<Managed>,
    stopping: bool,
}

impl Fleet {
    /// Puts these handlers to work, in their groups.
    ///
    /// # Errors
    /// Where a client or a thread cannot be made.
    pub fn start(
        means: Means,
        config: Config,
        source: Option<Source>,
        loaded: Vec<LoadedHandler>,
    ) -> anyhow::Result<Arc<Fleet>> {
        let (proofs, proven) = unbounded();
        let state = State { config, source, groups: Vec::new(), handlers: Vec::new(), stopping: false };
        let (deployments, loading, state) = (AtomicU64::new(0), Mutex::new(()), Mutex::new(state));
        let fleet = Arc::new(Fleet { means, proofs, deployments, loading, state });
        fleet.hear(proven)?;
        let mut by_group: Vec<(GroupName, Vec<Generation>)> = Vec::new();
        {
            let state = fleet.state();
            for loaded in loaded {
                let group = state.config.kafka.group_of(&loaded.config).context("the name of a handler's own group")?;
                let generation = fleet.generation(loaded, 1);
                match by_group.iter_mut().find(|(name, _)| *name == group) {
                    Some((_, handlers)) => handlers.push(generation),
                    None => by_group.push((group, vec![generation])),
                }
            }
            if by_group.is_empty() {
                tracing::warn!(dir = %state.config.handlers_dir.display(), "there are no handlers: nothing is read");
            }
            fleet.means.health.loaded(by_group.iter().map(|(name, _)| name.to_string()));
        }
        for (group, generations) in by_group {
            fleet.start_group(&mut fleet.state(), group, generations)?;
        }
        Ok(fleet)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn loading(&self) -> MutexGuard<'_, ()> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn generation(&self, loaded: LoadedHandler, number: u32) -> Generation {
        let deployment = Deployment(self.deployments.fetch_add(1, Ordering::Relaxed));
        Generation { loaded, number, deployment, since: SystemTime::now() }
    }

    /// On a thread of its own: whoever proves something waits for nobody.
    fn hear(self: &Arc<Self>, proven: Receiver<(GroupName, HandlerIndex, Proof)>) -> anyhow::Result<()> {
        let fleet = Arc::downgrade(self);
        let hear = move || {
            while let Ok((group, handler, proof)) = proven.recv() {
                let Some(fleet) = fleet.upgrade() else { return };
                fleet.proof(&group, handler, proof);
            }
        };
        std::thread::Builder::new().name("proofs".into()).spawn(hear).context("cannot start a thread")?;
        Ok(())
    }

    fn start_group(&self, state: &mut State, name: GroupName, generations: Vec<Generation>) -> anyhow::Result<()> {
        let means = &self.means;
        let membership =
            GroupWatch { group: name.to_string(), health: means.health.clone(), telemetry: means.telemetry.clone() };
        means.health.joins(name.as_str());
        let group = Group::start(Parts {
            config: &state.config,
            name: name.clone(),
            handlers: &generations,
            cluster: &means.cluster,
            producer: &means.producer,
            buffer: &means.buffer,
            membership: Arc::new(membership),
            telemetry: &means.telemetry,
            watch: &means.watch,
            guests: &means.guests,
            failed: means.failed.clone(),
            proofs: self.proofs.clone(),
        })?;
        state.groups.push(group);
        for (index, generation) in (0..).zip(generations) {
            self.manage(state, name.clone(), index, generation);
        }
        self.tell_topics(state, &name);
        Ok(())
    }

    /// A handler that has just been put to work.
    fn manage(&self, state: &mut State, group: GroupName, index: HandlerIndex, current: Generation) {
        let managed =
            Managed { group, index, current, proven: true, good: None, condemned: None, refused: None, count: 1 };
        self.tell_version(&managed);
        state.handlers.push(managed);
    }

    fn tell_version(&self, managed: &Managed) {
        let Generation { loaded, number, .. } = &managed.current;
        let version = Version { digest: loaded.component.digest.clone(), generation: *number };
        self.means.telemetry.groups().version(managed.group.as_str(), managed.name(), Some(version));
    }

    fn count(&self, name: &str, outcome: &'static str) {
        let attributes = [KeyValue::new("handler.name", name.to_owned()), KeyValue::new("outcome", outcome)];
        self.means.telemetry.instruments().reloads.add(1, &attributes);
    }

    /// Tells the consumer and the topics' watcher what the group's handlers read now.
    fn tell_topics(&self, state: &State, group: &GroupName) {
        let Some(running) = state.groups.iter().find(|running| running.name == *group) else { return };
        let handlers = state.handlers.iter().filter(|managed| managed.group == *group);
        let topics = topics_of(handlers.map(|managed| &managed.current));
        let mut redrives = redrives(&state.config, group, &topics);
        for topic in &topics {
            running.consumer.may_read(topic.to_string(), redrives.remove(topic.as_str()));
        }
        self.means.readers.set(Reader { group: group.clone(), consumer: running.consumer.clone(), topics });
    }

    fn proof(&self, group: &GroupName, handler: HandlerIndex, proof: Proof) {
        let mut state = self.state();
        let of = |managed: &&mut Managed| managed.group == *group && managed.index == handler;
        let Some(managed) = state.handlers.iter_mut().find(of) else { return };
        match proof {
            Proof::Good(deployment) => {
                if managed.current.deployment == deployment {
                    managed.proven = true;
                }
            }
            Proof::Bad { deployment, back_to } => {
                let name = managed.name().clone();
                self.count(&name, ROLLED_BACK);
                let is_current = managed.current.deployment == deployment;
                if let Some(good) = managed.good.take_if(|good| is_current && good.deployment == back_to) {
                    managed.go_back(good, "all of its first events failed");
                    self.tell_version(managed);
                    self.tell_topics(&state, group);
                }
            }
        }
    }

    /// Ends all groups. Answers what they gave up, and whether all of them ended in time.
    pub fn stop(&self) -> (Summary, bool) {
        let (groups, deadline) = {
            let mut state = self.state();
            state.stopping = true;
            let deadline = Instant::now() + state.config.delivery.shutdown_timeout + CLOSE_TIMEOUT;
            (std::mem::take(&mut state.groups), deadline)
        };
        groups.iter().for_each(|group| group.signal(Signal::Shutdown));
        let (mut summary, mut complete) = (Summary::default(), true);
        for group in groups {
            match group.join(deadline) {
                Some(of_group) => summary += of_group,
                None => complete = false,
            }
        }
        (summary, complete)
    }
}

impl State {
    fn managed(&self, name: &str) -> Result<&Managed, ControlError> {
        let managed = self.handlers.iter().find(|managed| &**managed.name() == name);
        managed.ok_or_else(|| ControlError::Unknown(name.to_owned()))
    }

    /// What the configuration that was read last says of it, which may have been taken back with its component.
    fn wanted<'a>(&'a self, managed: &'a Managed) -> &'a config::Handler {
        let wanted = self.config.handlers.iter().find(|handler| handler.name.as_str() == &**managed.name());
        // One that came into the folder stands in no configuration yet.
        wanted.unwrap_or(&managed.current.loaded.config)
    }

    /// Whether what was loaded from a file was taken back while it was loaded.
    fn keeps_out(&self, loaded: &LoadedHandler) -> bool {
        let managed = self.managed(loaded.config.name.as_str());
        managed.is_ok_and(|managed| !loaded.kept && managed.versions().keep_out(&loaded.component.digest))
    }

    fn status(&self, name: &str, telemetry: &Telemetry) -> Result<HandlerStatus, ControlError> {
        self.managed(name).map(|managed| managed.status(telemetry))
    }
}
