//! `[handler.limits]`: bounds of what one event may take.

use super::check::{Count, Size};
use super::key::layered_keys;

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
    /// HTTP requests.
    pub http_requests: u32,
    /// Bytes of the bodies of HTTP requests and their answers.
    pub http_bytes: u64,
    /// Elements of all tables of an instance together.
    pub table_elements: u32,
    /// Host resources that an instance may hold.
    pub handles: u32,
}

const MILLION: u32 = 1_000_000;
const GIB: u64 = 1 << 30;

layered_keys! {
    /// `[handler.limits]`, as it is read.
    LimitsKeys {
        result: u64 = Size(1 << 10, GIB), "\"1MiB\"", "Bytes of one call's answer.";
        hostcall: u64 = Size(1 << 10, GIB), "\"16MiB\"", "Bytes that pass between guest and host in the imports of one call.";
        logs: u32 = Count(0, MILLION), "1000", "Log lines.";
        log_bytes: u64 = Size(0, GIB), "\"256KiB\"", "Bytes of log lines.";
        publishes: u32 = Count(0, MILLION), "1000", "Published records.";
        publish_bytes: u64 = Size(0, GIB), "\"8MiB\"", "Bytes of published records.";
        http_requests: u32 = Count(0, MILLION), "100", "HTTP requests.";
        http_bytes: u64 = Size(0, GIB), "\"8MiB\"", "Bytes of the bodies of HTTP requests and of their answers together.";
        table_elements: u32 = Count(0, 10 * MILLION), "20000", "Elements of all tables of an instance together.";
        handles: u32 = Count(0, MILLION), "1000", "Host resources that an instance may hold at once.";
    }
}

impl LimitsKeys {
    /// The checked values, if all are good.
    pub fn checked(&self) -> Option<Limits> {
        Some(Limits {
            result: *self.result.value()?,
            hostcall: *self.hostcall.value()?,
            logs: *self.logs.value()?,
            log_bytes: *self.log_bytes.value()?,
            publishes: *self.publishes.value()?,
            publish_bytes: *self.publish_bytes.value()?,
            http_requests: *self.http_requests.value()?,
            http_bytes: *self.http_bytes.value()?,
            table_elements: *self.table_elements.value()?,
            handles: *self.handles.value()?,
        })
    }
}
