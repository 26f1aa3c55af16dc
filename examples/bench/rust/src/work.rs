//! What is done with an event, in the sandbox and in native code alike: `sandbus bench` compiles this file too.
//! It knows neither SDK nor host.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Duration;

use serde::Deserialize;

/// The type of the events that end a run. They are not counted.
pub const END: &str = "bench.end";

/// How long an instance keeps busy with one of them, so that the others get one too.
const END_PAUSE: Duration = Duration::from_millis(10);

/// What the work sees of an event.
pub struct Seen<'a> {
    /// Its identity.
    pub id: &'a str,
    /// Its type.
    pub event_type: &'a str,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// What the work may ask of whoever runs it.
pub trait Surroundings {
    /// So many events were handled since the last time.
    ///
    /// # Errors
    /// Where that is refused.
    fn count(&mut self, events: u64) -> Result<(), String>;

    /// Waits.
    fn sleep(&mut self, time: Duration);

    /// Publishes the event as it is.
    ///
    /// # Errors
    /// Where that is refused.
    fn forward(&mut self, topic: &str) -> Result<(), String>;
}

enum Mode {
    Noop,
    Json,
    Wait(Duration),
    Publish(String),
}

/// One instance's work.
pub struct Work {
    mode: Mode,
    /// After how many events they are counted.
    every: u64,
    /// Whose end is to be heeded.
    run: String,
    uncounted: u64,
    customers: HashMap<String, Totals>,
}

#[derive(Default)]
struct Totals {
    orders: u64,
    items: u64,
    cents: u64,
}

#[derive(Deserialize)]
struct Order<'a> {
    customer: &'a str,
    items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    sku: &'a str,
    quantity: u64,
    price_cents: u64,
}

impl Work {
    /// As the handler's configuration says.
    ///
    /// # Errors
    /// What is missing or unknown.
    pub fn new(config: impl Fn(&str) -> Option<String>) -> Result<Work, String> {
        let required = |key: &str| config(key).ok_or_else(|| format!("set {key:?} in [handler.config]"));
        let number = |key: &str| {
            required(key)?
                .parse::<u64>()
                .map_err(|error| format!("{key:?} in [handler.config] cannot be read: {error}"))
        };
        let mode = match required("mode")?.as_str() {
            "noop" => Mode::Noop,
            "json" => Mode::Json,
            "wait" => Mode::Wait(Duration::from_millis(number("wait_ms")?)),
            "publish" => Mode::Publish(required("topic")?),
            other => return Err(format!("there is no mode {other:?}")),
        };
        let (every, run) = (number("every")?.max(1), required("run")?);
        Ok(Work { mode, every, run, uncounted: 0, customers: HashMap::new() })
    }

    /// Handles one event.
    ///
    /// # Errors
    /// In words; the event is not counted then.
    pub fn handle(&mut self, event: &Seen<'_>, around: &mut impl Surroundings) -> Result<(), String> {
        if event.event_type == END {
            return self.end(event, around);
        }
        match &self.mode {
            Mode::Noop => {
                let value = event.value.unwrap_or_default();
                black_box((event.id.len(), event.event_type.len(), value.len(), value.first(), value.last()));
            }
            Mode::Json => self.add_up(event.value.unwrap_or_default())?,
            Mode::Wait(time) => around.sleep(*time),
            Mode::Publish(topic) => around.forward(topic)?,
        }
        self.uncounted += 1;
        if self.uncounted >= self.every {
            around.count(std::mem::take(&mut self.uncounted))?;
        }
        Ok(())
    }

    fn add_up(&mut self, value: &[u8]) -> Result<(), String> {
        let order: Order<'_> = serde_json::from_slice(value).map_err(|error| error.to_string())?;
        if !self.customers.contains_key(order.customer) {
            self.customers.insert(order.customer.to_owned(), Totals::default());
        }
        if let Some(totals) = self.customers.get_mut(order.customer) {
            totals.orders += 1;
            for item in &order.items {
                black_box(item.sku);
                totals.items += item.quantity;
                totals.cents += item.quantity * item.price_cents;
            }
            black_box((totals.orders, totals.items, totals.cents));
        }
        Ok(())
    }

    fn end(&mut self, event: &Seen<'_>, around: &mut impl Surroundings) -> Result<(), String> {
        // Those of earlier runs stand in the topic too.
        if event.value != Some(self.run.as_bytes()) {
            return Ok(());
        }
        if self.uncounted > 0 {
            around.count(std::mem::take(&mut self.uncounted))?;
        }
        around.sleep(END_PAUSE);
        Ok(())
    }
}
