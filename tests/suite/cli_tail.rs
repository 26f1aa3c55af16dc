//! `sandbus tail` on a real Kafka, alone and before another command.

mod pipes;
mod reading;

use sandbus_tests::{Connection, Deployment, Record, Topic};

use super::cli_outcome::Outcome;

/// Reads `topic` of the shared broker.
#[track_caller]
fn tail(topic: &Topic, arguments: &[&str]) -> Outcome {
    let connection = Connection::shared();
    let fixed = ["tail", "--bootstrap-servers", connection.bootstrap(), "--topic", topic.name()];
    let outcome = Outcome::of(&Deployment::new(""), &[&fixed, arguments].concat());
    outcome.hiding(connection.bootstrap(), "[KAFKA]").hiding(topic.name(), "[TOPIC]")
}

/// Everything in it, of one partition.
#[track_caller]
fn everything(topic: &Topic) -> Outcome {
    tail(topic, &["--from-beginning", "--exit"]).expect(0)
}

/// Records that are hard to write down, each with its time.
fn strange_records() -> Vec<Record> {
    let at = |number: i64| Record::new().timestamp(1_700_000_000_000 + number);
    vec![
        at(0),
        at(1).key("").value(""),
        at(2).key("o-1").value(r#"{"b":1,"a":[true,null]}"#).header("event_type", "OrderCreated"),
        at(3).key([0xff, 0x00]).value([0xfe, 0x00, 0xff]),
        at(4).value("null"),
        at(5).value(r#"{ "spaced": 1 }"#),
        at(6).value(r#"{"twice":1,"twice":2}"#),
        at(7).value(r#"{"large":123456789012345678901234567890,"precise":0.1000000000000000055511151231257827}"#),
        at(8).value(r#"{"float":1.0,"exponent":1e3,"negative":-0.0,"escaped":"\u00e9\/"}"#),
        at(9).value("\"a\\u0000b\""),
        at(10).value("line one\nline two\t\u{2028}☃"),
        at(11).header("r", "1").null_header("n").header("r", [0xc3, 0x28]).header("", "").header("ä", "ü"),
        at(12).header("event_type", [0xff]),
        at(13).key("k").header("event_type", "Deleted"),
    ]
}
