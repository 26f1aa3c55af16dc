//! What runs now: the groups, the generations of their handlers, and how that changes while they run.
//!
//! A new generation is loaded, checked and described beside the one at work; only then does the group's engine change
//! over, between two batches. What cannot be loaded changes nothing. One change loads at a time; what loads nothing (a
//! rollback, a pause) does not wait for one that does.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, unbounded};
use opentelemetry::KeyValue;
use tokio::runtime::Handle;

use super::group::{Generation, Group, Parts, redrives, topics_of};
use super::handlers::{LoadedHandler, Loader, Wanted};
use super::topics::{Reader, Readers};
use super::watch::GroupWatch;
use super::{CLOSE_TIMEOUT, Watch};
use crate::admin::Health;
use crate::admin::control::{Control, ControlError, HandlerStatus, Reloaded};
use crate::config::{self, Config, GroupName, Source};
use crate::delivery::buffer::Buffer;
use crate::delivery::engine::Summary;
use crate::delivery::handler::{Change, Deployment};
use crate::delivery::partition::HandlerIndex;
use crate::delivery::ports::{Proof, Signal};
use crate::kafka::Cluster;
use crate::kafka::producer::SharedProducer;
use crate::sandbox::component::MAX_FILE_BYTES;
use crate::telemetry::Telemetry;
use crate::telemetry::groups::Version;
use crate::telemetry::recorder::{APPLIED, REFUSED, ROLLED_BACK};

mod managed;
mod upload;

use managed::{Identity, Managed};

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

/// What is to be done to get from the handlers that there are to those that are wanted.
struct Plan {
    load: Vec<Wanted>,
    remove: Vec<Arc<str>>,
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

    // --- Changes ---

    /// What has to be loaded and removed to get to a configuration. Files are read without the state's lock: nobody
    /// waits for that.
    fn plan(&self, wanted: &Config) -> Result<Plan, Vec<String>> {
        let (mut wrong, running) = {
            let state = self.state();
            let known = |managed: &Managed| (managed.name().clone(), managed.versions());
            (other_sections(&state.config, wanted), state.handlers.iter().map(known).collect::<HashMap<_, _>>())
        };
        let mut load = Vec::new();
        for handler in &wanted.handlers {
            let name = handler.name.as_str();
            let Some(versions) = running.get(name) else {
                load.push(handler.clone().into());
                continue;
            };
            if versions.current.config.group != handler.group {
                wrong.push(format!("handler {name:?}: its `group` has changed, which needs a restart"));
                continue;
            }
            match self.means.loader.digest(&handler.component) {
                Ok(digest) => load.extend(versions.wants(handler, digest)),
                Err(error) => {
                    self.refuse(name, &error);
                    wrong.push(format!("handler {name:?}: {error}"));
                }
            }
        }
        let stays = |name: &str| wanted.handlers.iter().any(|handler| handler.name.as_str() == name);
        let remove = running.into_keys().filter(|name| !stays(name)).collect();
        if wrong.is_empty() { Ok(Plan { load, remove }) } else { Err(wrong) }
    }

    /// Changes the handlers to what a configuration says.
    fn change_to(&self, source: Source, config: Config) -> Result<Reloaded, Vec<String>> {
        let Plan { load, remove } = self.plan(&config)?;
        let loaded = self.load(load)?;
        let mut state = self.state();
        if state.stopping {
            return Err(vec!["the host is stopping".into()]);
        }
        let rolled_back = loaded.iter().filter(|loaded| state.keeps_out(loaded));
        let rolled_back: Vec<_> = rolled_back
            .map(|loaded| {
                format!("handler {:?}: it was rolled back meanwhile: reload again", loaded.config.name.as_str())
            })
            .collect();
        if !rolled_back.is_empty() {
            return Err(rolled_back);
        }
        (state.config, state.source) = (config, Some(source));
        let mut done = Reloaded::default();
        let mut wrong = Vec::new();
        for loaded in loaded {
            let name = loaded.config.name.to_string();
            let is_there = state.handlers.iter().any(|managed| **managed.name() == *name);
            let result = if is_there { self.deploy(&mut state, loaded) } else { self.add(&mut state, loaded) };
            match result {
                Ok(()) if is_there => done.changed.push(name),
                Ok(()) => done.added.push(name),
                Err(error) => wrong.push(format!("handler {name:?}: {error:#}")),
            }
        }
        for name in remove {
            self.remove(&mut state, &name);
            done.removed.push(name.to_string());
        }
        let State { handlers, config, .. } = &mut *state;
        for managed in handlers {
            let wanted = config.handlers.iter().find(|handler| handler.name.as_str() == &**managed.name());
            wanted.into_iter().for_each(|wanted| managed.settle(wanted));
        }
        // Only a host without threads or memory left comes here.
        if wrong.is_empty() { Ok(done) } else { Err(wrong) }
    }

