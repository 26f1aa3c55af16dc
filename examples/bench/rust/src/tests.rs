//! What is counted, and when.

use sandbus_sdk::testing::{Host, event};

use crate::{Bench, work};

fn host(mode: &str) -> Host<Bench> {
    Host::new().config("mode", mode).config("every", 3).config("run", "r-1")
}

#[test]
fn events_are_counted_in_steps_and_at_the_end_of_the_run() {
    let mut host = host("noop");
    for counted in [0, 0, 3, 0, 0] {
        let outcome = host.deliver(event("OrderCreated").text("x"));
        outcome.assert_ack();
        assert_eq!(outcome.counter("events"), counted);
    }
    assert_eq!(host.deliver(event(work::END).text("r-0")).counter("events"), 0, "that was another run's");
    assert_eq!(host.deliver(event(work::END).text("r-1")).counter("events"), 2);
    assert_eq!(host.deliver(event(work::END).text("r-1")).counter("events"), 0, "they are counted");
}

#[test]
fn an_order_is_parsed_or_it_is_an_error() {
    let mut host = host("json");
    let order = r#"{"customer":"c-1","items":[{"sku":"s","quantity":2,"price_cents":199}],"note":"x"}"#;
    host.deliver(event("OrderCreated").text(order)).assert_ack();
    host.deliver(event("OrderCreated").text("x")).assert_error("bench");
}

#[test]
fn an_event_is_sent_on_as_it_is() {
    let outcome = host("publish").config("topic", "out").grant("out").deliver(event("OrderCreated").text("x"));
    outcome.assert_ack();
    assert_eq!(outcome.published().len(), 1);
}

#[test]
fn what_is_not_configured_is_named() {
    Host::<Bench>::new().config("mode", "noop").deliver(event("A")).assert_error("bad_config");
    Host::<Bench>::new().config("mode", "play").deliver(event("A")).assert_error("bad_config");
}
