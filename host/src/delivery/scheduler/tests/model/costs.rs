//! Who pays for a failed try, as the model sees it: quarantines and generations on trial.

use super::*;

/// A handler, as the model knows it.
#[derive(Default)]
pub(super) struct Member {
    pub(super) deployment: Deployment,
    /// What it goes back to.
    pub(super) before: Deployment,
    pub(super) paused: bool,
    pub(super) quarantined: bool,
    pub(super) failed: u32,
    pub(super) events: BTreeSet<DeliveryId>,
    pub(super) trial: Option<OnTrial>,
    pub(super) condemned: Option<Deployment>,
}

#[derive(Default)]
pub(super) struct OnTrial {
    pub(super) until: Option<Instant>,
    /// What failed, with what each had before.
    pub(super) failed: BTreeMap<DeliveryId, (u32, Place, u32)>,
}

/// What a failure costs.
#[derive(PartialEq)]
pub(super) enum Cost {
    ATry,
    /// And nothing more, though it was the last.
    ATryAtMost,
    Nothing,
}

impl World {
    pub(super) fn give_back(&mut self, handler: usize, trial: OnTrial) {
        let handler = HandlerIndex::try_from(handler).unwrap();
        for (id, (attempt, (_, offset), era)) in trial.failed {
            let running =
                self.running.iter().flatten().any(|running| running.id == id) || self.ending_now.contains(&id);
            let Some(reader) = self.readers.get_mut(&id.assignment).filter(|reader| reader.era == era) else {
                continue;
            };
            if let Some(tries) = reader.tries.get_mut(&(offset, handler)) {
                *tries = (*tries).min(attempt - u32::from(!running));
            }
        }
    }

    /// The model's own idea of who pays.
    pub(super) fn cost(&mut self, running: &Running, ending: &Ending) -> Cost {
        let (now, handler) = (self.now, usize::from(running.handler));
        let member = &mut self.members[handler];
        let is_current = running.deployment == member.deployment;
        let succeeded = matches!(ending, Ending::Ack | Ending::Skip);
        if succeeded || matches!(ending, Ending::DeadLetter(_)) {
            if is_current {
                member.trial = None;
            }
            if is_current && succeeded {
                if member.quarantined {
                    self.turns.push_back((running.handler, false));
                }
                (member.quarantined, member.failed) = (false, 0);
                member.events.clear();
            }
            return Cost::ATry;
        }
        if member.condemned == Some(running.deployment) {
            return Cost::Nothing;
        }
        if !is_current {
            return Cost::ATry;
        }
        let mut undecided = false;
        if let (Some(trial), false) = (&mut member.trial, matches!(ending, Ending::Retry(_))) {
            if now >= *trial.until.get_or_insert(now + crate::delivery::trial::LONGEST) {
                member.trial = None;
                return Cost::ATry;
            }
            trial.failed.entry(running.id).or_insert((running.attempt, running.place, running.era));
            if trial.failed.len() == TRIAL as usize {
                member.condemned = Some(running.deployment);
                let trial = member.trial.take().unwrap();
                self.give_back(handler, trial);
                return Cost::Nothing;
            }
            undecided = true;
        }
        let Some((tries, events)) = QUARANTINE.get(handler) else {
            return if undecided { Cost::ATryAtMost } else { Cost::ATry };
        };
        if member.quarantined {
            return Cost::Nothing;
        }
        member.failed += 1;
        if member.events.len() < *events as usize {
            member.events.insert(running.id);
        }
        member.quarantined = member.failed >= *tries && member.events.len() == *events as usize;
        if member.quarantined {
            self.turns.push_back((running.handler, true));
        }
        match (member.quarantined, undecided) {
            (true, _) => Cost::Nothing,
            (false, true) => Cost::ATryAtMost,
            (false, false) => Cost::ATry,
        }
    }
}
