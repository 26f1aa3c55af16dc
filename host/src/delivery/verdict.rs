//! What a try ends in, and the words by which that is reported.
//!
//! One place holds the names of all faults and reasons: they are metric attributes, dead-letter headers
//! and, because of that, words that a guest may not use for its own errors.

use std::fmt;
use std::time::Duration;

/// What the host saw go wrong in a guest. Never the broker's fault, and never the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The guest ran into an instruction that traps, a panic or an abort.
    Trap,
    /// Its stack was used up.
    StackOverflow,
    /// It called exit.
    Exit,
    /// The wall-clock time of a try was up.
    Timeout,
    /// The CPU time of a try was up.
    CpuTime,
    /// Its memories together would have passed their limit.
    Memory,
    /// Its tables would have.
    Table,
    /// It held too many handles.
    Handles,
    /// Its answer broke the handler's interface.
    BadResult,
    /// Its answer was too large.
    ResultSize,
    /// One call to the host carried too many bytes.
    HostcallBytes,
    /// It logged too much for one event.
    LogQuota,
    /// It published too much for one event.
    PublishQuota,
    /// No instance of it could be made.
    Instantiate,
}

impl FaultKind {
    /// Every fault.
    pub const ALL: [FaultKind; 14] = [
        FaultKind::Trap,
        FaultKind::StackOverflow,
        FaultKind::Exit,
        FaultKind::Timeout,
        FaultKind::CpuTime,
        FaultKind::Memory,
        FaultKind::Table,
        FaultKind::Handles,
        FaultKind::BadResult,
        FaultKind::ResultSize,
        FaultKind::HostcallBytes,
        FaultKind::LogQuota,
        FaultKind::PublishQuota,
        FaultKind::Instantiate,
    ];

    /// The value of `error.type`.
    pub const fn name(self) -> &'static str {
        match self {
            FaultKind::Trap => "trap",
            FaultKind::StackOverflow => "stack_overflow",
            FaultKind::Exit => "exit",
            FaultKind::Timeout => "timeout",
            FaultKind::CpuTime => "cpu_time",
            FaultKind::Memory => "memory",
            FaultKind::Table => "table",
            FaultKind::Handles => "handles",
            FaultKind::BadResult => "bad_result",
            FaultKind::ResultSize => "result_size",
            FaultKind::HostcallBytes => "hostcall_bytes",
            FaultKind::LogQuota => "log_quota",
            FaultKind::PublishQuota => "publish_quota",
            FaultKind::Instantiate => "instantiate",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `error.type` of the other ends that are no success.
pub mod error_type {
    /// The guest asked for another try.
    pub const RETRY: &str = "retry";
    /// The guest gave the event up.
    pub const REJECTED: &str = "rejected";
    /// No handler could be shown the record.
    pub const DESERIALIZATION: &str = "deserialization_error";
    /// The broker refused for good what the guest published.
    pub const PUBLISH_REJECTED: &str = "publish_rejected";
    /// A guest's kind that is ill-formed, or a word of the host's own.
    pub const OTHER: &str = "_other";
}

/// Why an event went to the dead letters: `dlq_reason` and `dlq.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Every allowed try failed.
    MaxRetriesExceeded,
    /// The handler said so.
    Rejected,
    /// No handler could be shown the record.
    Deserialization,
    /// The broker refused for good what the handler published.
    PublishRejected,
}

impl Reason {
    /// The word that is written.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::MaxRetriesExceeded => "max_retries_exceeded",
            Reason::Rejected => error_type::REJECTED,
            Reason::Deserialization => error_type::DESERIALIZATION,
            Reason::PublishRejected => error_type::PUBLISH_REJECTED,
        }
    }
}

/// The kind of a guest's own error: `[A-Za-z][A-Za-z0-9_.]{0,63}`, and none of the host's words.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ErrorKind(Box<str>);

impl ErrorKind {
    const MAX_BYTES: usize = 64;

    /// What the guest called its error, or [`error_type::OTHER`] where that may not stand in a metric.
    pub fn from_guest(kind: &str) -> ErrorKind {
        let mut bytes = kind.bytes();
        let well_formed = kind.len() <= Self::MAX_BYTES
            && bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
        let kind = if well_formed && !is_own_word(kind) { kind } else { error_type::OTHER };
        ErrorKind(kind.into())
    }

    /// The kind as it is reported.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether an `error.type` is one of the host's own, which no guest can take or use up.
pub fn is_own_word(kind: &str) -> bool {
    use error_type::{DESERIALIZATION, PUBLISH_REJECTED, REJECTED, RETRY};
    [RETRY, REJECTED, DESERIALIZATION, PUBLISH_REJECTED, Reason::MaxRetriesExceeded.name()].contains(&kind)
        || FaultKind::ALL.iter().any(|fault| fault.name() == kind)
}

/// What one try ended in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Done; what the try published leaves.
    Ack,
    /// Done, and there was nothing to do.
    Skip,
    /// Again, after that time or the configured one.
    Retry(Option<Duration>),
    /// Given up by the handler, with its reason.
    DeadLetter(String),
    /// The handler's own error.
    Error {
        /// Its kind.
        kind: ErrorKind,
        /// Its message, for people.
        message: String,
    },
    /// The host stopped the guest, or the guest broke.
    Fault {
        /// What went wrong.
        kind: FaultKind,
        /// What is known of it, for people.
        message: String,
    },
}

impl Ending {
    /// Every verdict's name.
    pub const NAMES: [&str; 6] = ["ack", "skip", "retry", "dead-letter", "error", "fault"];

    /// The verdict's name, one of [`Self::NAMES`].
    pub const fn name(&self) -> &'static str {
        match self {
            Ending::Ack => "ack",
            Ending::Skip => "skip",
            Ending::Retry(_) => "retry",
            Ending::DeadLetter(_) => "dead-letter",
            Ending::Error { .. } => "error",
            Ending::Fault { .. } => "fault",
        }
    }

    /// The value of `error.type`; `None` for the ends that are a success.
    pub fn error_type(&self) -> Option<&str> {
        match self {
            Ending::Ack | Ending::Skip => None,
            Ending::Retry(_) => Some(error_type::RETRY),
            Ending::DeadLetter(_) => Some(error_type::REJECTED),
            Ending::Error { kind, .. } => Some(kind.as_str()),
            Ending::Fault { kind, .. } => Some(kind.name()),
        }
    }

    /// What a person is told.
    pub fn message(&self) -> &str {
        match self {
            Ending::Ack | Ending::Skip => "",
            Ending::Retry(_) => "the handler asked for another try",
            Ending::DeadLetter(reason) => reason,
            Ending::Error { message, .. } | Ending::Fault { message, .. } => message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_names_its_own_errors_within_bounds() {
        for kind in ["ValueError", "a", "db.Timeout_2", &"x".repeat(64)] {
            assert_eq!(ErrorKind::from_guest(kind).as_str(), kind);
        }
        for kind in ["", "1a", "_x", "a b", "é", "a-b", &"x".repeat(65), "a\n"] {
            assert_eq!(ErrorKind::from_guest(kind).as_str(), error_type::OTHER, "{kind:?}");
        }
    }

    #[test]
    fn a_guest_cannot_use_the_hosts_words() {
        let faults = FaultKind::ALL.map(FaultKind::name);
        let words = ["retry", "rejected", "deserialization_error", "publish_rejected", "max_retries_exceeded"];
        for word in faults.into_iter().chain(words) {
            assert_eq!(ErrorKind::from_guest(word).as_str(), error_type::OTHER, "{word:?}");
        }
    }
}
