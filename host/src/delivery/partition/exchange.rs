//! What goes into a partition's decisions, and what comes out of them.

use std::time::Instant;

use super::{DeliveryKey, HandlerIndex, Lane};
use crate::config::RetryPolicy;
use crate::delivery::handler::Deployment;
use crate::delivery::verdict::{Ending, Reason};

/// What a handler's deliveries follow.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Its tries and waits.
    pub retry: RetryPolicy,
    /// Whether what is given up becomes a dead letter. Otherwise it is dropped, and counted.
    pub dead_letters: bool,
}

/// What the caller has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect<E> {
    /// A try may run: [`super::Partition::start`].
    Ready(HandlerIndex, DeliveryKey),
    /// Send a dead letter. Answered by [`super::Partition::settled`] once the broker has acknowledged it.
    DeadLetter(GivenUp<E>),
    /// The event was given up and is not kept. Needs no answer.
    Dropped(GivenUp<E>),
}

/// An event that gets no more tries.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenUp<E> {
    /// Which delivery.
    pub key: DeliveryKey,
    /// Of which handler. `None` for a record that no handler can be shown.
    pub handler: Option<HandlerIndex>,
    /// The event.
    pub event: E,
    /// Why.
    pub reason: Reason,
    /// The last try's `error.type`.
    pub error_type: Box<str>,
    /// What is known, for people.
    pub message: Box<str>,
    /// The last try's number; 0 where there was none.
    pub attempt: u32,
    /// What the try ran in that ended it, if one did.
    pub deployment: Option<Deployment>,
}

/// A try that was started.
#[derive(Clone, Debug, PartialEq)]
pub struct Started<E> {
    /// Counts the delivery's tries, from 1.
    pub attempt: u32,
    /// Its lane. `None`: it has no order.
    pub lane: Option<Lane>,
    /// The event.
    pub event: E,
    /// What its record counts for.
    pub bytes: u64,
    /// It must be the only one of its batch.
    pub alone: bool,
    /// Since when it waits to be started: since its event came, or since its next try was due.
    pub since: Instant,
    /// The next of its lane, which may be started for the same batch, behind it; null if there is none.
    pub next: DeliveryKey,
}

/// A record that was read.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<E> {
    /// Where it stands.
    pub offset: i64,
    /// What it counts for in the partition's [account](crate::delivery::buffer::Account), where the consumer has
    /// admitted it.
    pub bytes: u64,
    /// A handle on it, cheap to clone.
    pub event: E,
    /// When it came.
    pub at: Instant,
}

/// Where a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Behind an earlier one of its lane.
    Behind,
    /// For an idle instance.
    Ready,
    /// It runs.
    Running,
    /// It failed, and its next try is due later.
    Waiting,
    /// What belongs to it is on its way to the broker.
    Settling,
}

impl Stage {
    /// A word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Behind => "behind another of its lane",
            Stage::Ready => "waiting for an instance",
            Stage::Running => "running",
            Stage::Waiting => "waiting for its next try",
            Stage::Settling => "waiting for the broker",
        }
    }
}

/// The record that holds a partition's watermark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oldest<'a, E> {
    /// Where it stands.
    pub offset: i64,
    /// When it came.
    pub at: Instant,
    /// The event.
    pub event: &'a E,
}

/// Who pays for the end of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// The event: a failure is one of its tries.
    Event,
    /// The event, but it is not given up yet: if this was its last try, it gets another.
    EventLater,
    /// Nobody: after a failure the event is tried again, behind the others that are ready, by the same number.
    Nobody,
}

/// The end of a try.
#[derive(Clone, Copy, Debug)]
pub struct TryEnd<'a> {
    /// What it ran in.
    pub deployment: Deployment,
    /// How it ended.
    pub ending: &'a Ending,
    /// What it published is not acknowledged yet, and [`super::Partition::settled`] or [`super::Partition::refused`] will follow.
    pub settles_later: bool,
    /// Who pays, if it failed.
    pub charge: Charge,
    /// Uniform in 0 to 1.
    pub draw: f64,
}
