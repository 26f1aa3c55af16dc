//! A handler that runs, and what became of its versions.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::group::Generation;
use super::super::handlers::LoadedHandler;
use crate::admin::control::{GenerationStatus, HandlerStatus, Refused};
use crate::config::{self, GroupName};
use crate::delivery::partition::HandlerIndex;
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
    /// What was taken back: it comes again only where somebody asks for it.
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
        // Which topics are other handlers' dead letters is no matter of this one: no grant of it covers them.
        let own = |identity: &Identity| {
            let mut config = identity.config.clone();
            config.grants.guarded.reserved = Arc::default();
            config
        };
        self.digest == other.digest && own(self) == own(other)
    }
}

impl Managed {
    /// `handler.name`.
    pub fn name(&self) -> &Arc<str> {
        &self.current.loaded.settings.name
    }

    /// Another version is at work.
    pub fn change_to(&mut self, generation: Generation, proven: bool) {
        let before = std::mem::replace(&mut self.current, generation);
        if self.proven {
            self.good = Some(before);
        }
        self.proven = proven;
        self.refused = None;
    }

    /// The good one is at work again, for this reason; what was at work is not taken again unasked.
    pub fn go_back(&mut self, good: Generation, why: &str) {
        let bad = std::mem::replace(&mut self.current, Generation { since: SystemTime::now(), ..good });
        self.refuse(format!("generation {} ({}) was rolled back: {why}", bad.number, bad.loaded.component.digest));
        self.condemned = Some(Identity::of(&bad.loaded));
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
