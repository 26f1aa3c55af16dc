//! `[[handler]]`: one configured use of a component, with every value that holds for it.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use super::check::{self, Count, Fraction, ListOf, OneOf, Positive, Size, Text};
use super::key::{keys, layered_keys};
use super::{Grants, HandlerName, Limits, Ordering, Pattern, Quarantine, RetryPolicy, TopicName, kafka, paths};

/// One configured use of a component.
#[derive(Clone, Debug, PartialEq)]
pub struct Handler {
    /// Unique among the handlers; the metric attribute `handler.name`.
    pub name: HandlerName,
    /// The component's file. It was there when the configuration was read.
    pub component: PathBuf,
    /// Which event types it wants; never empty. `None`: what the component describes.
    pub events: Option<Vec<Pattern>>,
    /// Which consumer group it reads with.
    pub group: Group,
    /// Source topics; never empty, no repeats.
    pub topics: Vec<TopicName>,
    /// Which of its deliveries must not overlap.
    pub ordering: Ordering,
    /// When a failed try is repeated.
    pub retry: RetryPolicy,
    /// When it is quarantined. `None`: never.
    pub quarantine: Option<Quarantine>,
    /// Instances that work at once.
    pub concurrency: NonZero<u32>,
    /// Whether an instance is used for more than one try.
    pub isolation: Isolation,
    /// Events after which an instance is replaced, about. `None`: none.
    pub reuse_events: Option<NonZero<u32>>,
    /// Share of its room for memory that an instance may fill before it is replaced. 0 to 1.
    pub reuse_memory: f64,
    /// Wall clock of one try; more than zero.
    pub timeout: Duration,
    /// Guest CPU of one try, host calls not counted; more than zero.
    pub cpu_time: Duration,
    /// Bytes of all linear memories of one instance together; 64 KiB to 4 GiB.
    pub memory: u64,
    /// How many first events of a new generation must all fail for it to be taken back. `None`:
    /// it never is.
    pub rollback_after: Option<NonZero<u32>>,
    /// Bounds of what one event may take.
    pub limits: Limits,
    /// What the guest reads through its config import, sorted by key.
    pub config: BTreeMap<String, String>,
    /// What it may reach outside the sandbox.
    pub grants: Grants,
}

/// Which consumer group a handler reads with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// `kafka.consumer_group`, with one watermark for all of its handlers.
    Shared,
    /// `<kafka.consumer_group>.<name>`, with lag, start and watermark of its own.
    Own,
}

/// Whether an instance is used for more than one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Until something goes wrong in it, or it has been used enough.
    Reuse,
    /// Never.
    Fresh,
}

const HOUR: u64 = 60 * 60 * 1000;

keys! {
    /// What makes a `[[handler]]` this handler.
    IdentityKeys {
        name: HandlerName = Text {
            allowed: HandlerName::EXPECTED,
            parse: |text| HandlerName::new(text).map_err(|_| String::new()),
        }, "", "Its name, the metric attribute `handler.name`. Required.";
        component: PathBuf = paths::FILE, "", "The component's file. Required.";
    }
}

layered_keys! {
    /// How a handler runs, as it is read.
    RunKeys {
        events: Vec<Pattern> = ListOf {
            min: 1,
            repeats: true,
            plural: "event types or patterns",
            allowed: "an event type or a pattern of 1 to 256 bytes",
            parse: |text| Pattern::new(text).map_err(|_| String::new()),
        }, "", "Event types that it wants: whole type, case-sensitive, `*` is any run of characters and nothing else is special. Unless set, what the component describes.";
        topics: Vec<TopicName> = kafka::topics(1), "",
            "Source topics. Unless set, those of `[kafka]`.";
        group: Group = OneOf::new(&[("shared", Group::Shared), ("own", Group::Own)]), "\"shared\"",
            "Whether it shares the consumer group `kafka.consumer_group`, or has `<consumer_group>.<name>` for its own, with its own lag and start.";
        concurrency: NonZero<u32> = Positive(10_000), "2",
            "Instances that work at once.";
        isolation: Isolation = OneOf::new(&[("reuse", Isolation::Reuse), ("fresh", Isolation::Fresh)]), "\"reuse\"",
            "Whether an instance is used again, or made anew for every try.";
        reuse_events: u32 = Count(0, 1_000_000_000), "100000",
            "After about this many events an instance is replaced: each draws its own number, up to a tenth more or less, so that instances do not end together. 0 is never.";
        reuse_memory: f64 = Fraction, "0.8",
            "An instance is replaced when its memory has grown past this share of the room that was left to `memory` after its first call. 1 is never.";
        timeout: Duration = check::Duration(1, HOUR), "\"5s\"",
            "Wall clock of one try.";
        cpu_time: Duration = check::Duration(1, HOUR), "\"1s\"",
            "Guest CPU of one try, host calls not counted.";
        memory: u64 = Size(64 << 10, 4 << 30), "\"64MiB\"",
            "All linear memories of one instance together.";
        rollback_after: u32 = Count(0, 1_000_000), "5",
            "After this many first events that all end in errors or faults, a new generation is taken back. 0 is never.";
    }
}
