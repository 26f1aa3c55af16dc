//! Handlers in native code, inside the same host: what `sandbus bench` compares components with.
//!
//! A native handler takes the place of a configured component's instances, and nothing else changes: same
//! engine, batches, accounting and outbox. It has no sandbox: no limits, no timeout, no faults.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::time::{ClockId, clock_gettime};

use crate::delivery::ports::{Ran, Tried, Try};
use crate::delivery::verdict::Ending;
use crate::event::{Event, Outgoing};
use crate::sandbox::pool::Report;
use crate::sandbox::state::HandlerSettings;

/// One instance of a native handler.
pub trait NativeHandler: Send {
    /// Handles one event. What is put into the outbox leaves if the ending is `ack`.
    fn handle(&mut self, event: &Event, outbox: &mut Vec<Outgoing>) -> Ending;
}

/// Makes an instance, from its handler's settings.
pub type MakeNative = Arc<dyn Fn(&HandlerSettings) -> Box<dyn NativeHandler> + Send + Sync>;

/// Which handlers are native, by name.
pub type Natives = HashMap<String, MakeNative>;

/// The instances of one native handler, each on a thread of its own. Dropped, they end with what they run.
pub struct NativePool {
    queue: Sender<Vec<Try>>,
}

impl NativePool {
    /// Starts `concurrency` threads.
    ///
    /// # Errors
    /// Where one cannot be started.
    pub fn start(
        make: &MakeNative,
        settings: &HandlerSettings,
        concurrency: u32,
        report: &Report,
    ) -> anyhow::Result<Self> {
        let (queue, batches) = unbounded();
        for _ in 0..concurrency {
            let (handler, batches, report) = (make(settings), batches.clone(), report.clone());
            std::thread::Builder::new()
                .name("native".into())
                .spawn(move || serve(handler, &batches, &report))
                .context("cannot start a native handler's thread")?;
        }
        Ok(NativePool { queue })
    }

    /// Runs a batch on an idle instance.
    pub fn run(&self, batch: Vec<Try>) {
        // The threads end only when this sender is gone.
        let _ = self.queue.send(batch);
    }
}

fn serve(mut handler: Box<dyn NativeHandler>, batches: &Receiver<Vec<Try>>, report: &Report) {
    while let Ok(batch) = batches.recv() {
        let (started, cpu) = (Instant::now(), thread_cpu());
        let events = u32::try_from(batch.len()).unwrap_or(u32::MAX).max(1);
        let mut tried = Vec::with_capacity(batch.len());
        let mut failed: Vec<Try> = Vec::new();
        for run in batch {
            if failed.iter().any(|earlier| earlier.shares_lane(&run)) {
                tried.push(Tried::not_run(run));
                continue;
            }
            let mut outbox = Vec::new();
            let ending = handler.handle(&run.event, &mut outbox);
            if ending != Ending::Ack {
                outbox.clear();
            }
            if !matches!(ending, Ending::Ack | Ending::Skip) {
                failed.push(run.clone());
            }
            tried.push(Tried { ending: Some(ending), outbox, ..Tried::not_run(run) });
        }
        let took = started.elapsed();
        let cpu = thread_cpu().saturating_sub(cpu) / events;
        for tried in &mut tried {
            (tried.wall, tried.cpu) = (took / events, cpu);
        }
        report(Ran { tried, took, fault: None });
    }
}

fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), u32::try_from(now.tv_nsec).unwrap_or_default())
}