    fn load(&self, handlers: Vec<Wanted>) -> Result<Vec<LoadedHandler>, Vec<String>> {
        if handlers.is_empty() {
            return Ok(Vec::new());
        }
        self.means.loader.load(handlers).map_err(|failed| {
            failed.iter().for_each(|failed| self.refuse(failed.handler.as_str(), &failed.reason));
            failed.iter().map(ToString::to_string).collect()
        })
    }

    fn refuse(&self, name: &str, reason: &str) {
        tracing::warn!(handler = name, reason, "refused: what is at work goes on");
        self.count(name, REFUSED);
        let mut state = self.state();
        if let Some(managed) = state.handlers.iter_mut().find(|managed| &**managed.name() == name) {
            managed.refuse(reason.to_owned());
        }
    }

    fn add(&self, state: &mut State, loaded: LoadedHandler) -> anyhow::Result<()> {
        let group = state.config.kafka.group_of(&loaded.config).context("the name of a handler's own group")?;
        let generation = self.generation(loaded, 1);
        let name = generation.loaded.config.name.to_string();
        tracing::info!(handler = name, digest = &*generation.loaded.component.digest, %group, "added");
        match state.groups.iter_mut().find(|running| running.name == group) {
            Some(running) => {
                let index = running.add(&generation)?;
                self.manage(state, group.clone(), index, generation);
                self.tell_topics(state, &group);
            }
            None => self.start_group(state, group, vec![generation])?,
        }
        self.count(&name, APPLIED);
        Ok(())
    }

    fn deploy(&self, state: &mut State, loaded: LoadedHandler) -> anyhow::Result<()> {
        let at = state.handlers.iter().position(|managed| **managed.name() == *loaded.config.name.as_str());
        let Some(managed) = at.and_then(|at| state.handlers.get_mut(at)) else { anyhow::bail!("it was removed") };
        let (group, name) = (managed.group.clone(), managed.name().clone());
        let Some(running) = state.groups.iter().find(|running| running.name == group) else {
            anyhow::bail!("its group has ended")
        };
        let rollback_after = loaded.config.rollback_after;
        let generation = self.generation(loaded, managed.count + 1);
        running.deploy(managed.index, &generation, rollback_after)?;
        managed.count += 1;
        managed.change_to(generation, rollback_after.is_none());
        if let Some(condemned) = &managed.condemned {
            tracing::warn!(
                handler = &*name,
                digest = &*condemned.digest,
                "what its file has was rolled back and stays out: the new settings hold for the version at work; \
                 `sandbus handlers reload {name}` takes the file"
            );
        }
        tracing::info!(
            handler = &*name, digest = &*managed.current.loaded.component.digest, generation = managed.count, %group,
            "reloaded: new deliveries go to the new generation"
        );
        self.tell_version(managed);
        self.count(&name, APPLIED);
        self.tell_topics(state, &group);
        Ok(())
    }

