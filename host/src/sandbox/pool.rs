//! A handler's instances at work: as many as its `concurrency`, each with one batch at a time.
//!
//! An instance is made when there is first something to do for it, and used again until something goes
//! wrong in it or it has been used enough (`isolation = "reuse"`), or for one try (`"fresh"`). A batch waits for an idle one; it
//! never fails because all are busy.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::runtime::Handle;

use super::component::Component;
use super::instance::{self, Instance, Outcome, Outcomes};
use super::state::HandlerSettings;
use crate::delivery::ports::{Instances, Ran, Try};
use crate::delivery::verdict::Ending;

/// Where a pool leaves what it has run.
pub type Report = Arc<dyn Fn(Ran) + Send + Sync>;

/// The instances of one handler. Dropped, they end with what they run.
pub struct Pool {
    runtime: Handle,
    report: Report,
    workers: Arc<Workers<Worker>>,
}

/// Who is idle, and which batches wait. Whenever one waits, nobody is idle.
pub struct Workers<W>(Mutex<Waiting<W>>);

struct Waiting<W> {
    idle: Vec<W>,
    batches: VecDeque<Vec<Try>>,
    resting: bool,
}

/// Who can do without what it works with, until it is given something to do.
pub trait Rest {
    /// Lets go of it.
    fn rest(&mut self);
}

impl<W: Rest> Workers<W> {
    /// All of these are idle.
    pub fn new(idle: Vec<W>) -> Arc<Workers<W>> {
        Arc::new(Workers(Mutex::new(Waiting { idle, batches: VecDeque::new(), resting: false })))
    }

    /// Whoever is idle, now or as long as this holds, rests.
    pub fn rest(&self, resting: bool) {
        let mut waiting = self.lock();
        waiting.resting = resting;
        if resting {
            waiting.idle.iter_mut().for_each(Rest::rest);
        }
    }

    /// Somebody idle for this batch. `None`: it waits.
    pub fn take(&self, batch: Vec<Try>) -> Option<(W, Vec<Try>)> {
        let mut waiting = self.lock();
        match waiting.idle.pop() {
            Some(worker) => Some((worker, batch)),
            None => {
                waiting.batches.push_back(batch);
                None
            }
        }
    }

    /// The batch that waits for this one, which has run another. `None`: it is idle.
    pub fn next(&self, mut worker: W) -> Option<(W, Vec<Try>)> {
        let mut waiting = self.lock();
        match waiting.batches.pop_front() {
            Some(batch) => Some((worker, batch)),
            None => {
                if waiting.resting {
                    worker.rest();
                }
                waiting.idle.push(worker);
                None
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker at a batch.
type Running = Pin<Box<dyn Future<Output = (Worker, Ran)> + Send>>;

impl Pool {
    /// `concurrency` instances, which run on `runtime`.
    pub fn new(
        runtime: &Handle,
        component: &Arc<Component>,
        settings: &Arc<HandlerSettings>,
        concurrency: u32,
        report: Report,
    ) -> Pool {
        let idle = (0..concurrency).map(|_| Worker::new(component.clone(), settings.clone())).collect();
        Pool { runtime: runtime.clone(), report, workers: Workers::new(idle) }
    }

    fn spawn(&self, mut running: Running) {
        let (report, workers) = (self.report.clone(), self.workers.clone());
        self.runtime.spawn(async move {
            loop {
                let (worker, ran) = running.await;
                // First, so that whoever hears of it finds the instance idle.
                let next = workers.next(worker);
                report(ran);
                match next {
                    Some(next) => running = start(next),
                    None => return,
                }
            }
        });
    }
}

impl Instances for Pool {
    // The caller keeps few more batches under way than there are instances, which bounds what waits.
    fn run(&self, batch: Vec<Try>) {
        if let Some(taken) = self.workers.take(batch) {
            self.spawn(start(taken));
        }
    }

    // As far as it comes within a tick of the epoch clock, too.
    fn run_here(&self, batch: Vec<Try>) -> Option<Ran> {
        let mut running = start(self.workers.take(batch)?);
        let polled = {
            // Its timers belong there.
            let _runtime = self.runtime.enter();
            running.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        };
        match polled {
            Poll::Ready((worker, ran)) => {
                if let Some(next) = self.workers.next(worker) {
                    self.spawn(start(next));
                }
                Some(ran)
            }
            // Polled there for the first time, it is woken there.
            Poll::Pending => {
                self.spawn(running);
                None
            }
        }
    }

    fn rest(&self) {
        self.workers.rest(true);
    }

    fn wake(&self) {
        self.workers.rest(false);
    }
}

fn start((mut worker, batch): (Worker, Vec<Try>)) -> Running {
    Box::pin(async move {
        let ran = worker.run(batch).await;
        (worker, ran)
    })
}

/// One place for an instance, which is made when there is something to run.
pub struct Worker {
    component: Arc<Component>,
    settings: Arc<HandlerSettings>,
    instance: Option<Instance>,
    /// Instances made for the batch that runs.
    made: u32,
}

impl Worker {
    /// Without an instance yet.
    pub fn new(component: Arc<Component>, settings: Arc<HandlerSettings>) -> Worker {
        Worker { component, settings, instance: None, made: 0 }
    }

    /// Runs a batch: in one call, where the component takes it so, or else each event in one of its own.
    pub async fn run(&mut self, batch: Vec<Try>) -> Ran {
        if self.component.is_packed(&self.settings) {
            return self.run_packed(batch).await;
        }
        let batch = Arc::new(batch);
        let mut outcomes = Outcomes::of(&batch);
        while outcomes.upcoming().is_some() {
            self.instance = match self.instance().await {
                Ok(instance) => {
                    let fresh = self.settings.fresh;
                    instance.run_each(&mut outcomes, fresh).await.filter(|_| !fresh)
                }
                Err((kind, message)) => {
                    outcomes.push(Outcome::without_run(Some(Ending::Fault { kind, message })));
                    None
                }
            };
        }
        let (outcomes, host_calls) = outcomes.finish();
        let took = outcomes.iter().map(|outcome| outcome.wall).sum();
        let tried = instance::unshared(batch).into_iter().zip(outcomes).map(|(run, outcome)| outcome.of(run)).collect();
        let (ended, made) = (Instant::now(), std::mem::take(&mut self.made));
        Ran { tried, took, ended, fault: None, made, host_calls }
    }

    async fn run_packed(&mut self, batch: Vec<Try>) -> Ran {
        let events = batch.len();
        let (ran, instance) = match self.instance().await {
            Ok(instance) => instance.run_batch(batch).await,
            Err(fault) => (instance::failed(batch, fault), None),
        };
        self.instance = self.kept(instance, events);
        Ran { made: std::mem::take(&mut self.made), ..ran }
    }

    /// The instance, if it is used again after so many events.
    fn kept(&self, instance: Option<Instance>, events: usize) -> Option<Instance> {
        let mut instance = instance.filter(|_| !self.settings.fresh)?;
        instance.stays(events).then_some(instance)
    }

    async fn instance(&mut self) -> Result<Instance, instance::Fault> {
        match self.instance.take() {
            Some(instance) => Ok(instance),
            None => {
                let instance = Instance::new(&self.component, self.settings.clone()).await?;
                self.made += 1;
                Ok(instance)
            }
        }
    }
}

impl Rest for Worker {
    fn rest(&mut self) {
        self.instance = None;
    }
}
