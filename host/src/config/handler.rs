//! One handler, checked, with every value that holds for it: its own, else that of `[handlers]`,
//! else that of `[delivery]` or `[kafka]`, else the default.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use super::{Grants, HandlerName, Ordering, Pattern, Quarantine, RetryPolicy, TopicName};

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
    /// Until something goes wrong in it.
    Reuse,
    /// Never.
    Fresh,
}

/// Bounds of what one event may take; `result` and `hostcall` of what one call may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one call's answer.
    pub result: u64,
    /// Bytes that one call may pass to the host or get from it.
    pub hostcall: u64,
    /// Log lines.
    pub logs: u32,
    /// Bytes of log lines.
    pub log_bytes: u64,
    /// Published records.
    pub publishes: u32,
    /// Bytes of published records.
    pub publish_bytes: u64,
    /// Elements of all tables of an instance together.
    pub table_elements: u32,
    /// Host resources that an instance may hold.
    pub handles: u32,
}
