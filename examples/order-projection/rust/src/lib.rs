//! Teaches: the JSON body, state that lives as long as the instance, metrics.
//!
//! Keeps running totals of orders for each currency. The totals are this instance's own view, for
//! its log lines; what must be complete goes to the metrics, which the host adds up over all
//! instances.

use std::collections::BTreeMap;

use sandbus_sdk::metrics::{Counter, Histogram, UpDown};
use sandbus_sdk::{Error, Event, Handler, Result, Verdict, log};
use serde::Deserialize;

const CREATED: Counter = Counter::new("orders_created");
const CANCELLED: Counter = Counter::new("orders_cancelled");
const OPEN: UpDown = UpDown::new("orders_open");
const VALUE: Histogram = Histogram::new("order_value_cents");

/// The body of `OrderCreated`. Fields that it does not name may be there.
#[derive(Deserialize)]
struct OrderCreated {
    order_id: String,
    currency: String,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    quantity: u32,
    price_cents: u64,
}

/// The body of `OrderCancelled`.
#[derive(Deserialize)]
struct OrderCancelled {
    order_id: String,
    reason: String,
}

#[derive(Default)]
struct Totals {
    orders: u64,
    cents: u64,
}

/// The projection, as far as this instance has seen the events.
#[derive(Default)]
struct OrderProjection {
    by_currency: BTreeMap<String, Totals>,
}

impl Handler for OrderProjection {
    const EVENTS: &'static [&'static str] = &["OrderCreated", "OrderCancelled"];

    fn handle(&mut self, event: &Event) -> Result {
        match event.event_type() {
            "OrderCreated" => self.created(&event.json()?),
            "OrderCancelled" => cancelled(&event.json()?),
            // The configuration may send more than `EVENTS` asks for.
            _ => Ok(Verdict::Skip),
        }
    }
}

impl OrderProjection {
    fn created(&mut self, order: &OrderCreated) -> Result {
        let value = value_of(order)?;
        let totals = self.by_currency.entry(order.currency.clone()).or_default();
        totals.orders += 1;
        totals.cents = totals.cents.saturating_add(value);
        log::debug!(
            "order {} is number {} in {}, {} cents so far",
            order.order_id,
            totals.orders,
            order.currency,
            totals.cents
        );
        let currency = [("currency", order.currency.as_str())];
        CREATED.add(1, &currency)?;
        OPEN.add(1, &[])?;
        VALUE.record(value as f64, &currency)?;
        Ok(Verdict::Ack)
    }
}

fn cancelled(order: &OrderCancelled) -> Result {
    log::info!("order {} is cancelled: {}", order.order_id, order.reason);
    CANCELLED.add(1, &[])?;
    OPEN.add(-1, &[])?;
    Ok(Verdict::Ack)
}

/// The order's value in cents.
fn value_of(order: &OrderCreated) -> Result<u64, Error> {
    if order.items.is_empty() {
        let message = format!("order {} has no items", order.order_id);
        return Err(Error::new("empty_order", message));
    }
    let price = |item: &Item| item.price_cents.checked_mul(u64::from(item.quantity));
    order
        .items
        .iter()
        .try_fold(0_u64, |sum, item| sum.checked_add(price(item)?))
        .ok_or_else(|| Error::new("order_too_large", format!("order {}", order.order_id)))
}

sandbus_sdk::export!(OrderProjection);

#[cfg(test)]
mod tests;
