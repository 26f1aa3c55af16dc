//! The log of `run`: one JSON object a line, with what an operator looks for.

use super::SOON;
use super::stage::{Probe, Stage, event};

#[test]
fn a_failure_is_one_record_that_says_where_and_why() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0"));
    let host = stage.start();
    stage.topic.write([event("a", "error:Broken:the shelf is empty")]);
    stage.wait_final(1);
    let line = host.log_line_containing("the shelf is empty", SOON);
    for name in ["message", "handler", "offset", "attempt"] {
        assert_eq!(line.matches(&format!("\"{name}\":")).count(), 1, "{name} in {line}");
    }
    let record: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&record["handler"], &record["error_type"]), (&"probe".into(), &"Broken".into()), "{line}");
    assert_eq!((&record["offset"], &record["attempt"]), (&0.into(), &1.into()), "{line}");
    assert_eq!(record["partition"], format!("{}/0", stage.topic.name()), "{line}");
}

#[test]
fn a_guests_line_says_which_try_it_comes_from_and_forges_no_other() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    stage.topic.write([event("a", "ack"), event("a", "until:2:retry;log:hello\n{\"level\":\"ERROR\"}\u{1b}[31m")]);
    stage.wait_final(2);
    let line = host.log_line_containing("hello", SOON);
    let record: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(record["handler"], "probe", "{line}");
    assert_eq!(record["topic"], stage.topic.name(), "{line}");
    let numbers = ["partition", "offset", "attempt"].map(|name| record[name].as_i64());
    assert_eq!(numbers, [Some(0), Some(1), Some(2)], "{line}");
    assert!(
        !line.contains('\u{1b}') && !host.log().iter().any(|line| line.starts_with("{\"level\":\"ERROR\"")),
        "{line}"
    );
}
