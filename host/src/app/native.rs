//! Handlers in native code, inside the same host: what `sandbus bench` compares components with.
//!
//! A native handler takes the place of a configured component's instances, and nothing else changes: same
//! engine, batches, accounting and outbox. It has no sandbox: no limits, no timeout, no faults.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Sender, unbounded};
use rustix::time::{ClockId, clock_gettime};

use crate::delivery::ports::{Instances, Ran, Tried, Try};
use crate::delivery::verdict::Ending;
use crate::event::{Event, Outgoing};
use crate::sandbox::pool::{Report, Rest, Workers};
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

/// One at a batch.
type Running = (Box<dyn NativeHandler>, Vec<Try>);

/// The instances of one native handler, with as many threads. Dropped, they end with what they run.
pub struct NativePool {
    instances: Arc<Workers<Box<dyn NativeHandler>>>,
    threads: Sender<Running>,
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
        let instances = Workers::new((0..concurrency).map(|_| make(settings)).collect());
        let (threads, started) = unbounded::<Running>();
        for _ in 0..concurrency {
            let (instances, started, report) = (instances.clone(), started.clone(), report.clone());
            let serve = move || {
                while let Ok((mut handler, mut batch)) = started.recv() {
                    loop {
                        let ran = run(&mut *handler, batch);
                        let next = instances.next(handler);
                        report(ran);
                        match next {
                            Some(next) => (handler, batch) = next,
                            None => break,
                        }
                    }
                }
            };
            let thread = std::thread::Builder::new().name("native".into());
            thread.spawn(serve).context("cannot start a native handler's thread")?;
        }
        Ok(NativePool { instances, threads })
    }

    fn hand_over(&self, running: Running) {
        // The threads end only when this sender is gone.
        let _ = self.threads.send(running);
    }
}

impl Instances for NativePool {
    fn run(&self, batch: Vec<Try>) {
        if let Some(running) = self.instances.take(batch) {
            self.hand_over(running);
        }
    }

    fn run_here(&self, batch: Vec<Try>) -> Option<Ran> {
        let (mut handler, batch) = self.instances.take(batch)?;
        let ran = run(&mut *handler, batch);
        if let Some(running) = self.instances.next(handler) {
            self.hand_over(running);
        }
        Some(ran)
    }
}

impl Rest for Box<dyn NativeHandler> {
    /// It has nothing to let go of.
    fn rest(&mut self) {}
}

fn run(handler: &mut dyn NativeHandler, batch: Vec<Try>) -> Ran {
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
    let ended = Instant::now();
    let took = ended.saturating_duration_since(started);
    let cpu = thread_cpu().saturating_sub(cpu) / events;
    for tried in &mut tried {
        (tried.wall, tried.cpu) = (took / events, cpu);
    }
    Ran { tried, took, ended, ..Ran::default() }
}

fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), u32::try_from(now.tv_nsec).unwrap_or_default())
}
