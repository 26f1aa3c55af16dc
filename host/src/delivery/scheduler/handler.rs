//! One handler of a group: what is ready for it, what runs, and what its failures mean.

use std::collections::VecDeque;
use std::num::NonZero;
use std::time::{Duration, Instant};

use super::super::batch::Pace;
use super::super::breaker::{Blame, Breaker};
use super::super::handler::Deployment;
use super::super::mutants::{Mutant, planted};
use super::super::partition::{Charge, Policy};
use super::super::report::{HandlerLoad, HandlerState};
use super::super::trial::{self, Trial};
use super::super::verdict::Ending;
use super::DeliveryId;
use crate::config::Quarantine;

/// What holds for one handler.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Its tries, and what becomes of what it does not finish.
    pub policy: Policy,
    /// When it is quarantined. `None`: never.
    pub quarantine: Option<Quarantine>,
    /// Its instances.
    pub concurrency: u32,
    /// Events of one batch, at most.
    pub max_batch: usize,
    /// What its tries belong to.
    pub deployment: Deployment,
}

/// A try that ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// Of which delivery.
    pub id: DeliveryId,
    /// Its number.
    pub attempt: u32,
    /// What it ran in.
    pub deployment: Deployment,
    /// How it ended.
    pub ending: &'a Ending,
    /// What it published is not acknowledged yet.
    pub settles_later: bool,
}

/// What became of the handler by a try that ended.
#[derive(Debug)]
pub(super) enum Turn {
    /// It is quarantined from now on.
    Quarantined,
    /// It is quarantined no more.
    Released,
    /// Its generation is not taken back any more.
    Proven,
    /// Its generation is taken back; these deliveries are given back the tries from these numbers on.
    RolledBack(Vec<(DeliveryId, u32)>),
}

/// Batches that are under way in one deployment.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    batches: u32,
    events: usize,
}

/// See the file's documentation.
pub(super) struct Handler {
    pub rules: Rules,
    /// Waiting for an instance, in the order in which they became ready.
    pub ready: VecDeque<DeliveryId>,
    pub paused: bool,
    pub removed: bool,
    pace: Pace,
    load: Load,
    /// Of deployments before, as long as something of them runs.
    before: Vec<(Deployment, Load)>,
    breaker: Breaker,
    trial: Option<Trial>,
    /// The deployment that was taken back: its failures count for nobody.
    condemned: Option<Deployment>,
}

impl Handler {
    pub fn new(rules: Rules) -> Handler {
        Handler {
            rules,
            ready: VecDeque::new(),
            paused: false,
            removed: false,
            pace: Pace::new(rules.max_batch),
            load: Load::default(),
            before: Vec::new(),
            breaker: Breaker::new(rules.quarantine),
            trial: None,
            condemned: None,
        }
    }

    /// Another generation. Answers what is given back to the events of a trial that was not decided.
    pub fn deploy(&mut self, rules: Rules, rollback_after: Option<NonZero<u32>>) -> Vec<(DeliveryId, u32)> {
        let load = std::mem::take(&mut self.load);
        if load.batches > 0 {
            self.before.push((self.rules.deployment, load));
        }
        if let Some(at) = self.before.iter().position(|(deployment, _)| *deployment == rules.deployment) {
            self.load = self.before.swap_remove(at).1;
        }
        self.pace = Pace::new(rules.max_batch);
        self.breaker = Breaker::new(rules.quarantine);
        self.rules = rules;
        let undecided = std::mem::replace(&mut self.trial, rollback_after.map(Trial::new));
        undecided.into_iter().flat_map(Trial::setbacks).collect()
    }

    /// How many events its next batch may have. `None`: nothing of it starts now.
    pub fn next_batch(&self, now: Instant) -> Option<usize> {
        let is_condemned = self.condemned == Some(self.rules.deployment);
        if is_condemned || (self.paused && !planted(Mutant::RunWhilePaused)) {
            return None;
        }
        if let Some(next_probe) = self.breaker.next_probe() {
            // One at a time; what was started before is as good as a probe.
            return (self.load.batches == 0 && now >= next_probe).then_some(1);
        }
        let batches = self.rules.concurrency.saturating_add(self.pace.ahead());
        if self.load.batches >= batches && !planted(Mutant::IgnoreConcurrency) {
            return None;
        }
        Some(self.pace.batch(self.ready.len(), batches.saturating_sub(self.load.batches)))
    }

