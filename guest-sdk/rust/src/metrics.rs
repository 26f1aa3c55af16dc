//! Metrics of the handler's own, exported with the attribute `handler.name`.
//!
//! ```
//! use sandbus_sdk::{Refusal, metrics::{Counter, Histogram}};
//!
//! const ORDERS: Counter = Counter::new("orders");
//! const VALUE: Histogram = Histogram::new("order_value_cents");
//!
//! # fn record() -> Result<(), Refusal> {
//! ORDERS.add(1, &[("currency", "EUR")])?;
//! VALUE.record(1999.0, &[])?;
//! # Ok(()) }
//! ```
//!
//! Names and attribute keys are `[a-z][a-z0-9_]{0,63}` and do not end in `_total`. What is recorded
//! in a failed try counts too, so record last. The numbers of names and of attribute sets are
//! bounded by the host; what it refuses (`bad_name`, `bad_attribute`, `bad_value`) changes nothing.

use crate::{Refusal, host};

/// Attributes of one recording: keys with values, each key once.
pub type Attributes<'a> = &'a [(&'a str, &'a str)];

/// A number that only grows: `sandbus.guest.counter.<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter<'a> {
    name: &'a str,
}

impl<'a> Counter<'a> {
    /// The counter of that name. The name is checked where it is used.
    pub const fn new(name: &'a str) -> Self {
        Self { name }
    }

    /// Adds to it.
    ///
    /// # Errors
    ///
    /// What the host refuses.
    pub fn add(&self, value: u64, attributes: Attributes<'_>) -> Result<(), Refusal> {
        host::counter_add(self.name, value, attributes)
    }
}

/// A distribution of values: `sandbus.guest.histogram.<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram<'a> {
    name: &'a str,
}

impl<'a> Histogram<'a> {
    /// The histogram of that name. The name is checked where it is used.
    pub const fn new(name: &'a str) -> Self {
        Self { name }
    }

    /// Records a value, which must be finite.
    ///
    /// # Errors
    ///
    /// What the host refuses.
    pub fn record(&self, value: f64, attributes: Attributes<'_>) -> Result<(), Refusal> {
        host::histogram_record(self.name, value, attributes)
    }
}

/// A number that goes up and down: `sandbus.guest.updown.<name>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpDown<'a> {
    name: &'a str,
}

impl<'a> UpDown<'a> {
    /// The up-down counter of that name. The name is checked where it is used.
    pub const fn new(name: &'a str) -> Self {
        Self { name }
    }

    /// Adds to it, or takes from it.
    ///
    /// # Errors
    ///
    /// What the host refuses.
    pub fn add(&self, value: i64, attributes: Attributes<'_>) -> Result<(), Refusal> {
        host::updown_add(self.name, value, attributes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Host, event};
    use crate::{Event, Handler, Result, Verdict};

    #[derive(Default)]
    struct Measured;

    impl Handler for Measured {
        const EVENTS: &'static [&'static str] = &["*"];

        fn handle(&mut self, event: &Event) -> Result {
            Counter::new("seen").add(2, &[("lang", "rust")])?;
            Counter::new("seen").add(1, &[])?;
            Histogram::new("size").record(0.5, &[])?;
            UpDown::new("open").add(-3, &[])?;
            Counter::new(event.header("name")?).add(1, &[])?;
            Ok(Verdict::Ack)
        }
    }

    #[test]
    fn what_is_recorded_can_be_read() {
        let outcome = Host::<Measured>::new().deliver(event("A").header("name", "seen"));
        outcome.assert_ack();
        assert_eq!(outcome.counter("seen"), 4);
        assert_eq!(outcome.counter_with("seen", &[("lang", "rust")]), 2);
        assert_eq!(outcome.histogram("size"), [0.5]);
        assert_eq!(outcome.updown("open"), -3);
    }

    #[test]
    fn a_refusal_fails_the_try_by_its_code() {
        for name in ["", "Upper", "dash-ed", "1st", "orders_total"] {
            let outcome = Host::<Measured>::new().deliver(event("A").header("name", name));
            outcome.assert_error("bad_name");
            assert_eq!(outcome.counter("seen"), 3, "what was recorded before stays");
        }
    }

    #[test]
    fn values_and_attributes_are_checked() {
        #[derive(Default)]
        struct Wrong;

        impl Handler for Wrong {
            const EVENTS: &'static [&'static str] = &["*"];

            fn handle(&mut self, event: &Event) -> Result {
                match event.event_type() {
                    "Nan" => Histogram::new("a").record(f64::NAN, &[])?,
                    "Name" => UpDown::new("a").add(1, &[("Key", "v")])?,
                    _ => Counter::new("a").add(1, &[("k", "1"), ("k", "2")])?,
                }
                Ok(Verdict::Ack)
            }
        }

        let mut host = Host::<Wrong>::new();
        host.deliver(event("Nan")).assert_error("bad_value");
        host.deliver(event("Name")).assert_error("bad_attribute");
        host.deliver(event("Twice")).assert_error("bad_attribute");
    }
}
