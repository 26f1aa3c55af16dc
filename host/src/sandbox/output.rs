//! A guest's standard output and error: each line becomes a log line, within the log's quota.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use super::ports::LogLevel;
use super::state::LogBook;

/// The longest piece that is held back while its line has no end.
const MAX_PENDING: usize = 8 << 10;

/// One of the two streams of an instance.
#[derive(Clone)]
pub struct LogOutput {
    log: Arc<LogBook>,
    level: LogLevel,
    pending: Arc<Mutex<Vec<u8>>>,
}

impl LogOutput {
    /// Lines go to `log`.
    pub fn new(log: Arc<LogBook>, level: LogLevel) -> Self {
        Self { log, level, pending: Arc::default() }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            if byte != b'\n' {
                pending.push(byte);
            }
            if byte == b'\n' || pending.len() >= MAX_PENDING {
                let line = String::from_utf8_lossy(&pending).into_owned();
                pending.clear();
                self.log.line(self.level, &line).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }
}

impl IsTerminal for LogOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for LogOutput {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