    /// When a probe is due, if that is what is waited for.
    pub fn next_probe(&self) -> Option<Instant> {
        let waits = !self.paused && self.load.batches == 0 && !self.ready.is_empty();
        self.breaker.next_probe().filter(|_| waits)
    }

    /// A batch of so many events starts.
    pub fn starts(&mut self, events: usize) {
        self.load.batches += 1;
        self.load.events += events;
    }

    /// A batch ended.
    pub fn ran(&mut self, deployment: Deployment, events: usize, took: Duration) {
        if deployment == self.rules.deployment {
            self.load.batches = self.load.batches.saturating_sub(1);
            self.load.events = self.load.events.saturating_sub(events);
            self.pace.took(events, took);
            return;
        }
        if let Some((_, load)) = self.before.iter_mut().find(|(before, _)| *before == deployment) {
            load.batches = load.batches.saturating_sub(1);
            load.events = load.events.saturating_sub(events);
        }
        self.before.retain(|(_, load)| load.batches > 0);
    }

    pub fn runs_here(&self) -> bool {
        self.pace.here()
    }

    /// Who pays for the end of a try, and what becomes of the handler.
    pub fn judge(&mut self, ended: &Ended<'_>, now: Instant) -> (Charge, Vec<Turn>) {
        let is_current = ended.deployment == self.rules.deployment;
        match ended.ending {
            Ending::Ack | Ending::Skip if is_current => {
                let released = self.breaker.succeeded().then_some(Turn::Released);
                return (Charge::Event, self.prove().into_iter().chain(released).collect());
            }
            Ending::DeadLetter(_) if is_current => return (Charge::Event, self.prove().into_iter().collect()),
            _ => {}
        }
        let failed = ended.ending.error_type().is_some() && !matches!(ended.ending, Ending::DeadLetter(_));
        if failed && self.condemned == Some(ended.deployment) && !planted(Mutant::BlameTheCondemned) {
            return (Charge::Nobody, Vec::new());
        }
        // A generation before this one says nothing of it.
        if !failed || !is_current {
            return (Charge::Event, Vec::new());
        }
        let mut on_trial = false;
        if let (Some(trial), Ending::Error { .. } | Ending::Fault { .. }) = (&mut self.trial, ended.ending) {
            match trial.failed(ended.id, ended.attempt, now) {
                trial::Verdict::Open => on_trial = true,
                trial::Verdict::Over => return (Charge::Event, self.prove().into_iter().collect()),
                trial::Verdict::Bad => {
                    self.condemned = Some(ended.deployment);
                    let setbacks = self.trial.take().into_iter().flat_map(Trial::setbacks).collect();
                    return (Charge::Nobody, vec![Turn::RolledBack(setbacks)]);
                }
            }
        }
        match self.breaker.failed(ended.id, &self.rules.policy.retry, now) {
            Blame::Event if on_trial && !planted(Mutant::GiveUpOnTrial) => (Charge::EventLater, Vec::new()),
            Blame::Event => (Charge::Event, Vec::new()),
            Blame::Handler => (Charge::Nobody, Vec::new()),
            Blame::Quarantined => (Charge::Nobody, vec![Turn::Quarantined]),
        }
    }

    fn prove(&mut self) -> Option<Turn> {
        self.trial.take().map(|_| Turn::Proven)
    }

    pub fn is_on_trial(&self) -> bool {
        self.trial.is_some()
    }

    /// It goes on, out of a pause and out of quarantine. Answers whether it was quarantined.
    pub fn resume(&mut self) -> bool {
        self.paused = false;
        self.breaker.reset()
    }

    /// What it has to do now.
    pub fn load(&self) -> HandlerLoad {
        let before: usize = self.before.iter().map(|(_, load)| load.events).sum();
        HandlerLoad { in_flight: self.load.events + before, waiting: self.ready.len(), state: self.state() }
    }

    fn state(&self) -> HandlerState {
        if self.removed {
            HandlerState::Removed
        } else if self.paused {
            HandlerState::Paused
        } else if self.breaker.next_probe().is_some() {
            HandlerState::Quarantined
        } else if self.breaker.is_degraded() {
            HandlerState::Degraded
        } else {
            HandlerState::Running
        }
    }
}
