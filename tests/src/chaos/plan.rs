//! What an event goes through, and what must come of it.

use std::fmt;

use rdkafka::message::{Header, OwnedHeaders};

/// Tries after the first, of every handler.
pub const MAX_RETRIES: u8 = 3;
/// No UTF-8: an event of this type cannot be decoded.
const NO_TEXT: &[u8] = &[0xc3, 0x28];

/// Handlers of every host, the probe each of them.
pub const HANDLERS: [Handler; 3] = [
    Handler { name: "alpha", group: Group::Shared },
    Handler { name: "beta", group: Group::Shared },
    Handler { name: "gamma", group: Group::Own },
];

/// One handler of every host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handler {
    /// Its name.
    pub name: &'static str,
    /// Whose watermark its verdicts move.
    pub group: Group,
}

/// A consumer group of the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// That of the first two handlers.
    Shared,
    /// That of the third alone.
    Own,
}

impl Group {
    /// Both.
    pub const ALL: [Group; 2] = [Group::Shared, Group::Own];

    /// The numbers of its handlers in [`HANDLERS`].
    pub fn handlers(self) -> impl Iterator<Item = usize> {
        (0..HANDLERS.len()).filter(move |handler| HANDLERS[*handler].group == self)
    }
}

/// The story of one event, the same with each handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Acknowledged at once.
    Ack,
    /// Passed over, which leaves no trace but the commit.
    Skip,
    /// Acknowledged after a wait in the host.
    Sleep,
    /// Acknowledged after work.
    Spin,
    /// Asks once to be retried.
    Retry,
    /// Fails twice with an error.
    Stumble,
    /// Traps once.
    TrapOnce,
    /// Fails with an error in every try.
    Exhaust,
    /// Asks to be retried in every try.
    RetryForever,
    /// Traps in every try.
    TrapForever,
    /// Rejected by the handler.
    Reject,
    /// No handler can be shown it.
    Undecodable,
}

/// What must become of an event, for each handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// An `ack` in this try.
    Ack {
        /// From 1.
        attempt: u8,
    },
    /// Neither an `ack` that is seen nor a dead letter.
    Silence,
    /// A dead letter of each handler.
    DeadLetter(Cause),
    /// One dead letter of each group.
    DeadLetterOfGroup(Cause),
}

/// What a dead letter says of itself: `dlq_reason`, `dlq_error_type`, `dlq_retry_count`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// `dlq_reason`.
    pub reason: &'static str,
    /// `dlq_error_type`.
    pub error_type: &'static str,
    /// `dlq_retry_count`.
    pub retries: u8,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.reason, self.error_type, self.retries)
    }
}

/// Of a hundred events, how many have each plan.
const SHARES: [(Plan, u8); 12] = [
    (Plan::Ack, 59),
    (Plan::Skip, 3),
    (Plan::Sleep, 10),
    (Plan::Spin, 4),
    (Plan::Retry, 8),
    (Plan::Stumble, 4),
    (Plan::TrapOnce, 3),
    (Plan::Exhaust, 3),
    (Plan::RetryForever, 1),
    (Plan::TrapForever, 1),
    (Plan::Reject, 3),
    (Plan::Undecodable, 1),
];

impl Plan {
    /// One of all plans, by their shares.
    pub fn draw(random: &mut fastrand::Rng) -> Plan {
        let mut left = random.u8(..SHARES.iter().map(|(_, share)| *share).sum::<u8>());
        for (plan, share) in SHARES {
            if left < share {
                return plan;
            }
            left -= share;
        }
        Plan::Ack
    }

    /// What must become of it.
    #[must_use]
    pub fn end(self) -> End {
        let exhausted = |error_type| Cause { reason: "max_retries_exceeded", error_type, retries: MAX_RETRIES };
        let at_once = |name| Cause { reason: name, error_type: name, retries: 0 };
        match self {
            Plan::Ack | Plan::Sleep | Plan::Spin => End::Ack { attempt: 1 },
            Plan::Retry | Plan::TrapOnce => End::Ack { attempt: 2 },
            Plan::Stumble => End::Ack { attempt: 3 },
            Plan::Skip => End::Silence,
            Plan::Exhaust => End::DeadLetter(exhausted("Broken")),
            Plan::RetryForever => End::DeadLetter(exhausted("retry")),
            Plan::TrapForever => End::DeadLetter(exhausted("trap")),
            Plan::Reject => End::DeadLetter(at_once("rejected")),
            Plan::Undecodable => End::DeadLetterOfGroup(at_once("deserialization_error")),
        }
    }

    /// The probe's steps.
    fn steps(self) -> &'static str {
        match self {
            Plan::Ack | Plan::Undecodable => "ack",
            Plan::Skip => "skip",
            Plan::Sleep => "sleep:20ms",
            Plan::Spin => "spin:5ms",
            Plan::Retry => "until:2:retry:10ms",
            Plan::Stumble => "until:3:error:Broken:it",
            Plan::TrapOnce => "until:2:trap",
            Plan::Exhaust => "error:Broken:it",
            Plan::RetryForever => "retry:5ms",
            Plan::TrapForever => "trap",
            Plan::Reject => "dead-letter:no",
        }
    }

    /// The headers of the event.
    #[must_use]
    pub fn headers(self) -> OwnedHeaders {
        let event_type = if self == Plan::Undecodable { NO_TEXT } else { b"Tried" };
        OwnedHeaders::new()
            .insert(Header { key: "event_type", value: Some(event_type) })
            .insert(Header { key: "probe", value: Some(self.steps()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_of_a_hundred_and_all_are_drawn() {
        assert_eq!(SHARES.iter().map(|(_, share)| u32::from(*share)).sum::<u32>(), 100);
        let mut random = fastrand::Rng::with_seed(1);
        let drawn: Vec<Plan> = (0..5000).map(|_| Plan::draw(&mut random)).collect();
        for (plan, share) in SHARES {
            let count = drawn.iter().filter(|drawn| **drawn == plan).count();
            assert!((usize::from(share) * 25..usize::from(share) * 100).contains(&count), "{plan:?}: {count} of 5000");
        }
    }
}
