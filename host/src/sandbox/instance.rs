//! One instance of a handler: it is made, it runs tries, and it is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{self, Func, InstancePre};
use wasmtime::{Engine, Store, UpdateDeadline};

use super::bindings::since_v0_1::exports::sandbus::handler::descriptor::Description;
use super::bindings::since_v0_1::exports::sandbus::handler::typed;
use super::bindings::since_v0_1::sandbus::handler::types::HeaderParam;
use super::component::{Component, Way};
use super::fault::{Stop, classify};
use super::frame::{self, Frame};
use super::meter::Metered;
use super::state::{GuestState, HandlerSettings};
use crate::delivery::batch::MAX_BATCH;
use crate::delivery::ports::{Ran, Tried, Try};
use crate::delivery::verdict::{Ending, ErrorKind, FaultKind};
use crate::event::{Event, Outgoing};

/// A fault, and what is known of it.
pub type Fault = (FaultKind, String);

/// A live instance with its store.
pub struct Instance {
    store: Store<GuestState>,
    way: Entry,
}

/// How a try ended, and what it took.
pub struct Outcome {
    /// How; `None`: it did not run.
    pub ending: Option<Ending>,
    /// What it published, if it ended in `ack`.
    pub outbox: Vec<Outgoing>,
    /// Wall clock.
    pub wall: Duration,
    /// CPU.
    pub cpu: Duration,
    /// The most bytes that the instance has had.
    pub memory: u64,
}

impl Outcome {
    /// Of a try that ended without having run, or of one that did not run.
    pub fn without_run(ending: Option<Ending>) -> Outcome {
        Outcome { ending, outbox: Vec::new(), wall: Duration::ZERO, cpu: Duration::ZERO, memory: 0 }
    }

    /// As it is reported.
    pub fn of(self, run: Try) -> Tried {
        let Outcome { ending, outbox, wall, cpu, memory } = self;
        Tried { run, ending, outbox, wall, cpu, memory }
    }
}

/// The batch, which nobody else holds any more.
pub fn unshared(batch: Arc<Vec<Try>>) -> Vec<Try> {
    Arc::try_unwrap(batch).unwrap_or_else(|shared| shared.to_vec())
}

/// The way into an instance.
enum Entry {
    Typed(typed::Guest),
    /// `handle`, of frames.
    Packed(Func),
}

impl Instance {
    /// Makes an instance, within the time and the memory of one try.
    ///
    /// # Errors
    /// Where it traps or passes a limit on the way. A full pool is no fault of the handler's: it waits.
    pub async fn new(component: &Component, settings: Arc<HandlerSettings>) -> Result<Instance, Fault> {
        let (mut store, packed) =
            (Self::store(component.way.engine(), settings.clone()), component.is_packed(&settings));
        let instance = Self::instantiate(component.way.pre(), &mut store).await?;
        let bound = |error: wasmtime::Error| (FaultKind::Instantiate, format!("{error:#}"));
        let way = match &*component.way {
            Way { packed: Some(handle), .. } if packed => {
                let handle = instance.get_func(&mut store, handle);
                Entry::Packed(handle.ok_or_else(|| (FaultKind::Instantiate, "it exports no `handle`".into()))?)
            }
            Way { typed: Some(typed), .. } => Entry::Typed(typed.load(&mut store, &instance).map_err(bound)?),
            _ => return Err((FaultKind::Instantiate, "it exports no way in".into())),
        };
        Ok(Instance { store, way })
    }

    /// What the component says of itself, asked in an instance of its own.
    pub(super) async fn describe(way: &Way, settings: Arc<HandlerSettings>) -> Result<Description, Fault> {
        let mut store = Self::store(way.engine(), settings);
        let instance = Self::instantiate(way.pre(), &mut store).await?;
        let descriptor = way.descriptor.load(&mut store, &instance);
        let descriptor = descriptor.map_err(|error| (FaultKind::Instantiate, format!("{error:#}")))?;
        bounded(&mut store, async |store| descriptor.call_describe(store).await).await
    }

