//! From the handlers that there are to those that are wanted: all of it, or nothing and why.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;

use super::super::CLOSE_TIMEOUT;
use super::super::handlers::{LoadedHandler, Wanted};
use super::managed::Managed;
use super::{Fleet, State};
use crate::admin::control::Reloaded;
use crate::config::{Config, Source};
use crate::delivery::handler::Change;
use crate::delivery::ports::Signal;
use crate::telemetry::recorder::{APPLIED, REFUSED};

/// What is to be done to get from the handlers that there are to those that are wanted.
struct Plan {
    load: Vec<Wanted>,
    remove: Vec<Arc<str>>,
}

impl Fleet {
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
    pub(super) fn change_to(&self, source: Source, config: Config) -> Result<Reloaded, Vec<String>> {
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

    pub(super) fn load(&self, handlers: Vec<Wanted>) -> Result<Vec<LoadedHandler>, Vec<String>> {
        if handlers.is_empty() {
            return Ok(Vec::new());
        }
        self.means.loader.load(handlers).map_err(|failed| {
            failed.iter().for_each(|failed| self.refuse(failed.handler.as_str(), &failed.reason));
            failed.iter().map(ToString::to_string).collect()
        })
    }

    pub(super) fn refuse(&self, name: &str, reason: &str) {
        tracing::warn!(handler = name, reason, "refused: what is at work goes on");
        self.count(name, REFUSED);
        let mut state = self.state();
        if let Some(managed) = state.handlers.iter_mut().find(|managed| &**managed.name() == name) {
            managed.refuse(reason.to_owned());
        }
    }

    pub(super) fn add(&self, state: &mut State, loaded: LoadedHandler) -> anyhow::Result<()> {
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

    pub(super) fn deploy(&self, state: &mut State, loaded: LoadedHandler) -> anyhow::Result<()> {
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
