//! What is written is what the generated code writes, byte for byte, for guests of every encoding.

#![allow(clippy::unwrap_used, reason = "a test stops")]

use wasmtime::component::{Component, ComponentNamedList, Linker, Lower, TypedFunc};
use wasmtime::{Engine, Store};

use super::{HeaderParam, Lowered, typed};
use crate::delivery::ports::Try;
use crate::delivery::scheduler::DeliveryId;
use crate::event::{Event, Record, RecordBuilder};

/// Gives room by counting upwards, and answers with all of it.
fn guest(encoding: &str) -> String {
    format!(
        r#"(component
            (core module $module
                (memory (export "memory") 64)
                (global $end (mut i32) (i32.const 4096))
                (func (export "realloc") (param $old i32) (param $length i32) (param $align i32) (param $new i32)
                    (result i32)
                    (local $start i32)
                    (if (i32.ge_u (local.get $length) (local.get $new)) (then (return (local.get $old))))
                    (global.set $end (i32.and
                        (i32.add (global.get $end) (i32.sub (local.get $align) (i32.const 1)))
                        (i32.sub (i32.const 0) (local.get $align))))
                    (local.set $start (global.get $end))
                    (global.set $end (i32.add (global.get $end) (local.get $new)))
                    (memory.copy (local.get $start) (local.get $old) (local.get $length))
                    (local.get $start))
                (func (export "take") (param $event i32) (result i32)
                    (i32.store (i32.const 8) (i32.const 4096))
                    (i32.store (i32.const 12) (i32.sub (global.get $end) (i32.const 4096)))
                    (i32.const 8)))
            (core instance $core (instantiate $module))
            (type $header' (record (field "name" string) (field "value" (option (list u8)))))
            (export $header "header" (type $header'))
            (type $event' (record
                (field "topic" string)
                (field "partition" u32)
                (field "offset" u64)
                (field "timestamp" (option u64))
                (field "key" (option (list u8)))
                (field "value" (option (list u8)))
                (field "headers" (list $header))
                (field "id" string)
                (field "event-type" string)
                (field "attempt" u32)))
            (export $event "event" (type $event'))
            (func (export "take") (param "event" $event) (result (list u8))
                (canon lift (core func $core "take") (memory (core memory $core "memory"))
                    (realloc (core func $core "realloc"))
                    string-encoding={encoding})))"#
    )
}

/// The guest's memory after it was given this.
fn taken<P: ComponentNamedList + Lower + Send + Sync>(component: &Component, parameters: P) -> Vec<u8> {
    let engine = component.engine();
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, component).unwrap();
    let take: TypedFunc<P, (Vec<u8>,)> = instance.get_typed_func(&mut store, "take").unwrap();
    take.call(&mut store, parameters).unwrap().0
}

/// What the generated code takes.
fn by_generated_code(component: &Component, run: &Try) -> Vec<u8> {
    let (event, record) = (&run.event, &run.event.record);
    let headers = record.headers().map(|(name, value)| HeaderParam { name: std::str::from_utf8(name).unwrap(), value });
    let parameter = typed::Event {
        topic: record.topic(),
        partition: record.partition().try_into().unwrap(),
        offset: record.offset().try_into().unwrap(),
        timestamp: record.timestamp().map(|millis| millis.try_into().unwrap()),
        key: record.key(),
        value: record.value(),
        headers: &headers.collect::<Vec<_>>(),
        id: &event.id(),
        event_type: event.event_type(),
        attempt: run.attempt,
    };
    taken(component, (parameter,))
}

fn record(topic: &str) -> RecordBuilder {
    RecordBuilder::new(topic.into(), 7, 0x0102_0304_0506, 0)
}

/// Records without anything, with all that they may have, and with all of it empty.
fn records() -> Vec<Record> {
    let mut full = record("orders.ü").timestamp(Some(1_700_000_000_123)).key(Some(b"k\0\xff")).value(Some(b"{}"));
    full.header(b"event_type", Some("Örder ☃".as_bytes()));
    full.header(b"event_id", Some("id-\u{1f980}".as_bytes()));
    full.header("näme".as_bytes(), None);
    full.header(b"", Some(&[0xff; 300]));
    full.header(b"n", Some(b""));
    let mut empty = record("t").timestamp(Some(0)).key(Some(b"")).value(Some(b""));
    empty.header(b"event_type", Some(b""));
    let mut large = record("large").value(Some(&[b'x'; 1 << 20]));
    for number in 0..100 {
        large.header(format!("header-{number}").as_bytes(), Some(&[number; 9]));
    }
    vec![record("bare").build(), full.build(), empty.build(), large.build()]
}

#[test]
fn what_is_written_is_what_the_generated_code_writes() {
    let engine = Engine::default();
    for encoding in ["utf8", "utf16", "latin1+utf16"] {
        let component = Component::new(&engine, wat::parse_str(guest(encoding)).unwrap()).unwrap();
        for (record, attempt) in records().into_iter().zip([1, 2, u32::MAX, 3]) {
            let event = Event::decode(record).unwrap();
            let run = Try { id: DeliveryId::none(), attempt, lane: None, event };
            let written = taken(&component, (Lowered(&run),));
            assert!(written.len() > 96, "{encoding}: {} bytes", written.len());
            assert!(written == by_generated_code(&component, &run), "{encoding}: {run:?}");
        }
    }
}