    fn store(engine: &Engine, settings: Arc<HandlerSettings>) -> Store<GuestState> {
        let mut store = Store::new(engine, GuestState::new(settings));
        let (limits, cpu_time) = (store.data().settings.limits, store.data().settings.cpu_time);
        store.limiter(|state| &mut state.limiter);
        let answer = limits.result.saturating_add(frame::answer_records(MAX_BATCH) as u64);
        store.set_hostcall_fuel(usize::try_from(limits.hostcall.max(answer)).unwrap_or(usize::MAX));
        store.set_max_component_handles(limits.handles as usize);
        store.epoch_deadline_callback(move |context| {
            let used = context.data().meter.used_within();
            if used > cpu_time {
                let message = format!("{} of CPU used; the limit is {}", rounded(used), rounded(cpu_time));
                return Err(Stop::error(FaultKind::CpuTime, message));
            }
            // Others have their turn, and the wall clock is looked at.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        // Unset, the first instruction would trap.
        store.set_epoch_deadline(1);
        store
    }

    async fn instantiate(
        pre: &InstancePre<GuestState>,
        store: &mut Store<GuestState>,
    ) -> Result<component::Instance, Fault> {
        let made = bounded(store, async |store| pre.instantiate_async(store).await).await;
        made.map_err(|(kind, message)| match kind {
            // What is named stays named; what is not is the instance's failure.
            FaultKind::Trap | FaultKind::BadResult => (FaultKind::Instantiate, message),
            kind => (kind, message),
        })
    }

    /// Runs one try of a batch by the typed way. `None` in place of the instance: it must not be used again.
    pub async fn run(mut self, batch: &Arc<Vec<Try>>, index: usize) -> (Outcome, Option<Instance>) {
        let started = Instant::now();
        self.store.data_mut().begin(batch.clone(), index);
        let outcome = match batch.get(index) {
            Some(run) => self.call(&run.event, run.attempt).await,
            None => Err((FaultKind::BadResult, format!("the batch has no event {index}"))),
        };
        let state = self.store.data_mut();
        let outbox = state.end(index);
        let (ending, instance_is_well) = match outcome {
            Ok(ending) => (ending, true),
            Err((kind, message)) => (Ending::Fault { kind, message }, false),
        };
        let outcome = Outcome {
            outbox: if ending == Ending::Ack { outbox } else { Vec::new() },
            ending: Some(ending),
            wall: started.elapsed(),
            cpu: state.meter.used(),
            memory: state.limiter.memory(),
        };
        (outcome, instance_is_well.then_some(self))
    }

    /// Runs a batch in one call. `None` in place of the instance: it must not be used again.
    pub async fn run_batch(mut self, batch: Vec<Try>) -> (Ran, Option<Instance>) {
        let started = Instant::now();
        let batch = Arc::new(batch);
        self.store.data_mut().begin(batch.clone(), 0);
        let outcome = self.call_packed(&batch).await;
        let took = started.elapsed();
        let state = self.store.data_mut();
        let (cpu, memory) = (state.meter.used(), state.limiter.memory());
        let mut outboxes = state.end_all();
        let batch = unshared(batch);
        let endings = match outcome {
            Ok(endings) => endings,
            Err(fault) => {
                let mut ran = failed(batch, fault);
                let events = at_least_one(ran.tried.len());
                for tried in &mut ran.tried {
                    (tried.wall, tried.cpu, tried.memory) = (took / events, cpu / events, memory);
                }
                return (Ran { took, ..ran }, None);
            }
        };
        let events = at_least_one(endings.iter().flatten().count());
        let tried = batch.into_iter().zip(endings).enumerate().map(|(index, (run, ending))| {
            let outbox = outboxes.take(index);
            let outbox = if ending == Some(Ending::Ack) { outbox } else { Vec::new() };
            if ending.is_none() {
                // It has taken nothing: those that ran share what the call took.
                return Tried::not_run(run);
            }
            Tried { run, ending, outbox, wall: took / events, cpu: cpu / events, memory }
        });
        let tried = tried.collect();
        (Ran { tried, took, fault: None }, Some(self))
    }

    async fn call_packed(&mut self, batch: &[Try]) -> Result<Vec<Option<Ending>>, Fault> {
        let Entry::Packed(handle) = &self.way else {
            return Err((FaultKind::Instantiate, "it has no packed way in".into()));
        };
        let Some(frame) = Frame::of(batch) else {
            return Err((FaultKind::Memory, "its events are larger than a list may be".into()));
        };
        let handle = handle.typed::<(Frame<'_>,), (Vec<u8>,)>(&self.store);
        let handle = handle.map_err(|error| (FaultKind::BadResult, format!("{error:#}")))?;
        let (answer,) = bounded(&mut self.store, async |store| handle.call_async(store, (frame,)).await).await?;
        if let Some(stop) = self.store.data().exceeded() {
            return Err((stop.kind, stop.message));
        }
        self.check_size(answer.len().saturating_sub(frame::answer_records(batch.len())))?;
        frame::read_answer(&answer, batch).map_err(|message| (FaultKind::BadResult, message))
    }

    fn check_size(&self, bytes: usize) -> Result<(), Fault> {
        let limit = self.store.data().settings.limits.result;
        if bytes as u64 > limit {
            return Err((FaultKind::ResultSize, format!("an answer of {bytes} bytes; the limit is {limit}")));
        }
        Ok(())
    }

    async fn call(&mut self, event: &Event, attempt: u32) -> Result<Ending, Fault> {
        let Entry::Typed(typed) = &self.way else {
            return Err((FaultKind::Instantiate, "it has no typed way in".into()));
        };
        let record = &event.record;
        // Kafka's partitions and offsets are never negative, and neither are the times that we show.
        let lowered = typed::Event {
            topic: record.topic(),
            partition: u32::try_from(record.partition()).unwrap_or_default(),
            offset: u64::try_from(record.offset()).unwrap_or_default(),
            timestamp: record.timestamp().and_then(|millis| u64::try_from(millis).ok()),
            key: record.key(),
            value: record.value(),
            headers: &headers(event),
            id: &event.id(),
            event_type: event.event_type(),
            attempt,
        };
        let answer = bounded(&mut self.store, async |store| typed.call_handle(store, lowered).await).await?;
        if let Some(stop) = self.store.data().exceeded() {
            return Err((stop.kind, stop.message));
        }
        let bytes = match &answer {
            Ok(typed::Verdict::DeadLetter(reason)) => reason.len(),
            Err(error) => error.kind.len().saturating_add(error.message.len()),
            Ok(_) => 0,
        };
        self.check_size(bytes)?;
        Ok(match answer {
            Ok(typed::Verdict::Ack) => Ending::Ack,
            Ok(typed::Verdict::Skip) => Ending::Skip,
            Ok(typed::Verdict::Retry(after)) => Ending::Retry(after.map(Duration::from_millis)),
            Ok(typed::Verdict::DeadLetter(reason)) => Ending::DeadLetter(reason),
            Err(error) => Ending::Error { kind: ErrorKind::from_guest(&error.kind), message: error.message },
        })
    }
}

fn at_least_one(events: usize) -> u32 {
    u32::try_from(events).unwrap_or(u32::MAX).max(1)
}

/// A batch that ended in a fault. One event is charged with it; of several, none is yet.
pub fn failed(batch: Vec<Try>, (kind, message): Fault) -> Ran {
    let alone = batch.len() == 1;
    let ending = |message: &str| alone.then(|| Ending::Fault { kind, message: message.to_owned() });
    let tried = batch.into_iter().map(|run| Tried { ending: ending(&message), ..Tried::not_run(run) }).collect();
    Ran { tried, took: Duration::ZERO, fault: (!alone).then_some((kind, message)) }
}

fn headers(event: &Event) -> Vec<HeaderParam<'_>> {
    let headers = event.record.headers().map(|(name, value)| HeaderParam {
        // A record with other names is no event.
        name: std::str::from_utf8(name).unwrap_or_default(),
        value,
    });
    headers.collect()
}

/// Runs a call within the handler's wall clock, and counts its CPU. What stops it is named.
///
/// Epochs do not count while the guest waits in the host, and a timer does not fire while the guest
/// computes: both are needed.
async fn bounded<T>(
    store: &mut Store<GuestState>,
    call: impl AsyncFnOnce(&mut Store<GuestState>) -> wasmtime::Result<T>,
) -> Result<T, Fault> {
    let timeout = store.data().settings.timeout;
    let meter = store.data().meter.clone();
    match tokio::time::timeout(timeout, Metered::new(meter, call(store))).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(classify(&error)),
        Err(_) => Err((FaultKind::Timeout, format!("no answer within {}", rounded(timeout)))),
    }
}

/// For people: whole milliseconds.
fn rounded(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}
