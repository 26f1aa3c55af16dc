//! One instance of a handler: it is made, it runs tries, and it is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Store, UpdateDeadline};

use super::bindings::since_v0_1::exports::sandbus::handler::descriptor::Description;
use super::bindings::since_v0_1::exports::sandbus::handler::typed;
use super::bindings::since_v0_1::sandbus::handler::types::HeaderParam;
use super::bindings::since_v0_1::{Handler, HandlerPre};
use super::component::Component;
use super::fault::{Stop, classify};
use super::meter::Metered;
use super::state::{GuestState, HandlerSettings};
use crate::delivery::ports::{Tried, Try};
use crate::delivery::verdict::{Ending, ErrorKind, FaultKind};
use crate::event::Event;

/// A fault, and what is known of it.
type Fault = (FaultKind, String);

/// A live instance with its store.
pub struct Instance {
    store: Store<GuestState>,
    handler: Handler,
}

impl Instance {
    /// Makes an instance, within the time and the memory of one try.
    ///
    /// # Errors
    /// Where it traps or passes a limit on the way. A full pool is no fault of the handler's: it waits.
    pub async fn new(component: &Component, settings: Arc<HandlerSettings>) -> Result<Instance, Fault> {
        let mut store = Self::store(&component.pre, settings);
        let handler = Self::instantiate(&component.pre, &mut store).await?;
        Ok(Instance { store, handler })
    }

    /// What the component says of itself, asked in an instance of its own.
    pub(super) async fn describe(
        pre: &HandlerPre<GuestState>,
        settings: Arc<HandlerSettings>,
    ) -> Result<Description, Fault> {
        let mut store = Self::store(pre, settings);
        let handler = Self::instantiate(pre, &mut store).await?;
        bounded(&mut store, async |store| handler.sandbus_handler_descriptor().call_describe(store).await).await
    }

    fn store(pre: &HandlerPre<GuestState>, settings: Arc<HandlerSettings>) -> Store<GuestState> {
        let mut store = Store::new(pre.engine(), GuestState::new(settings));
        let (limits, cpu_time) = (store.data().settings.limits, store.data().settings.cpu_time);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(usize::try_from(limits.hostcall.max(limits.result)).unwrap_or(usize::MAX));
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

    async fn instantiate(pre: &HandlerPre<GuestState>, store: &mut Store<GuestState>) -> Result<Handler, Fault> {
        let made = bounded(store, async |store| pre.instantiate_async(store).await).await;
        made.map_err(|(kind, message)| match kind {
            // What is named stays named; what is not is the instance's failure.
            FaultKind::Trap | FaultKind::BadResult => (FaultKind::Instantiate, message),
            kind => (kind, message),
        })
    }

    /// Runs one try. `None` in place of the instance: it must not be used again.
    pub async fn run(mut self, run: Try) -> (Tried, Option<Instance>) {
        let started = Instant::now();
        self.store.data_mut().begin(Some((run.event.clone(), run.attempt)));
        let outcome = self.call(&run.event, run.attempt).await;
        let state = self.store.data_mut();
        let (ending, fault) = match outcome {
            Ok(ending) => (ending, false),
            Err((kind, message)) => (Ending::Fault { kind, message }, true),
        };
        let outbox = if ending == Ending::Ack { state.outbox.take() } else { Vec::new() };
        let tried = Tried {
            run,
            ending,
            outbox,
            wall: started.elapsed(),
            cpu: state.meter.used(),
            memory: state.limiter.memory(),
        };
        (tried, (!fault).then_some(self))
    }

    async fn call(&mut self, event: &Event, attempt: u32) -> Result<Ending, Fault> {
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
            id: &event.identity.id,
            event_type: &event.identity.event_type,
            attempt,
        };
        let typed = self.handler.sandbus_handler_typed();
        let answer = bounded(&mut self.store, async |store| typed.call_handle(store, lowered).await).await?;
        if let Some(stop) = self.store.data().exceeded() {
            return Err((stop.kind, stop.message));
        }
        let bytes = match &answer {
            Ok(typed::Verdict::DeadLetter(reason)) => reason.len(),
            Err(error) => error.kind.len().saturating_add(error.message.len()),
            Ok(_) => 0,
        };
        let limit = self.store.data().settings.limits.result;
        if bytes as u64 > limit {
            return Err((FaultKind::ResultSize, format!("an answer of {bytes} bytes; the limit is {limit}")));
        }
        Ok(match answer {
            Ok(typed::Verdict::Ack) => Ending::Ack,
            Ok(typed::Verdict::Skip) => Ending::Skip,
            Ok(typed::Verdict::Retry(after)) => Ending::Retry(after.map(Duration::from_millis)),
            Ok(typed::Verdict::DeadLetter(reason)) => Ending::DeadLetter(reason),
            Err(error) => Ending::Error { kind: ErrorKind::from_guest(&error.kind), message: error.message },
        })
    }
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
