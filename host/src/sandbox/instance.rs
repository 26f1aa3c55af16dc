//! One instance of a handler: it is made, it runs tries, and it is dropped.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{self, ComponentExportIndex, Func, InstancePre, TypedFunc};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store, UpdateDeadline};

use super::bindings::since_v0_1::exports::sandbus::handler::descriptor::Description;
use super::bindings::since_v0_1::exports::sandbus::handler::typed;
use super::component::{Component, Way};
use super::fault::{Stop, classify};
use super::frame::{self, Frame};
use super::lowered::Lowered;
use super::meter::{Meter, Metered};
use super::state::{GuestState, HandlerSettings, held, room};
use super::text;
use crate::delivery::batch::MAX_BATCH;
use crate::delivery::ports::{HostCalls, Ran, Tried, Try};
use crate::delivery::verdict::{Ending, ErrorKind, FaultKind};
use crate::event::Outgoing;

/// When to look again for room for an instance.
const FULL: Duration = Duration::from_millis(5);

/// A fault, and what is known of it.
pub type Fault = (FaultKind, String);

/// A live instance with its store.
pub struct Instance {
    store: Store<GuestState>,
    /// The store's, at hand while a call has the store.
    meter: Arc<Meter>,
    way: Entry,
    use_left: UseLeft,
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

/// The outcomes of a batch that runs event by event, in its order.
pub struct Outcomes<'a> {
    batch: &'a Arc<Vec<Try>>,
    /// Those whose lanes stand still.
    failed: Vec<&'a Try>,
    outcomes: Vec<Outcome>,
    host_calls: HostCalls,
}

impl<'a> Outcomes<'a> {
    /// Of a batch of which nothing has run.
    pub fn of(batch: &'a Arc<Vec<Try>>) -> Outcomes<'a> {
        let outcomes = Vec::with_capacity(batch.len());
        Outcomes { batch, failed: Vec::new(), outcomes, host_calls: HostCalls::new() }
    }

    /// The next try to run, with its place. After a failure, what shares its lane does not run.
    pub fn upcoming(&mut self) -> Option<(usize, &'a Try)> {
        loop {
            let index = self.outcomes.len();
            let run = self.batch.get(index)?;
            if !self.failed.iter().any(|earlier| earlier.shares_lane(run)) {
                return Some((index, run));
            }
            self.outcomes.push(Outcome::without_run(None));
        }
    }

    /// Nothing more of the batch runs now.
    pub fn leave(&mut self) {
        self.outcomes.resize_with(self.batch.len(), || Outcome::without_run(None));
    }

    /// Bytes that are held of what was published.
    fn published(&self) -> u64 {
        self.outcomes.iter().map(|outcome| held(&outcome.outbox)).fold(0, u64::saturating_add)
    }

    /// How the next try ended.
    pub fn push(&mut self, outcome: Outcome) {
        if !matches!(outcome.ending, Some(Ending::Ack | Ending::Skip)) {
            self.failed.extend(self.batch.get(self.outcomes.len()));
        }
        self.outcomes.push(outcome);
    }

    /// What an instance has asked of the host.
    pub fn called(&mut self, host_calls: HostCalls) {
        self.host_calls.extend(host_calls);
    }

    /// All of them, when all are there, and what they have asked of the host.
    pub fn finish(self) -> (Vec<Outcome>, HostCalls) {
        (self.outcomes, self.host_calls)
    }
}

/// The batch, which nobody else holds any more.
pub fn unshared(batch: Arc<Vec<Try>>) -> Vec<Try> {
    Arc::try_unwrap(batch).unwrap_or_else(|shared| shared.to_vec())
}

/// How much longer an instance is used: for some events, and until its memory has grown too far. What leaks is given
/// back so, before it runs into a limit in the middle of an event.
#[derive(Debug)]
struct UseLeft {
    /// Events; `None`: any number.
    events: Option<u64>,
    /// The most memory. `None`: its first call is not over, in which most of what it needs is made.
    memory: Option<u64>,
}

impl UseLeft {
    fn of(settings: &HandlerSettings) -> UseLeft {
        let events = settings.reuse_events.map(|events| {
            let events = u64::from(events.get());
            // By up to a tenth, so that instances that began together do not end together.
            fastrand::u64(events - events / 10..=events + events / 10)
        });
        UseLeft { events, memory: None }
    }

