//! What the engine knows of a handler, and how that changes while it runs.

use std::num::NonZero;
use std::sync::Arc;

use crossbeam_channel::Sender;

use super::partition::{HandlerIndex, Policy};
use super::ports::Instances;
use super::scheduler::Rules;
use crate::config::{Ordering, Pattern, Quarantine, TopicName};
use crate::event::Event;

/// One time that a generation of a handler was put to work, of all times in this process: a try belongs to the one
/// that started it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Deployment(pub u64);

/// Which events a handler is given: those of its topics whose type it wants.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// Topics that it reads.
    pub topics: Vec<TopicName>,
    /// Event types that it wants.
    pub events: Vec<Pattern>,
}

impl Subscription {
    /// Whether the event is one of them.
    pub fn wants(&self, event: &Event) -> bool {
        self.topics.iter().any(|topic| topic.as_str() == &**event.record.topic())
            && self.events.iter().any(|pattern| pattern.matches(event.event_type()))
    }
}

/// One handler, as the engine needs to know it.
#[derive(Clone)]
pub struct EngineHandler {
    /// `handler.name`.
    pub name: Arc<str>,
    /// Of its component, in hexadecimal.
    pub digest: Arc<str>,
    /// What it is given.
    pub subscription: Subscription,
    /// What must stay in order.
    pub ordering: Ordering,
    /// Tries and waits.
    pub policy: Policy,
    /// When it is quarantined. `None`: never.
    pub quarantine: Option<Quarantine>,
    /// Batches that may be under way at once.
    pub concurrency: u32,
    /// Events of one batch, at most.
    pub max_batch: usize,
    /// What its instances answer with.
    pub deployment: Deployment,
    /// Its instances.
    pub instances: Arc<dyn Instances>,
}

impl EngineHandler {
    /// What of it the scheduler decides by.
    pub fn rules(&self) -> Rules {
        Rules {
            policy: self.policy,
            quarantine: self.quarantine,
            concurrency: self.concurrency,
            max_batch: self.max_batch,
            deployment: self.deployment,
        }
    }
}

/// A change of a group's handlers.
pub enum Change {
    /// One more, at the next index. It is given what is read from now on.
    Add(Box<EngineHandler>),
    /// Another generation: what starts from now on runs there.
    Deploy {
        /// Of which handler.
        handler: HandlerIndex,
        /// It.
        generation: Box<EngineHandler>,
        /// It is taken back, for the one before it, if so many first events all fail.
        rollback_after: Option<NonZero<u32>>,
    },
    /// It is given nothing more, and what it has not finished is given up.
    Remove(HandlerIndex),
    /// It starts nothing more; its events wait.
    Pause(HandlerIndex),
    /// It goes on, out of a pause and out of quarantine.
    Resume(HandlerIndex),
}

/// A change, and who waits for it to be done.
pub struct Ask {
    /// What is to change.
    pub change: Change,
    /// Told when it has.
    pub done: Sender<()>,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.change {
            Change::Add(_) => "Add",
            Change::Deploy { .. } => "Deploy",
            Change::Remove(_) => "Remove",
            Change::Pause(_) => "Pause",
            Change::Resume(_) => "Resume",
        })
    }
}
