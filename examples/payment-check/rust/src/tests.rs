//! Payments that end in every way.

use std::time::Duration;

use sandbus_sdk::Verdict;
use sandbus_sdk::serde_json::json;
use sandbus_sdk::testing::{EventBuilder, Host, event};

use crate::PaymentCheck;

fn payment(provider: &str, card_last4: &str, installments: u64) -> EventBuilder {
    event("PaymentRequested").key("o-1").json(&json!({
        "payment_id": "p-1",
        "order_id": "o-1",
        "amount_cents": 3000,
        "currency": "EUR",
        "installments": installments,
        "provider": provider,
        "card_last4": card_last4,
    }))
}

#[test]
fn a_good_payment_is_approved() {
    let outcome = Host::<PaymentCheck>::new().deliver(payment("alpha", "4242", 3));
    outcome.assert_ack();
    assert_eq!(outcome.counter_with("payments_approved", &[("currency", "EUR")]), 1);
    assert_eq!(outcome.logs()[0].message, "payment p-1 is approved: 3 times 1000 EUR");
}

#[test]
fn what_is_no_request_is_skipped() {
    let mut host = Host::<PaymentCheck>::new();
    assert!(host.wants("PaymentSettled") && !host.wants("OrderCreated"));
    host.deliver(event("PaymentSettled")).assert_skip();
}

#[test]
fn a_provider_that_is_away_is_waited_for() {
    let mut host = Host::<PaymentCheck>::new().config("provider_retry_ms", 50);
    for attempt in [1, 2] {
        let outcome = host.deliver(payment("beta", "4242", 1).attempt(attempt));
        outcome.assert_verdict(Verdict::retry_after(Duration::from_millis(50)));
    }
    host.deliver(payment("beta", "4242", 1).attempt(3)).assert_ack();
}

#[test]
fn the_wait_has_a_default_and_must_be_a_number() {
    let outcome = Host::<PaymentCheck>::new().deliver(payment("beta", "4242", 1));
    outcome.assert_verdict(Verdict::retry_after(Duration::from_millis(200)));
    let mut host = Host::<PaymentCheck>::new().config("provider_retry_ms", "soon");
    host.deliver(payment("beta", "4242", 1)).assert_error("bad_config");
}

#[test]
fn a_refused_card_is_a_dead_letter_with_its_reason() {
    let refused = [("0002", "declined"), ("0069", "expired"), ("9979", "reported stolen")];
    for (card, why) in refused {
        let outcome = Host::<PaymentCheck>::new().deliver(payment("alpha", card, 1));
        let reason = format!("card refused: {why} (payment p-1)");
        outcome.assert_verdict(Verdict::dead_letter(reason));
    }
}

#[test]
fn a_bad_body_is_an_error() {
    let mut host = Host::<PaymentCheck>::new();
    let outcome = host.deliver(event("PaymentRequested").text(r#"{"payment_id":"p-1"}"#));
    let error = outcome.assert_error("bad_json");
    assert!(error.message().contains("amount_cents"), "{error}");
}

#[test]
#[should_panic(expected = "divide by zero")]
fn a_payment_in_no_parts_finds_the_bug() {
    Host::<PaymentCheck>::new().deliver(payment("alpha", "4242", 0));
}