    fn remove(&self, state: &mut State, name: &str) {
        let Some(at) = state.handlers.iter().position(|managed| &**managed.name() == name) else { return };
        let managed = state.handlers.remove(at);
        let group = managed.group.clone();
        self.means.telemetry.groups().version(group.as_str(), managed.name(), None);
        if state.handlers.iter().any(|other| other.group == group) {
            if let Some(running) = state.groups.iter().find(|running| running.name == group)
                && let Err(error) = running.ask(Change::Remove(managed.index))
            {
                tracing::error!(handler = name, %error, "cannot be removed");
            }
            self.tell_topics(state, &group);
            return;
        }
        // Nothing may be passed in a group that has no handler.
        let Some(at) = state.groups.iter().position(|running| running.name == group) else { return };
        let running = state.groups.swap_remove(at);
        self.means.readers.remove(&group);
        self.means.health.leaves(group.as_str());
        running.signal(Signal::Shutdown);
        let (deadline, telemetry) =
            (Instant::now() + state.config.delivery.shutdown_timeout + CLOSE_TIMEOUT, self.means.telemetry.clone());
        tracing::info!(handler = name, %group, "removed; its group has no handler left, and is left");
        let leave = move || {
            let summary = running.join(deadline);
            telemetry.groups().forget(group.as_str());
            tracing::info!(%group, abandoned = summary.map(|summary| summary.abandoned), "left");
        };
        if let Err(error) = std::thread::Builder::new().name("leave".into()).spawn(leave) {
            tracing::error!(%error, "cannot wait for a group that is left");
        }
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

    // --- Files ---

    /// Files to be watched: each handler's as it is wanted, by its name.
    pub fn files(&self) -> Vec<(Arc<str>, PathBuf)> {
        let state = self.state();
        let watched = state.handlers.iter().filter(|managed| managed.current.loaded.native.is_none());
        watched.map(|managed| (managed.name().clone(), state.wanted(managed).component.clone())).collect()
    }

    /// The folder of components.
    pub fn folder(&self) -> PathBuf {
        self.state().config.handlers_dir.clone()
    }

    /// A handler's file has other content, or has come back.
    pub fn file_changed(&self, name: &str) {
        // What is refused has been said.
        if let Err(error) = self.take(name, false) {
            tracing::debug!(handler = name, %error, "a file that changed was not taken");
        }
    }

    /// A handler's file is gone.
    pub fn file_gone(&self, name: &str, path: &Path) {
        self.refuse(name, &format!("{} is gone", path.display()));
    }

    /// These files of the folder are new or have changed: those that are handlers now are added.
    pub fn folder_changed(&self, files: &BTreeSet<PathBuf>) {
        let _one = self.loading();
        let Some(source) = self.state().source.clone() else { return };
        let (config, unusable) = match source.config_for_good_files() {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "the handlers' folder has changed, and cannot be used as it is");
                return;
            }
        };
        for fault in unusable {
            tracing::warn!(%fault, "a component's file cannot be used, and is passed over");
        }
        let new: Vec<_> = {
            let state = self.state();
            let known = |name: &str| state.handlers.iter().any(|managed| &**managed.name() == name);
            let new = config.handlers.iter().filter(|handler| !known(handler.name.as_str()));
            // What was refused and is the same is not compiled again whenever another file comes.
            new.filter(|handler| files.contains(&handler.component)).cloned().collect()
        };
        // Each for itself: a bad file is no reason to leave a good one out.
        for handler in new {
            let Ok(loaded) = self.load(vec![handler.clone().into()]) else { continue };
            let mut state = self.state();
            for loaded in loaded.into_iter().filter(|_| !state.stopping).collect::<Vec<_>>() {
                if let Err(error) = self.add(&mut state, loaded) {
                    tracing::error!(handler = handler.name.as_str(), "cannot be added: {error:#}");
                }
            }
        }
    }

    /// Takes what a handler's file has now. `asked`: also what was taken back before.
    fn take(&self, name: &str, asked: bool) -> Result<HandlerStatus, ControlError> {
        let one = self.loading();
        self.take_now(&one, name, asked)
    }

    fn take_now(&self, _: &MutexGuard<'_, ()>, name: &str, asked: bool) -> Result<HandlerStatus, ControlError> {
        let (handler, versions) = {
            let state = self.state();
            let managed = state.managed(name)?;
            (state.wanted(managed).clone(), managed.versions())
        };
        let digest = self.means.loader.digest(&handler.component).map_err(|error| self.not_taken(name, error))?;
        let new = Identity { config: handler.clone(), digest };
        if new == versions.current || (!asked && versions.are_without(&new)) {
            let mut state = self.state();
            if let Some(managed) = state.handlers.iter_mut().find(|managed| &**managed.name() == name) {
                managed.file_has(&new.digest);
            }
            return state.status(name, &self.means.telemetry);
        }
        let loaded = self.load(vec![handler.into()]).map_err(|wrong| ControlError::Refused(wrong.join("\n")))?;
        let mut state = self.state();
        if state.stopping {
            return Err(ControlError::Refused("the host is stopping".into()));
        }
        if !asked && loaded.iter().any(|loaded| state.keeps_out(loaded)) {
            return state.status(name, &self.means.telemetry);
        }
        for loaded in loaded {
            self.deploy(&mut state, loaded).map_err(|error| ControlError::Refused(format!("{error:#}")))?;
        }
        state.status(name, &self.means.telemetry)
    }

    fn not_taken(&self, name: &str, error: String) -> ControlError {
        self.refuse(name, &error);
        ControlError::Refused(error)
    }

    fn tell(&self, name: &str, change: impl FnOnce(HandlerIndex) -> Change) -> Result<HandlerStatus, ControlError> {
        let state = self.state();
        let managed = state.managed(name)?;
        let running = state.groups.iter().find(|running| running.name == managed.group);
        let running = running.ok_or_else(|| ControlError::Refused("its group has ended".into()))?;
        running.ask(change(managed.index)).map_err(|error| ControlError::Refused(format!("{error:#}")))?;
        state.status(name, &self.means.telemetry)
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

impl Control for Fleet {
    fn handlers(&self) -> Vec<HandlerStatus> {
        let state = self.state();
        let mut handlers: Vec<_> = state.handlers.iter().map(|managed| managed.status(&self.means.telemetry)).collect();
        handlers.sort_by(|a, b| a.name.cmp(&b.name));
        handlers
    }

    fn reload(&self) -> Result<Reloaded, ControlError> {
        let _one = self.loading();
        let source = self.state().source.clone();
        let source = source.ok_or_else(|| ControlError::Refused("this host has no configuration file".into()))?;
        let read = source.again().and_then(|source| source.config().map(|config| (source, config)));
        let (source, config) = read.map_err(|error| ControlError::Refused(error.to_string()))?;
        let done = self.change_to(source, config).map_err(|wrong| ControlError::Refused(wrong.join("\n")))?;
        let Reloaded { added, changed, removed } = &done;
        tracing::info!(
            added = added.join(" "),
            changed = changed.join(" "),
            removed = removed.join(" "),
            "the configuration was read again"
        );
        Ok(done)
    }

    fn reload_handler(&self, name: &str) -> Result<HandlerStatus, ControlError> {
        self.take(name, true)
    }

    fn roll_back(&self, name: &str) -> Result<HandlerStatus, ControlError> {
        let mut state = self.state();
        state.managed(name)?;
        let State { handlers, groups, .. } = &mut *state;
        let managed = handlers.iter_mut().find(|managed| &**managed.name() == name);
        let managed = managed.ok_or_else(|| ControlError::Unknown(name.to_owned()))?;
        let running = groups.iter().find(|running| running.name == managed.group);
        let running = running.ok_or_else(|| ControlError::Refused("its group has ended".into()))?;
        let Some(good) = managed.good.take() else {
            return Err(ControlError::Refused(format!("the handler {name:?} has no earlier generation to go back to")));
        };
        let good = Generation { number: good.number, ..self.generation(good.loaded, good.number) };
        running.deploy(managed.index, &good, None).map_err(|error| ControlError::Refused(format!("{error:#}")))?;
        tracing::info!(
            handler = name,
            digest = &*good.loaded.component.digest,
            generation = good.number,
            "rolled back"
        );
        managed.go_back(good, "somebody asked for it");
        self.tell_version(managed);
        let group = managed.group.clone();
        self.count(name, ROLLED_BACK);
        self.tell_topics(&state, &group);
        state.status(name, &self.means.telemetry)
    }

    fn pause(&self, name: &str) -> Result<HandlerStatus, ControlError> {
        self.tell(name, Change::Pause)
    }

    fn resume(&self, name: &str) -> Result<HandlerStatus, ControlError> {
        self.tell(name, Change::Resume)
    }

    fn upload(&self, name: &str, component: &[u8]) -> Result<HandlerStatus, ControlError> {
        self.take_upload(name, component)
    }

    fn largest_component(&self) -> u64 {
        MAX_FILE_BYTES
    }
}

/// Sections that only a restart can change, and that have changed.
fn other_sections(before: &Config, after: &Config) -> Vec<String> {
    let changed = [
        ("kafka", before.kafka != after.kafka),
        ("delivery", before.delivery != after.delivery),
        ("sandbox", before.sandbox != after.sandbox),
        ("telemetry", before.telemetry != after.telemetry),
        ("admin", before.admin != after.admin),
    ];
    let changed = changed.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(section, _)| format!("[{section}] has changed, which needs a restart")).collect()
}
