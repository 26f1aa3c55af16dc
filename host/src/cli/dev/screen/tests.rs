use std::time::Duration;

use insta::assert_snapshot;

use super::super::super::tries::Said;
use super::*;
use crate::delivery::ports::{Tried, Try};
use crate::delivery::scheduler::DeliveryId;
use crate::delivery::verdict::{ErrorKind, FaultKind};
use crate::event::{Event, Outgoing, RecordBuilder};
use crate::sandbox::ports::LogLevel;

fn screen(terminal: bool, colours: bool) -> Screen<Vec<u8>> {
    Screen { out: Vec::new(), terminal, colours, columns: || 40, state: String::new() }
}

/// What was written, with what a terminal is told by name.
fn written(screen: &Screen<Vec<u8>>) -> String {
    let text = String::from_utf8(screen.out.clone()).unwrap();
    let named = [("\r", "<start>"), ("\x1b[J", "<clear>"), ("\x1b[A", "<up>")];
    named.iter().fold(text, |text, (code, name)| text.replace(code, name)).replace('\x1b', "<esc>")
}

fn tried(offset: i64, attempt: u32, ending: Ending, logs: &[&str], published: &[&str]) -> News {
    let mut record = RecordBuilder::new("events.stream".into(), 0, offset, 0);
    record.header(b"event_type", Some(b"OrderCreated"));
    let event = Event::decode(record.build()).unwrap();
    let outgoing = |value: &&str| Outgoing {
        topic: "out".into(),
        key: Some(b"o-1".to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: vec![(b"event_type".to_vec(), Some(b"Noted".to_vec()))],
        timestamp: None,
    };
    let tried = Tried {
        run: Try { id: DeliveryId::none(), attempt, lane: None, event },
        ending: Some(ending.clone()),
        outbox: published.iter().map(outgoing).collect(),
        wall: Duration::from_micros(412),
        cpu: Duration::from_micros(398),
        memory: 1_179_648,
    };
    let logs = logs.iter().map(|line| (LogLevel::Info, (*line).to_owned())).collect();
    News::Try("orders".into(), Box::new(Shown::of(&tried, &ending, Said { logs, metrics: Vec::new() })))
}

fn trap() -> Ending {
    Ending::Fault { kind: FaultKind::Trap, message: "wasm trap: unreachable".into() }
}

#[test]
fn a_delivery_is_a_line_and_what_it_did_stands_below() {
    let mut screen = screen(false, false);
    screen.news(&tried(0, 1, Ending::Ack, &["order o-1 is number 1"], &["{\"a\":1}"]), false).unwrap();
    screen.news(&tried(1, 2, trap(), &[], &[]), false).unwrap();
    let reason = Ending::DeadLetter("the total is negative".into());
    screen.news(&tried(2, 1, reason, &[], &[]), true).unwrap();
    screen
        .news(&News::DeadLetter("events.stream/0/2  dead letter in events.stream.dlq: rejected".into()), true)
        .unwrap();
    assert_snapshot!(written(&screen), @r#"
    events.stream/0/0  OrderCreated  attempt 1  ack  (0.412 ms, 0.398 ms CPU, 1.1 MiB)
        log info: order o-1 is number 1
        publish {"topic":"out","key":"o-1","headers":[["event_type","Noted"]],"value":{"a":1}}
    events.stream/0/1  OrderCreated  attempt 2  fault trap: wasm trap: unreachable  (0.412 ms, 0.398 ms CPU, 1.1 MiB)
    events.stream/0/2  OrderCreated  attempt 1  orders  dead-letter: the total is negative  (0.412 ms, 0.398 ms CPU, 1.1 MiB)
    events.stream/0/2  dead letter in events.stream.dlq: rejected
    "#);
}

#[test]
fn only_verdicts_and_what_matters_have_a_colour() {
    let mut screen = screen(true, true);
    screen.news(&tried(0, 1, Ending::Ack, &[], &[]), false).unwrap();
    screen.news(&tried(1, 1, Ending::Retry(Some(Duration::from_secs(2))), &[], &[]), false).unwrap();
    screen.say(Tone::Bad, "the build failed").unwrap();
    screen.say(Tone::Tool, "\x1b[31merror\x1b[0m: as the compiler has it").unwrap();
    assert_snapshot!(written(&screen), @"
    <start><clear>events.stream/0/0  OrderCreated  attempt 1  <esc>[32mack<esc>[0m  <esc>[2m(0.412 ms, 0.398 ms CPU, 1.1 MiB)<esc>[0m
    <start><clear>events.stream/0/1  OrderCreated  attempt 1  <esc>[33mretry<esc>[0m after 2s  <esc>[2m(0.412 ms, 0.398 ms CPU, 1.1 MiB)<esc>[0m
    <start><clear><esc>[31mthe build failed<esc>[0m
    <start><clear>  <esc>[31merror<esc>[0m: as the compiler has it
    ");
}

#[test]
fn the_line_of_state_stays_below_and_fits() {
    let mut screen = screen(true, false);
    screen.state("built | generation 1 at work | Enter: run the events again".into()).unwrap();
    screen.say(Tone::Plain, "a line").unwrap();
    screen.state("built | generation 1 at work | Enter: run the events again".into()).unwrap();
    screen.entered().unwrap();
    screen.end().unwrap();
    assert_snapshot!(written(&screen), @"
    <start><clear>built | generation 1 at work | Enter: r<start><clear>a line
    built | generation 1 at work | Enter: r<up><start><clear>built | generation 1 at work | Enter: r<start><clear>
    ");
}

#[test]
fn without_a_terminal_there_are_lines_and_nothing_else() {
    let mut screen = screen(false, false);
    screen.state("built".into()).unwrap();
    screen.entered().unwrap();
    screen.say(Tone::Good, "one").unwrap();
    screen.say(Tone::Bad, "two\nmore of it").unwrap();
    screen.end().unwrap();
    assert_eq!(written(&screen), "one\ntwo\n  more of it\n");
}

#[test]
fn guests_move_no_cursor_and_fill_no_screen() {
    let kind = ErrorKind::from_guest("ValueError");
    let message = format!("\x1b[2J\r\nFile \"a.py\",\tline 1\u{7}\n{}", "x".repeat(5000));
    let mut screen = screen(false, false);
    screen.news(&tried(0, 1, Ending::Error { kind, message }, &[], &[]), false).unwrap();
    let text = written(&screen);
    assert!(text.starts_with("events.stream/0/0  OrderCreated  attempt 1  error ValueError: \u{fffd}[2J\n    File \"a.py\", line 1\u{fffd}\n    xxx"), "{text}");
    assert!(text.contains("x... (") && text.chars().count() < 800, "{text}");
}
