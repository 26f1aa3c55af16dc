//! A handler that runs, and what became of its versions.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::group::Generation;
use super::super::handlers::{LoadedHandler, Wanted};
use crate::admin::control::{GenerationStatus, HandlerStatus, Refused};
use crate::config::{self, GroupName};
use crate::delivery::partition::HandlerIndex;
use crate::sandbox::component::Component;
use crate::telemetry::Telemetry;

/// A handler, and what became of its versions.
pub struct Managed {
    /// Its consumer group.
    pub group: GroupName,
    /// Its place there.
    pub index: HandlerIndex,
    /// What is at work.
    pub current: Generation,
    /// Whether the current one is known to be good.
    pub proven: bool,
    /// The last one before it that is.
    pub good: Option<Generation>,
    /// What was taken back. Its component comes again only by a changed file, or where somebody asks for it: other
    /// settings that are wanted meanwhile are those of what is at work, and stand here as settled.
    pub condemned: Option<Identity>,
    /// Why what is there now is not at work.
    pub refused: Option<Refused>,
    /// Versions that were put to work.
    pub count: u32,
}

/// What makes a version another one.
#[derive(Clone)]
pub struct Identity {
    /// What is configured.
    pub config: config::Handler,
    /// Of the component, in hexadecimal.
    pub digest: Arc<str>,
}

impl Identity {
    /// Of what was loaded.
    pub fn of(loaded: &LoadedHandler) -> Identity {
        Identity { config: loaded.config.clone(), digest: loaded.component.digest.clone() }
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Identity) -> bool {
        self.digest == other.digest && same_settings(&self.config, &other.config)
    }
}

fn same_settings(one: &config::Handler, other: &config::Handler) -> bool {
    // Which topics are other handlers' dead letters is no matter of this one: no grant of it covers them.
    let own = |config: &config::Handler| {
        let mut config = config.clone();
        config.grants.guarded.reserved = Arc::default();
        config
    };
    own(one) == own(other)
}

/// What a handler runs, and what was taken back: enough to say what is to be loaded.
pub struct Versions {
    /// What is at work.
    pub current: Identity,
    component: Arc<Component>,
    condemned: Option<Identity>,
}

impl Versions {
    /// Whether a component was taken back, and another is at work.
    pub fn keep_out(&self, digest: &str) -> bool {
        let condemned = self.condemned.as_ref();
        condemned.is_some_and(|condemned| &*condemned.digest == digest) && &*self.current.digest != digest
    }

    /// Whether nobody who has not asked for it by its name gets this.
    pub fn are_without(&self, new: &Identity) -> bool {
        self.keep_out(&new.digest) || self.condemned.as_ref() == Some(new)
    }

    /// What a reload of the configuration has to load, for a handler whose file has that digest.
    pub fn wants(&self, handler: &config::Handler, digest: Arc<str>) -> Option<Wanted> {
        if self.keep_out(&digest) {
            let condemned = self.condemned.as_ref();
            let is_settled = same_settings(&self.current.config, handler)
                || condemned.is_some_and(|condemned| same_settings(&condemned.config, handler));
            return (!is_settled).then(|| Wanted { config: handler.clone(), kept: Some(self.component.clone()) });
        }
        let new = Identity { config: handler.clone(), digest };
        (new != self.current && self.condemned.as_ref() != Some(&new)).then(|| handler.clone().into())
    }
}

impl Managed {
    /// `handler.name`.
    pub fn name(&self) -> &Arc<str> {
        &self.current.loaded.settings.name
    }

    /// What it runs, and what was taken back.
    pub fn versions(&self) -> Versions {
        let component = self.current.loaded.component.clone();
        Versions { current: Identity::of(&self.current.loaded), component, condemned: self.condemned.clone() }
    }

    /// Another version is at work.
    pub fn change_to(&mut self, generation: Generation, proven: bool) {
        if !generation.loaded.kept {
            self.condemned = None;
            self.refused = None;
        }
        let before = std::mem::replace(&mut self.current, generation);
        if self.proven {
            self.good = Some(before);
        }
        self.proven = proven;
    }

    /// Its file has what is at work, or what was taken back.
    pub fn file_has(&mut self, digest: &str) {
        // It has changed since. What comes after this is a changed file, whatever it is.
        self.condemned.take_if(|condemned| &*condemned.digest != digest);
        if self.condemned.is_none() {
            // Gone, cut or bad in between.
            self.refused = None;
        }
    }

    /// These settings were wanted, and what was taken back was not taken again for that.
    pub fn settle(&mut self, wanted: &config::Handler) {
        let at_work = &self.current.loaded.component.digest;
        if let Some(condemned) = self.condemned.as_mut().filter(|condemned| condemned.digest != *at_work) {
            condemned.config = wanted.clone();
        }
    }

    /// The good one is at work again, for this reason; what was at work is not taken again unasked.
    pub fn go_back(&mut self, good: Generation, why: &str) {
        let bad = std::mem::replace(&mut self.current, Generation { since: SystemTime::now(), ..good });
        let digest = &bad.loaded.component.digest;
        let reason = format!("generation {} ({digest}) was rolled back: {why}", bad.number);
        match &mut self.condemned {
            // Its code was good before, and the file has another, which is still not to come back by itself.
            Some(condemned) if bad.loaded.kept => {
                condemned.config = bad.loaded.config.clone();
                let reason = format!("{reason}; so was {} before it, which the file has", condemned.digest);
                self.refuse(reason);
            }
            condemned => {
                *condemned = Some(Identity::of(&bad.loaded));
                self.refuse(reason);
            }
        }
        self.proven = true;
    }

    /// What its file has, or the configuration says, is not at work, for this reason.
    pub fn refuse(&mut self, reason: String) {
        self.refused = Some(Refused { reason, at: shown(SystemTime::now()) });
    }

    /// As the API shows it.
    pub fn status(&self, telemetry: &Telemetry) -> HandlerStatus {
        let load = telemetry.groups().of_handler(self.name()).unwrap_or_default();
        let generation = |of: &Generation| GenerationStatus {
            number: of.number,
            digest: of.loaded.component.digest.to_string(),
            since: shown(of.since),
        };
        HandlerStatus {
            name: self.name().to_string(),
            group: self.group.to_string(),
            state: load.state.name(),
            component: self.current.loaded.config.component.display().to_string(),
            generation: generation(&self.current),
            previous: self.good.as_ref().map(generation),
            on_trial: !self.proven,
            refused: self.refused.clone(),
            events: self.current.loaded.events.iter().map(ToString::to_string).collect(),
            in_flight: load.in_flight,
            waiting: load.waiting,
        }
    }
}

fn shown(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
