//! A handler's instances at work: as many tasks as its `concurrency`, each with at most one instance.
//!
//! An instance is made when its task first has something to do, and used again until something goes
//! wrong in it (`isolation = "reuse"`), or for one try (`"fresh"`). A batch waits for an idle task; it
//! never fails because all are busy.

use std::sync::Arc;

use async_channel::{Receiver, Sender};
use tokio::runtime::Handle;

use super::component::Component;
use super::instance::{self, Instance, Outcome, Outcomes};
use super::state::HandlerSettings;
use crate::delivery::ports::{Ran, Try};
use crate::delivery::verdict::Ending;

/// Where a pool leaves what it has run.
pub type Report = Arc<dyn Fn(Ran) + Send + Sync>;

/// The instances of one handler. Dropped, its tasks end with what they run.
pub struct Pool {
    queue: Sender<Vec<Try>>,
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
        let (queue, batches) = async_channel::unbounded();
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
        let _ = self.queue.try_send(batch);
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

    async fn serve(mut self, batches: Receiver<Vec<Try>>, report: Report) {
        while let Ok(batch) = batches.recv().await {
            let ran = self.run(batch).await;
            report(ran);
        }
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
        let outcomes = outcomes.finish();
        let took = outcomes.iter().map(|outcome| outcome.wall).sum();
        let tried = instance::unshared(batch).into_iter().zip(outcomes).map(|(run, outcome)| outcome.of(run)).collect();
        Ran { tried, took, fault: None }
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
