//! What becomes of components' files that have changed, have come, or are gone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

use super::Fleet;
use super::managed::Identity;
use crate::admin::control::{ControlError, HandlerStatus};

impl Fleet {
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
    pub(super) fn take(&self, name: &str, asked: bool) -> Result<HandlerStatus, ControlError> {
        let one = self.loading();
        self.take_now(&one, name, asked)
    }

    pub(super) fn take_now(
        &self,
        _: &MutexGuard<'_, ()>,
        name: &str,
        asked: bool,
    ) -> Result<HandlerStatus, ControlError> {
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

    pub(super) fn not_taken(&self, name: &str, error: String) -> ControlError {
        self.refuse(name, &error);
        ControlError::Refused(error)
    }
}
