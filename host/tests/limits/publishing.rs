//! What the events of one batch publish is bounded together, by both ways, and nothing is lost by that.

use sandbus::delivery::ports::{Ran, Try};
use sandbus::delivery::scheduler::DeliveryId;
use sandbus::delivery::verdict::{Ending, FaultKind};
use sandbus::event::{Event, RecordBuilder};
use sandbus::sandbox::Sandbox;

use super::guest::{ANSWER, Guest, load, module};

/// As many as a batch may have.
const EVENTS: i64 = 512;
/// What one event may publish, and does: eight records.
const QUOTA: usize = 8 << 20;

const IMPORT: &str = r#"(import "sandbus:handler/publish@0.1.0" "send"
    (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;

/// Publishes the MiB from 1 MiB on, with so many empty headers, so often. Traps where that is refused.
fn publish(headers: u32, times: u32) -> String {
    format!(
        r#"(func $publish (local $left i32)
            (local.set $left (i32.const {times}))
            (loop $more
                (call $send (i32.const 256) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0)
                    (i32.const 1) (i32.const 1048576) (i32.const 1048576)
                    (i32.const 2097152) (i32.const {headers}) (i32.const 512))
                (if (i32.load8_u (i32.const 512)) (then unreachable))
                (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                (br_if $more (local.get $left))))
        (data (i32.const 256) "out")
        (func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32) (i32.const 32))
        (data (i32.const 32) "\40\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
        (data (i32.const 64) "\48\00\00\00\01\00\00\00*")"#
    )
}

fn typed(headers: u32, times: u32) -> Vec<u8> {
    let publish = publish(headers, times);
    let text = format!(
        r#"(module
            {IMPORT}
            (memory (export "memory") 128)
            {publish}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
            (func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32) (call $publish) (i32.const 4096)))"#
    );
    module("typed", &text)
}

fn packed() -> Vec<u8> {
    let publish = publish(0, 8);
    let text = format!(
        r#"(module
            {IMPORT}
            (import "sandbus:handler/batch@0.1.0" "at" (func $at (param i32)))
            (memory (export "memory") 128)
            {publish}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
            (func (export "sandbus:handler/packed@0.1.0#handle") (param $frame i32) (param i32) (result i32)
                (local $index i32) (local $count i32) (local $to i32)
                (local.set $count (i32.load offset=12 (local.get $frame)))
                (local.set $to (i32.const 3145752))
                (loop $next
                    (call $at (local.get $index))
                    (call $publish)
                    (memory.copy (local.get $to) (i32.const 1048) (i32.const 32))
                    (local.set $to (i32.add (local.get $to) (i32.const 32)))
                    (local.set $index (i32.add (local.get $index) (i32.const 1)))
                    (br_if $next (i32.lt_u (local.get $index) (local.get $count))))
                (memory.copy (i32.const 3145728) (i32.const 1024) (i32.const 24))
                (i32.store (i32.const 3145740) (local.get $count))
                (i32.store (i32.const 3145744) (i32.sub (local.get $to) (i32.const 3145728)))
                (i32.store (i32.const 16) (i32.const 3145728))
                (i32.store (i32.const 20) (i32.sub (local.get $to) (i32.const 3145728)))
                (i32.const 16))
            (data (i32.const 1024) "{ANSWER}"))"#
    );
    module("guest", &text)
}

fn loaded(bytes: &[u8]) -> Guest {
    let sandbox = Sandbox::without_reserve(4, 20_000).unwrap();
    let keys = "memory = \"16MiB\"\ncpu_time = \"60s\"\ntimeout = \"60s\"\n\
                [handler.grants]\npublish = [\"out\"]";
    load(&sandbox, bytes, keys).unwrap_or_else(|error| panic!("{error}"))
}

fn batch() -> Vec<Try> {
    let event = |offset| Event::decode(RecordBuilder::new("t".into(), 0, offset, 0).build()).unwrap();
    let run = |offset| Try { id: DeliveryId::none(), attempt: 1, lane: Some(0), event: event(offset) };
    (0..EVENTS).map(run).collect()
}

/// What of a batch was acknowledged, in its order, with what that has published; and what has not run.
fn acknowledged(ran: Ran, most: usize) -> (Vec<i64>, Vec<Try>) {
    let outboxes = ran.tried.iter().flat_map(|tried| &tried.outbox);
    let published: usize = outboxes.map(sandbus::event::Outgoing::payload_bytes).sum();
    assert!(published <= most, "{published} bytes of one batch");
    let (mut acks, mut left) = (Vec::new(), Vec::new());
    for tried in ran.tried {
        match tried.ending {
            Some(Ending::Ack) => {
                assert!(left.is_empty(), "an event overtook another");
                assert_eq!(tried.outbox.len(), QUOTA >> 20);
                acks.push(tried.run.event.record.offset());
            }
            None => left.push(tried.run),
            other => panic!("{other:?}"),
        }
    }
    (acks, left)
}

#[test]
fn a_typed_batch_is_left_when_it_has_published_enough_and_goes_on_later() {
    let mut guest = loaded(&typed(0, 8));
    let (mut acks, mut left) = (Vec::new(), batch());
    while !left.is_empty() {
        let ran = guest.runtime.block_on(guest.worker.run(left));
        assert_eq!(ran.fault, None);
        // The event that passes it has run to its end.
        let (more, rest) = acknowledged(ran, 2 * QUOTA);
        assert!(!more.is_empty(), "nothing has run");
        acks.extend(more);
        left = rest;
    }
    assert!(acks.into_iter().eq(0..EVENTS));
}

#[test]
fn a_packed_batch_is_stopped_when_it_has_published_enough_and_its_events_run_alone() {
    let mut guest = loaded(&packed());
    let ran = guest.runtime.block_on(guest.worker.run(batch()));
    let (kind, message) = ran.fault.clone().unwrap();
    assert_eq!(kind, FaultKind::PublishQuota);
    assert!(message.contains("one batch together"), "{message}");
    let (acks, left) = acknowledged(ran, 0);
    assert!(acks.is_empty());
    let mut alone = Vec::new();
    for run in left {
        let ran = guest.runtime.block_on(guest.worker.run(vec![run]));
        assert_eq!(ran.fault, None);
        alone.extend(acknowledged(ran, QUOTA).0);
    }
    assert!(alone.into_iter().eq(0..EVENTS));
}

#[test]
fn headers_without_bytes_are_bounded_too() {
    // 131,072 of them are 8 MiB of the host's.
    let mut guest = loaded(&typed(60_000, 3));
    let ran = guest.runtime.block_on(guest.worker.run(batch()[..1].to_vec()));
    match &ran.tried[0].ending {
        Some(Ending::Fault { kind: FaultKind::PublishQuota, message }) => {
            assert!(message.contains("headers"), "{message}")
        }
        other => panic!("{other:?}"),
    }
}
