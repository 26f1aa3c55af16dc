//! What somebody asks for by the admin API, a signal or the command line.

use super::super::group::Generation;
use super::{Fleet, State};
use crate::admin::control::{Control, ControlError, HandlerStatus, Reloaded};
use crate::delivery::handler::Change;
use crate::delivery::partition::HandlerIndex;
use crate::sandbox::component::MAX_FILE_BYTES;
use crate::telemetry::recorder::ROLLED_BACK;

impl Fleet {
    fn tell(&self, name: &str, change: impl FnOnce(HandlerIndex) -> Change) -> Result<HandlerStatus, ControlError> {
        let state = self.state();
        let managed = state.managed(name)?;
        let running = state.groups.iter().find(|running| running.name == managed.group);
        let running = running.ok_or_else(|| ControlError::Refused("its group has ended".into()))?;
        running.ask(change(managed.index)).map_err(|error| ControlError::Refused(format!("{error:#}")))?;
        state.status(name, &self.means.telemetry)
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
