//! Bounds all memories of an instance together, and its tables. Wasmtime's own limiter looks at each
//! memory alone.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::fault::Stop;
use super::ports::GuestSink;
use crate::delivery::verdict::FaultKind;

/// What one instance may take, and has taken.
pub struct Limiter {
    /// Hears of the memory that is taken, and given back with the instance.
    sink: Arc<dyn GuestSink>,
    max_memory: usize,
    max_table_elements: usize,
    memory: usize,
    table_elements: usize,
}

impl Limiter {
    /// Bytes of all memories, and elements of all tables.
    pub fn new(max_memory: u64, max_table_elements: u32, sink: Arc<dyn GuestSink>) -> Limiter {
        Limiter {
            sink,
            max_memory: usize::try_from(max_memory).unwrap_or(usize::MAX),
            max_table_elements: max_table_elements as usize,
            memory: 0,
            table_elements: 0,
        }
    }

    /// Bytes of all memories together. A memory never shrinks, so this is the peak as well.
    pub fn memory(&self) -> u64 {
        self.memory as u64
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.sink.memory(-signed(self.memory));
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl ResourceLimiter for Limiter {
    /// An error rather than a refusal: a language runtime answers a refusal by an abort that says
    /// nothing of memory.
    fn memory_growing(&mut self, current: usize, desired: usize, own: Option<usize>) -> wasmtime::Result<bool> {
        if let Some(own) = own.filter(|own| desired > *own) {
            let (desired, own) = (bytesize::ByteSize(desired as u64), bytesize::ByteSize(own as u64));
            let message = format!("{desired} of one memory would be more than the {own} that the component allows it");
            return Err(Stop::error(FaultKind::Memory, message));
        }
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.max_memory {
            let (total, max) = (total as u64, self.max_memory as u64);
            let message = format!(
                "{} of memory would be more than the limit of {}",
                bytesize::ByteSize(total),
                bytesize::ByteSize(max)
            );
            return Err(Stop::error(FaultKind::Memory, message));
        }
        self.sink.memory(signed(total) - signed(self.memory));
        self.memory = total;
        Ok(true)
    }

    /// What 32 bits address is passed, or the system has no more. As above.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Stop::error(FaultKind::Memory, format!("a memory cannot grow: {error}")))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > self.max_table_elements {
            let message = format!("{total} table elements are more than the limit of {}", self.max_table_elements);
            return Err(Stop::error(FaultKind::Table, message));
        }
        self.table_elements = total;
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Stop::error(FaultKind::Table, format!("a table cannot grow: {error}")))
    }
}
