//! What cannot be redriven: said before by the command, and found out by the host.

use super::super::SOON;
use super::{about, probe};
use crate::delivery::stage::Stage;
use sandbus_tests::Record;

#[test]
fn it_is_said_by_reason_before_the_rest_is_done() {
    let stage = Stage::with_dead_letters(1).probe(probe("probe", 0));
    stage.topic.dead_letters().write([
        stage.letter(&[("dlq_reason", "deserialization_error"), ("dlq_handler", ""), ("dlq_handler_digest", "")]),
        stage.letter(&[("dlq_truncated", "true")]),
        stage.letter(&[("dlq_handler", "gone")]),
        stage.letter(&[("dlq_handler", "")]),
        stage.letter(&[("dlq_original_offset", "far")]),
        stage.letter(&[("dlq_original_topic", "elsewhere")]),
        stage.letter(&[("dlq_consumer_group", "strangers")]),
        stage.letter(&[("dlq_truncated", "true")]),
        stage.letter(&[]),
    ]);
    stage.dlq(&["redrive", "--all", "--dry-run"]).expect(0).snapshot("dlq-redrive-refused-dry");
    assert_eq!(stage.redrives("").partitions(), None, "a dry run makes nothing");
    stage.dlq(&["redrive", "--all"]).expect(0).snapshot("dlq-redrive-refused");
    assert_eq!(about(&stage.redrives("").read()), [stage.position(8)]);
    // Whoever names them wants them done.
    let (truncated, none) = (stage.position(1), stage.position(99));
    stage.dlq(&["redrive", &truncated]).expect(1).snapshot("dlq-redrive-named-refused");
    stage.dlq(&["redrive", &none]).expect(1).snapshot("dlq-redrive-none");
    let json = stage.dlq(&["redrive", "--all", "--json"]).expect(0).json();
    let refused = serde_json::json!({
        "undecodable": 1, "no_handler": 1, "truncated": 2, "unknown_handler": 1, "malformed": 2,
    });
    assert_eq!((&json["refused"], &json["already"]["redriven"]), (&refused, &1.into()));
    assert_eq!(stage.redrives("").read().len(), 1);
}

#[test]
fn without_a_configuration_any_handler_is_taken_at_its_word() {
    let stage = Stage::with_dead_letters(1);
    stage.topic.dead_letters().write([stage.letter(&[("dlq_handler", "anybody")])]);
    let bare = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(sandbus_tests::host::built::sandbus());
    command.current_dir(bare.path()).args(["dlq", "redrive", "--all", "-b", stage.connection.bootstrap()]);
    command.args(["--topic", stage.topic.name(), "--group", stage.group.name()]);
    let finished = sandbus_tests::process::run_to_end(command, b"", SOON);
    assert!(finished.status.success(), "{finished:?}");
    assert_eq!(about(&stage.redrives("").read()), [stage.position(0)]);
}

#[test]
fn a_host_makes_dead_letters_of_what_it_cannot_give_again() {
    let stage = Stage::with_dead_letters(1).probe(probe("probe", 0));
    let _host = stage.start();
    let redrives = stage.redrives("");
    redrives.write([
        Record::new().value("stray").key("k"),
        stage.letter(&[("dlq_handler", "gone")]).header("sandbus_redrive", stage.position(0)),
        stage.letter(&[("dlq_original_offset", "far")]).header("sandbus_redrive", stage.position(1)),
        Record::new().header("sandbus_redrive", stage.position(2)).header("sandbus_purged", "true"),
    ]);
    stage.group.wait_committed_sum(&redrives, 4, SOON);
    let dead = stage.topic.dead_letters().read();
    let said: Vec<_> = (dead.iter())
        .map(|letter| {
            assert_eq!(letter.header("dlq_reason"), Some("deserialization_error"));
            assert_eq!(letter.header("dlq_handler"), None);
            assert!(letter.headers_named("sandbus_redrive").next().is_none());
            ["error_message", "original_topic", "original_offset"]
                .map(|name| letter.header(&format!("dlq_{name}")).unwrap().to_owned())
        })
        .collect();
    let (source, own) = (stage.topic.name().to_owned(), redrives.name().to_owned());
    let expected = [
        ["cannot be redriven: header \"dlq_handler\" is missing".to_owned(), own.clone(), "0".to_owned()],
        ["cannot be redriven: the group has no handler \"gone\"".to_owned(), source, "42".to_owned()],
        ["cannot be redriven: header \"dlq_original_offset\" is not a number".to_owned(), own, "2".to_owned()],
    ];
    assert_eq!(said, expected);
    assert!(stage.acks().is_empty());
}

#[test]
fn a_host_that_cannot_make_a_redrive_topic_does_not_start_and_names_it() {
    let stage = Stage::with_dead_letters(1).probe(probe("probe", 0));
    let redrives = stage.redrives("");
    // Kafka refuses a name that its metrics would take for another topic's.
    let taken = redrives.name().replacen('.', "_", 1);
    let _ = sandbus_tests::Topic::create_named(&stage.connection, &taken, 1);
    let mut host = stage.deploy().start();
    assert_eq!(host.wait_end(SOON).code(), Some(1));
    let said = host.log_line_containing("cannot make the topic", SOON);
    assert!(said.contains(redrives.name()), "{said}");
}
