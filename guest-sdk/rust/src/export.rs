//! The way from the sandbox's calls to a handler.
//!
//! `export!` makes the component's exports; everything else happens here, in the same code for
//! the sandbox and for native tests. A component speaks both ways of the contract: event by event, and
//! by frames of events, which cost a fraction.

#[cfg(target_arch = "wasm32")]
pub use wasm::{describe, handle, handle_frame};

use std::cell::RefCell;

use crate::event::sound;
use crate::packed::{Answer, Frame, StoppedLanes};
use crate::verdict::settle;
use crate::{Error, Event, Handler, Verdict, host};

/// Makes a component of a [`Handler`]. Once in a crate, which must be a `cdylib`.
///
/// ```
/// # use sandbus_sdk::{Event, Handler, Result, Verdict};
/// #[derive(Default)]
/// struct Ignore;
///
/// impl Handler for Ignore {
///     const EVENTS: &'static [&'static str] = &["*"];
///
///     fn handle(&mut self, _: &Event) -> Result {
///         Ok(Verdict::Skip)
///     }
/// }
///
/// sandbus_sdk::export!(Ignore);
/// ```
///
/// The component describes itself with the crate's name and version. A panic in the handler is
/// logged at error level before the sandbox ends the instance.
#[macro_export]
macro_rules! export {
    ($handler:ty) => {
        // Names here could hide those that `$handler` is made of, so they are nobody else's.
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::__private::bindings::exports::sandbus::handler as __sandbus_exports;

            ::std::thread_local! {
                static __SANDBUS_INSTANCE: $crate::__private::Instance<$handler> =
                    const { $crate::__private::Instance::new() };
            }

            struct __SandbusComponent;

            impl __sandbus_exports::descriptor::Guest for __SandbusComponent {
                fn describe() -> __sandbus_exports::descriptor::Description {
                    $crate::__private::describe::<$handler>(
                        ::core::env!("CARGO_PKG_NAME"),
                        ::core::env!("CARGO_PKG_VERSION"),
                    )
                }
            }

            impl __sandbus_exports::typed::Guest for __SandbusComponent {
                fn handle(
                    event: __sandbus_exports::typed::Event,
                ) -> ::core::result::Result<__sandbus_exports::typed::Verdict, __sandbus_exports::typed::Error>
                {
                    __SANDBUS_INSTANCE.with(|instance| $crate::__private::handle(instance, event))
                }
            }

            impl __sandbus_exports::packed::Guest for __SandbusComponent {
                fn handle(frame: ::std::vec::Vec<u8>) -> ::std::vec::Vec<u8> {
                    __SANDBUS_INSTANCE.with(|instance| $crate::__private::handle_frame(instance, frame))
                }
            }

            $crate::__private::bindings::export!(
                __SandbusComponent with_types_in $crate::__private::bindings
            );
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: () = $crate::__private::is_handler::<$handler>();
    };
}

/// The handler's value in one instance, made with its first event.
pub struct Instance<H> {
    handler: RefCell<Option<H>>,
    stopped: RefCell<StoppedLanes>,
}

impl<H: Handler> Instance<H> {
    /// An instance that has had no event.
    #[allow(clippy::new_without_default, reason = "made by the macro alone, in a constant")]
    pub const fn new() -> Self {
        Self { handler: RefCell::new(None), stopped: RefCell::new(StoppedLanes::new()) }
    }

    /// Runs one try. The host never calls an instance that is working.
    pub(crate) fn run(&self, event: &Event) -> Result<Verdict, Error> {
        let mut slot = self.handler.borrow_mut();
        let handler = match &mut *slot {
            Some(handler) => handler,
            empty => empty.insert(H::create()?),
        };
        settle(handler.handle(event))
    }

    /// Runs one try of each event of a frame, in order, and answers with what became of them.
    ///
    /// # Panics
    ///
    /// If the frame is not what the contract says.
    pub fn run_frame(&self, frame: Vec<u8>) -> Vec<u8> {
        let frame = sound(Frame::read(frame));
        let count = frame.count();
        let mut stopped = self.stopped.borrow_mut();
        stopped.begin(frame.lanes());
        let mut answer = Answer::to(count);
        let mut event = Event::first_of(frame);
        for index in 0..count {
            if stopped.any() && stopped.contains(event.lane()) {
                answer.push_not_run();
            } else {
                if count > 1 {
                    host::work_on(index);
                }
                let ended = self.run(&event);
                answer.push(&ended);
                if count > 1 && !matches!(ended, Ok(Verdict::Ack | Verdict::Skip)) {
                    stopped.stop(event.lane());
                }
            }
            event.go_on();
        }
        host::work_on_none();
        answer.finish()
    }

    /// The handler's value, once it is made.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn get_mut(&mut self) -> Option<&mut H> {
        self.handler.get_mut().as_mut()
    }
}

/// Compiles for handlers alone, so that native builds check what `export!` was given.
pub const fn is_handler<H: Handler>() {}

#[cfg(target_arch = "wasm32")]
mod wasm {
    use std::cell::Cell;
    use std::panic;

    use super::Instance;
    use crate::bindings::handler::exports::sandbus::handler::descriptor::Description;
    use crate::bindings::handler::sandbus::handler::types;
    use crate::event::{HeaderRecord, Record};
    use crate::verdict::retry_millis;
    use crate::{Event, Handler, Verdict, log};

    /// What the component says of itself.
    pub fn describe<H: Handler>(name: &str, version: &str) -> Description {
        let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Description {
            events: H::EVENTS.iter().map(|&pattern| pattern.into()).collect(),
            attributes: vec![
                attribute("sdk", concat!("sandbus-sdk-rust ", env!("CARGO_PKG_VERSION"))),
                attribute("language", "rust"),
                attribute("name", name),
                attribute("version", version),
            ],
        }
    }

    /// One event by the typed way.
    pub fn handle<H: Handler>(instance: &Instance<H>, event: types::Event) -> Result<types::Verdict, types::Error> {
        log_panics();
        match instance.run(&lift(event)) {
            Ok(Verdict::Ack) => Ok(types::Verdict::Ack),
            Ok(Verdict::Skip) => Ok(types::Verdict::Skip),
            Ok(Verdict::Retry(after)) => Ok(types::Verdict::Retry(after.map(retry_millis))),
            Ok(Verdict::DeadLetter(reason)) => Ok(types::Verdict::DeadLetter(reason)),
            Err(error) => {
                let (kind, message) = error.into_parts();
                Err(types::Error { kind, message })
            }
        }
    }

    /// Many events by the packed way.
    pub fn handle_frame<H: Handler>(instance: &Instance<H>, frame: Vec<u8>) -> Vec<u8> {
        log_panics();
        instance.run_frame(frame)
    }

    /// From the first call on, a panic leaves its message in the log before the instance aborts.
    fn log_panics() {
        thread_local! {
            static LOGGED: Cell<bool> = const { Cell::new(false) };
        }
        if !LOGGED.replace(true) {
            panic::set_hook(Box::new(log::write_panic));
        }
    }

    fn lift(event: types::Event) -> Event {
        let headers = event.headers.into_iter();
        Event::of_record(Record {
            topic: event.topic,
            partition: event.partition,
            offset: event.offset,
            timestamp: event.timestamp,
            key: event.key,
            value: event.value,
            headers: headers.map(|header| HeaderRecord { name: header.name, value: header.value }).collect(),
            id: event.id,
            event_type: event.event_type,
            attempt: event.attempt,
        })
    }
}