    /// So many events have run, and its memory is that large. Whether it is used again.
    fn after(&mut self, events: usize, memory: u64, settings: &HandlerSettings) -> bool {
        if let Some(left) = &mut self.events {
            *left = left.saturating_sub(events as u64);
        }
        let room = settings.memory.saturating_sub(memory) as f64;
        let most = *self.memory.get_or_insert(memory.saturating_add((room * settings.reuse_memory) as u64));
        self.events != Some(0) && memory <= most
    }
}

/// `handle`, of one event.
type TypedHandle = TypedFunc<(Lowered<'static>,), (Result<typed::Verdict, typed::Error>,)>;

/// The way into an instance.
enum Entry {
    Typed(TypedHandle),
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
        let mut handle = |export: &Option<ComponentExportIndex>| instance.get_func(&mut store, export.as_ref()?);
        let way = if packed {
            handle(&component.way.packed).map(Entry::Packed)
        } else {
            // SAFETY: the type was checked when the component was loaded. `Lowered` stands for the generated one.
            handle(&component.way.typed).map(|handle| Entry::Typed(unsafe { TypedFunc::new_unchecked(handle) }))
        };
        let way = way.ok_or_else(|| (FaultKind::Instantiate, "it exports no way in".to_owned()))?;
        let meter = store.data().meter.clone();
        let use_left = UseLeft::of(&settings);
        Ok(Instance { store, meter, way, use_left })
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
        let made = loop {
            let meter = store.data().meter.clone();
            let make = async |store: &mut Store<GuestState>| match pre.instantiate_async(store).await {
                Err(error) if error.is::<PoolConcurrencyLimitError>() => Ok(None),
                made => made.map(Some),
            };
            match bounded_from(store, &meter, Instant::now(), make).await.0 {
                Ok(Some(instance)) => break Ok(instance),
                Ok(None) => tokio::time::sleep(FULL).await,
                Err(fault) => break Err(fault),
            }
        };
        made.map_err(|(kind, message)| match kind {
            // What is named stays named; what is not is the instance's failure.
            FaultKind::Trap | FaultKind::BadResult => (FaultKind::Instantiate, message),
            kind => (kind, message),
        })
    }

    /// Counts a call that ended well. Whether the instance may be used again.
    pub fn stays(&mut self, events: usize) -> bool {
        let state = self.store.data();
        self.use_left.after(events, state.limiter.memory(), &state.settings)
    }

    /// Runs tries of a batch by the typed way, each in a call of its own: the next of `outcomes`, and, unless it is
    /// to run `alone`, those that come after it. `None` in place of the instance: it must not be used again.
    pub async fn run_each(mut self, outcomes: &mut Outcomes<'_>, alone: bool) -> Option<Instance> {
        self.store.data_mut().begin(outcomes.batch.clone());
        let mut started = Instant::now();
        let mut stays = true;
        let (mut published, room) = (outcomes.published(), room(&self.store.data().settings.limits));
        while let Some((index, run)) = outcomes.upcoming() {
            self.store.data_mut().begin_one(index);
            let (outcome, ended) = self.call(run, started).await;
            let state = self.store.data_mut();
            let outbox = state.end_one();
            let instance_is_well = outcome.is_ok();
            let ending = outcome.unwrap_or_else(|(kind, message)| Ending::Fault { kind, message });
            let outbox = if ending == Ending::Ack { outbox } else { Vec::new() };
            published = published.saturating_add(held(&outbox));
            outcomes.push(Outcome {
                outbox,
                ending: Some(ending),
                wall: ended.saturating_duration_since(started),
                cpu: state.meter.used(),
                memory: state.limiter.memory(),
            });
            // After each, so that what leaks does not come to its limit within a batch.
            stays = instance_is_well && self.stays(1);
            if published > room {
                // They are given out again, when this has left.
                outcomes.leave();
            }
            if alone || !stays {
                break;
            }
            started = ended;
        }
        let state = self.store.data_mut();
        outcomes.called(state.take_host_calls());
        state.end();
        stays.then_some(self)
    }

    /// Runs a batch in one call. `None` in place of the instance: it must not be used again.
    pub async fn run_batch(mut self, batch: Vec<Try>) -> (Ran, Option<Instance>) {
        let started = Instant::now();
        let batch = Arc::new(batch);
        self.store.data_mut().begin(batch.clone());
        let outcome = self.call_packed(&batch).await;
        let ended = Instant::now();
        let took = ended.saturating_duration_since(started);
        let state = self.store.data_mut();
        let (cpu, memory) = (state.meter.used(), state.limiter.memory());
        let host_calls = state.take_host_calls();
        let mut outboxes = state.end();
        let batch = unshared(batch);
        let endings = match outcome {
            Ok(endings) => endings,
            Err(fault) => {
                let mut ran = failed(batch, fault);
                let events = at_least_one(ran.tried.len());
                for tried in &mut ran.tried {
                    (tried.wall, tried.cpu, tried.memory) = (took / events, cpu / events, memory);
                }
                return (Ran { took, ended, host_calls, ..ran }, None);
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
        (Ran { tried, took, ended, host_calls, ..Ran::default() }, Some(self))
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

    /// Runs one try by the typed way. Answers with when it ended, too.
    async fn call(&mut self, run: &Try, started: Instant) -> (Result<Ending, Fault>, Instant) {
        let Entry::Typed(handle) = &self.way else {
            return (Err((FaultKind::Instantiate, "it has no typed way in".into())), started);
        };
        let call = async |store: &mut Store<GuestState>| {
            let (answer,) = handle.call_async(store, (Lowered(run),)).await?;
            Ok(answer)
        };
        let (answer, ended) = bounded_from(&mut self.store, &self.meter, started, call).await;
        (answer.and_then(|answer| self.read(answer)), ended)
    }

    /// What the guest's answer by the typed way means.
    fn read(&self, answer: Result<typed::Verdict, typed::Error>) -> Result<Ending, Fault> {
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
            Ok(typed::Verdict::DeadLetter(reason)) => Ending::DeadLetter(text::message(reason)),
            Err(error) => {
                let kind = ErrorKind::from_guest(&error.kind);
                Ending::Error { kind, message: text::message(error.message) }
            }
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
    Ran { tried, fault: (!alone).then_some((kind, message)), ..Ran::default() }
}

/// Runs a call within the handler's wall clock, and counts its CPU. What stops it is named.
async fn bounded<T>(
    store: &mut Store<GuestState>,
    call: impl AsyncFnOnce(&mut Store<GuestState>) -> wasmtime::Result<T>,
) -> Result<T, Fault> {
    let meter = store.data().meter.clone();
    bounded_from(store, &meter, Instant::now(), call).await.0
}

/// The same, of a call that starts now, where the store's meter and the time are known. Answers with when it ended,
/// too.
///
/// Epochs do not count while the guest waits in the host, and a timer does not fire while the guest
/// computes: both are needed.
async fn bounded_from<T>(
    store: &mut Store<GuestState>,
    meter: &Meter,
    now: Instant,
    call: impl AsyncFnOnce(&mut Store<GuestState>) -> wasmtime::Result<T>,
) -> (Result<T, Fault>, Instant) {
    let timeout = store.data().settings.timeout;
    let call = pin!(call(store));
    let (answer, ended) = Metered::new(meter, call, now, timeout).await;
    let answer = match answer {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(classify(&error)),
        None => Err((FaultKind::Timeout, format!("no answer within {}", rounded(timeout)))),
    };
    (answer, ended)
}

/// For people: whole milliseconds.
fn rounded(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}
