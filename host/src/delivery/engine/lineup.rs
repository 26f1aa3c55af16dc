//! The handlers of a group as they are now, and how they change: generations come and go, handlers are added, removed,
//! paused and resumed. Indices are never used again.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Instant;

use super::super::handler::{Change, Deployment};
use super::super::partition::HandlerIndex;
use super::super::ports::{Instances, Proof};
use super::{Engine, EngineHandler, Wanting};
use crate::config::Ordering;
use crate::event::Event;

/// See the module's documentation.
pub(super) struct Lineup(Vec<Member>);

struct Member {
    handler: EngineHandler,
    /// The generation to go back to, as long as the one at work may be taken back.
    fallback: Option<EngineHandler>,
    /// Components of deployments before, of which something may still run.
    digests: VecDeque<(Deployment, Arc<str>)>,
    removed: bool,
}

/// How many of them are known. Each may run for its timeout, and they come one after the other.
const DIGESTS: usize = 16;

impl Member {
    fn new(handler: EngineHandler) -> Member {
        Member { handler, fallback: None, digests: VecDeque::new(), removed: false }
    }
}

impl Lineup {
    pub fn new(handlers: Vec<EngineHandler>) -> Lineup {
        Lineup(handlers.into_iter().map(Member::new).collect())
    }

    fn member(&mut self, handler: HandlerIndex) -> Option<&mut Member> {
        self.0.get_mut(usize::from(handler))
    }

    pub fn get(&self, handler: HandlerIndex) -> Option<&EngineHandler> {
        self.0.get(usize::from(handler)).map(|member| &member.handler)
    }

    pub fn name(&self, handler: HandlerIndex) -> &str {
        self.get(handler).map_or("", |handler| &handler.name)
    }

    pub fn ordering(&self, handler: HandlerIndex) -> Ordering {
        self.get(handler).map_or(Ordering::Key, |handler| handler.ordering)
    }

    /// The component that ran in a deployment of the handler, as far as it is known; otherwise the one at work.
    pub fn digest(&self, handler: HandlerIndex, deployment: Option<Deployment>) -> Option<&Arc<str>> {
        let member = self.0.get(usize::from(handler))?;
        let before = member.digests.iter().find(|(before, _)| Some(*before) == deployment);
        Some(before.map_or(&member.handler.digest, |(_, digest)| digest))
    }

    /// What runs the handler's batches.
    pub fn at_work(&self, handler: HandlerIndex) -> Option<(Deployment, &Arc<dyn Instances>)> {
        self.get(handler).map(|handler| (handler.deployment, &handler.instances))
    }

    /// The handler with this name, if it was not removed.
    pub fn index_of(&self, name: &str) -> Option<HandlerIndex> {
        let index = self.0.iter().position(|member| !member.removed && &*member.handler.name == name);
        index.map(|index| index as HandlerIndex)
    }

    /// Handlers that are given this event.
    pub fn wanting<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = HandlerIndex> + 'a {
        let wanting = |member: &Member| !member.removed && member.handler.subscription.wants(event);
        self.0.iter().enumerate().filter(move |(_, member)| wanting(member)).map(|(index, _)| index as HandlerIndex)
    }
}

impl Engine {
    pub(super) fn change(&mut self, change: Change) {
        // Who wants what may be another.
        self.wanting = Wanting::default();
        match change {
            Change::Add(handler) => {
                self.log_offsets(&handler.name, "added: it is given what is read from here on");
                self.scheduler.add(handler.rules());
                self.lineup.0.push(Member::new(*handler));
            }
            Change::Deploy { handler, generation, rollback_after } => {
                self.deploy(handler, *generation, rollback_after);
            }
            Change::Remove(handler) => self.remove(handler),
            Change::Pause(handler) => {
                self.scheduler.pause(handler);
                tracing::info!(handler = self.lineup.name(handler), group = %self.group, "paused: its events wait");
            }
            Change::Resume(handler) => {
                self.scheduler.resume(handler, &mut self.commands);
                tracing::info!(handler = self.lineup.name(handler), group = %self.group, "resumed");
            }
        }
        self.observer.load(self.scheduler.load());
    }

    fn deploy(&mut self, handler: HandlerIndex, generation: EngineHandler, rollback_after: Option<NonZero<u32>>) {
        let Some(member) = self.lineup.member(handler).filter(|member| !member.removed) else { return };
        generation.instances.wake();
        let on_trial = self.scheduler.is_on_trial(handler);
        self.scheduler.deploy(handler, generation.rules(), rollback_after);
        let before = std::mem::replace(&mut member.handler, generation);
        before.instances.rest();
        member.digests.push_back((before.deployment, before.digest.clone()));
        if member.digests.len() > DIGESTS {
            member.digests.pop_front();
        }
        member.fallback = match rollback_after {
            // Of the one on trial until now it is not known that it is good; the one before it is.
            Some(_) if on_trial => member.fallback.take().or(Some(before)),
            Some(_) => Some(before),
            None => None,
        };
    }

    pub(super) fn proven(&mut self, handler: HandlerIndex) {
        let Some(member) = self.lineup.member(handler) else { return };
        member.fallback = None;
        (self.proofs)(handler, Proof::Good(member.handler.deployment));
    }

    fn remove(&mut self, handler: HandlerIndex) {
        let Some(member) = self.lineup.member(handler) else { return };
        member.removed = true;
        member.fallback = None;
        member.handler.instances.rest();
        let given_up = self.scheduler.remove(handler, Instant::now(), &mut self.commands);
        let name = self.lineup.name(handler).to_owned();
        self.log_offsets(&name, "removed: nothing from here on waits for it");
        if given_up > 0 {
            tracing::warn!(handler = name, group = %self.group, deliveries = given_up, "a removed handler gave up what it had not finished");
            self.observer.abandoned(Some(handler), given_up as u64);
        }
    }

    pub(super) fn roll_back(&mut self, handler: HandlerIndex) {
        let Some(member) = self.lineup.member(handler) else { return };
        let Some(good) = member.fallback.take() else { return };
        let (bad, deployment) = (member.handler.digest.clone(), member.handler.deployment);
        tracing::error!(
            handler = &*good.name, group = %self.group, from = &*bad, to = &*good.digest,
            "all first events of the new generation failed: rolled back; they are tried again"
        );
        let back_to = good.deployment;
        self.deploy(handler, good, None);
        self.wanting = Wanting::default();
        (self.proofs)(handler, Proof::Bad { deployment, back_to });
        self.observer.load(self.scheduler.load());
    }

    pub(super) fn quarantined(&self, handler: HandlerIndex) {
        tracing::error!(
            handler = self.lineup.name(handler), group = %self.group,
            "quarantined: its tries fail one after the other; its events wait, and single ones probe it"
        );
        self.observer.load(self.scheduler.load());
    }

    pub(super) fn released(&self, handler: HandlerIndex) {
        tracing::info!(handler = self.lineup.name(handler), group = %self.group, "out of quarantine");
        self.observer.load(self.scheduler.load());
    }

    /// What each partition has come to.
    fn log_offsets(&self, handler: &str, what: &str) {
        for (partition, offset) in self.scheduler.ends() {
            tracing::info!(handler, group = %self.group, %partition, offset, "{what}");
        }
    }
}
