//! Headers of every shape.

use sandbus_sdk::testing::{Host, event};

use crate::Audit;

#[test]
fn headers_tell_who_did_what() {
    let event = event("OrderCreated")
        .id("e-1")
        .header("tenant_id", "acme")
        .header("actor_id", "jo")
        .header("tag", "vip")
        .header("signature", [0xde, 0xad, 0xbe, 0xef, 0x01])
        .header("tag", "gift");
    let outcome = Host::<Audit>::new().deliver(event);
    outcome.assert_ack();
    assert_eq!(
        outcome.logs()[0].message,
        "acme: OrderCreated by jo, tags [vip, gift], signature deadbeef, 7 headers, id e-1"
    );
    assert_eq!(outcome.counter_with("audited", &[("tenant", "acme")]), 1);
}

#[test]
fn what_is_absent_is_said() {
    let event = event("A").header("tenant_id", "acme").null_header("signature");
    let outcome = Host::<Audit>::new().deliver(event);
    assert_eq!(
        outcome.logs()[0].message,
        "acme: A by nobody, tags [], signature none, 3 headers, id events.stream/0/0"
    );
}

#[test]
fn an_event_without_tenant_is_skipped() {
    let outcome = Host::<Audit>::new().deliver(event("A").header("Tenant_id", "acme"));
    outcome.assert_skip();
    assert_eq!(outcome.counter("audited"), 0);
}

#[test]
fn a_tenant_that_is_no_text_is_an_error() {
    let mut host = Host::<Audit>::new();
    host.deliver(event("A").header("tenant_id", [0xff])).assert_error("bad_header");
    host.deliver(event("A").null_header("tenant_id")).assert_error("missing_header");
    let bad_tag = event("A").header("tenant_id", "acme").header("tag", [0xff]);
    host.deliver(bad_tag).assert_error("bad_header");
}
