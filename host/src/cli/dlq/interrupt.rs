//! SIGINT and SIGTERM for work that may be broken off: the first asks for an end, the second ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Listens from now on. The answer is true once the end was asked for.
pub(in crate::cli) fn watch() -> anyhow::Result<Arc<AtomicBool>> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot watch for signals")?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let asked = Arc::new(AtomicBool::new(false));
    let flag = asked.clone();
    std::thread::spawn(move || {
        runtime.block_on(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if flag.swap(true, Ordering::Relaxed) {
                    std::process::exit(1);
                }
            }
        });
    });
    Ok(asked)
}
