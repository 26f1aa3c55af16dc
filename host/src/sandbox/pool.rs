//! A handler's instances at work: as many tasks as its `concurrency`, each with at most one instance.
//!
//! An instance is made when its task first has something to do, and used again until something goes
//! wrong in it (`isolation = "reuse"`), or for one try (`"fresh"`). A batch waits for an idle task; it
//! never fails because all are busy.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc};

use super::component::Component;
use super::instance::Instance;
use super::state::HandlerSettings;
use crate::delivery::ports::{Tried, Try};
use crate::delivery::verdict::Ending;

/// Where a pool leaves what it has run.
pub type Report = Arc<dyn Fn(Vec<Tried>) + Send + Sync>;

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
            let mut tried = Vec::with_capacity(batch.len());
            for run in batch {
                tried.push(self.run(run).await);
            }
            report(tried);
        }
    }

    /// Runs one try: the typed way in takes one event a call.
    pub async fn run(&mut self, run: Try) -> Tried {
        let instance = match self.instance.take() {
            Some(instance) => instance,
            None => match Instance::new(&self.component, self.settings.clone()).await {
                Ok(instance) => instance,
                Err((kind, message)) => return not_started(run, Ending::Fault { kind, message }),
            },
        };
        let (tried, instance) = instance.run(run).await;
        self.instance = instance.filter(|_| !self.settings.fresh);
        tried
    }
}

fn not_started(run: Try, ending: Ending) -> Tried {
    let (wall, cpu) = Default::default();
    Tried { run, ending, outbox: Vec::new(), wall, cpu, memory: 0 }
}
