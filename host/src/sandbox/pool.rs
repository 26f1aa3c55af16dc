//! A handler's instances at work: as many tasks as its `concurrency`, each with at most one instance.
//!
//! An instance is made when its task first has something to do, and used again until something goes
//! wrong in it (`isolation = "reuse"`), or for one try (`"fresh"`). A batch waits for an idle task; it
//! never fails because all are busy.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc};

use super::component::Component;
use super::instance::{self, Instance};
use super::state::HandlerSettings;
use crate::delivery::ports::{Ran, Tried, Try};
use crate::delivery::verdict::Ending;

/// Where a pool leaves what it has run.
pub type Report = Arc<dyn Fn(Ran) + Send + Sync>;

/// The instances of one handler. Dropped, its tasks end with what they run.
pub struct Pool {
    queue: mpsc::UnboundedSender<Vec<Try>>,
}

impl Pool {
    /// Starts `concurrency` tasks on `runtime`.
    pub fn start(
        runtime: &Handle,
        component: Arc<Component>,
        settings: Arc<HandlerSettings>,
        concurrency: u32,
        report: Report,
    ) -> Pool {
        let (queue, batches) = mpsc::unbounded_channel();
        let batches = Arc::new(Mutex::new(batches));
        for _ in 0..concurrency {
            let worker = Worker::new(component.clone(), settings.clone());
            runtime.spawn(worker.serve(batches.clone(), report.clone()));
        }
        Pool { queue }
    }

    /// Runs a batch on an idle instance. The caller keeps no more batches under way than there are
    /// instances, which bounds the queue.
    pub fn run(&self, batch: Vec<Try>) {
        // The tasks end only when this sender is gone.
        let _ = self.queue.send(batch);
    }
}

/// One place for an instance, which is made when there is something to run.
pub struct Worker {
    component: Arc<Component>,
    settings: Arc<HandlerSettings>,
    instance: Option<Instance>,
}

impl Worker {
    /// Without an instance yet.
    pub fn new(component: Arc<Component>, settings: Arc<HandlerSettings>) -> Worker {
        Worker { component, settings, instance: None }
    }

    async fn serve(mut self, batches: Arc<Mutex<mpsc::UnboundedReceiver<Vec<Try>>>>, report: Report) {
        loop {
            let Some(batch) = batches.lock().await.recv().await else { return };
            let ran = self.run(batch).await;
            report(ran);
        }
    }

    /// Runs a batch: in one call, where the component takes it so, or else each event in one of its own.
    pub async fn run(&mut self, batch: Vec<Try>) -> Ran {
        if self.component.is_packed(&self.settings) {
            return self.run_packed(batch).await;
        }
        let mut ran = Ran { tried: Vec::with_capacity(batch.len()), took: Duration::ZERO, fault: None };
        let mut failed: Vec<Try> = Vec::new();
        for run in batch {
            if failed.iter().any(|earlier| earlier.shares_lane(&run)) {
                ran.tried.push(Tried::not_run(run));
                continue;
            }
            let one = self.run_one(run).await;
            if !matches!(one.ending, Some(Ending::Ack | Ending::Skip)) {
                failed.push(one.run.clone());
            }
            ran.took += one.wall;
            ran.tried.push(one);
        }
        ran
    }

    async fn run_one(&mut self, run: Try) -> Tried {
        let instance = match self.instance().await {
            Ok(instance) => instance,
            Err((kind, message)) => {
                return Tried { ending: Some(Ending::Fault { kind, message }), ..Tried::not_run(run) };
            }
        };
        let (tried, instance) = instance.run(run).await;
        self.instance = instance.filter(|_| !self.settings.fresh);
        tried
    }

    async fn run_packed(&mut self, batch: Vec<Try>) -> Ran {
        let (ran, instance) = match self.instance().await {
            Ok(instance) => instance.run_batch(batch).await,
            Err(fault) => (instance::failed(batch, fault), None),
        };
        self.instance = instance.filter(|_| !self.settings.fresh);
        ran
    }

    async fn instance(&mut self) -> Result<Instance, instance::Fault> {
        match self.instance.take() {
            Some(instance) => Ok(instance),
            None => Instance::new(&self.component, self.settings.clone()).await,
        }
    }
}
