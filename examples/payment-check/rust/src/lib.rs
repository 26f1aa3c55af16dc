//! Teaches: every way that a try may end.
//!
//! Decides on payments. Its providers and cards are made up, as test cards are: what a payment
//! says decides what happens to it. And it has a bug.

use std::time::Duration;

use sandbus_sdk::metrics::Counter;
use sandbus_sdk::{Event, Handler, Result, Verdict, config, log};
use serde::Deserialize;

const APPROVED: Counter = Counter::new("payments_approved");

/// How long to wait for a provider that cannot be reached, unless `provider_retry_ms` is
/// configured.
const PROVIDER_RETRY_MS: u64 = 200;

/// The body of `PaymentRequested`. Fields that it does not name may be there.
#[derive(Deserialize)]
struct Payment {
    payment_id: String,
    amount_cents: u64,
    currency: String,
    /// In how many parts it is paid.
    installments: u64,
    provider: String,
    card_last4: String,
}

/// The check. It remembers nothing.
#[derive(Default)]
struct PaymentCheck;

impl Handler for PaymentCheck {
    const EVENTS: &'static [&'static str] = &["Payment*"];

    fn handle(&mut self, event: &Event) -> Result {
        if event.event_type() != "PaymentRequested" {
            return Ok(Verdict::Skip);
        }
        let payment: Payment = event.json()?;
        reach(&payment.provider, event.attempt())?;
        authorise(&payment)?;
        let part = installment(&payment);
        log::debug!(
            "payment {} is approved: {} times {part} {}",
            payment.payment_id,
            payment.installments,
            payment.currency
        );
        APPROVED.add(1, &[("currency", &payment.currency)])?;
        Ok(Verdict::Ack)
    }
}

/// Reaches the provider, or ends the try: `beta` answers from the third try on.
fn reach(provider: &str, attempt: u32) -> Result<()> {
    if provider == "beta" && attempt < 3 {
        let wait = config::parse("provider_retry_ms")?.unwrap_or(PROVIDER_RETRY_MS);
        log::warn!("provider {provider} is not reachable yet (attempt {attempt})");
        Err(Verdict::retry_after(Duration::from_millis(wait)))?;
    }
    Ok(())
}

/// Asks for the money. A card that is refused will be refused again: no retry helps.
fn authorise(payment: &Payment) -> Result<(), Verdict> {
    let refused = match payment.card_last4.as_str() {
        "0002" => "declined",
        "0069" => "expired",
        "9979" => "reported stolen",
        _ => return Ok(()),
    };
    Err(Verdict::dead_letter(format!("card refused: {refused} (payment {})", payment.payment_id)))
}

/// The cents of one part. Here is the bug: nobody has thought of a payment in no parts at all.
fn installment(payment: &Payment) -> u64 {
    payment.amount_cents / payment.installments
}

sandbus_sdk::export!(PaymentCheck);

#[cfg(test)]
mod tests;
