//! Dead letters of a host, given again by a host.

use std::collections::BTreeSet;

use sandbus_tests::{Group, Record, StoredRecord};

use super::super::SOON;
use super::super::stage::event;
use super::super::verdicts::failed_at;
use super::{about, probe};
use crate::delivery::stage::Stage;

/// The headers that dead letters and redrives add, of a record.
fn added(record: &StoredRecord) -> BTreeSet<String> {
    let names = record.headers.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
    names.filter(|name| name.starts_with("dlq_") || name.starts_with("sandbus_")).collect()
}

#[test]
fn an_event_is_given_again_to_the_handler_that_failed_and_to_no_other() {
    let before = Stage::new(2).probe(probe("failed", 0)).probe(probe("worked", 4));
    let mut host = before.start();
    let steps = "until:2:error:Broken:it";
    let came =
        Record::event("Tried", "{\"n\":7}").partition(1).timestamp(1_600_000_000_123).key("k").header("probe", steps);
    before.topic.write([event("other", "skip").partition(1), came.header("tag", "1").null_header("tag")]);
    before.wait_final(2);
    assert_eq!(before.topic.dead_letters().read().len(), 1);
    assert_eq!(before.wait_acks(1)[0].handler, "worked");
    assert_eq!(host.terminate(SOON).code(), Some(0));

    let after = before.again().probe(probe("failed", 3)).probe(probe("worked", 4));
    after.dlq(&["redrive", "--all"]).expect(0).snapshot("dlq-redrive");
    let host = after.start();
    let acks = after.wait_acks(2);
    let ack = &acks[1];
    assert_eq!((ack.handler.as_str(), ack.place(), ack.attempt), ("failed", (1, 1), 2));
    assert_eq!(ack.record.header("probe_topic"), Some(after.topic.name()));
    assert_eq!((ack.key().as_str(), ack.record.text()), ("k", "{\"n\":7}"));
    let _ = failed_at(&host, 1);
    Group::named(&after.connection, after.group.name()).wait_committed_sum(&after.redrives(""), 1, SOON);
    assert_eq!(after.acks().len(), 2, "nobody else is given it");
    assert_eq!(after.topic.dead_letters().read().len(), 1, "it worked");
    host.wait_metric("kafka_eventbus_messages_consumed_total", &[("event_type", "Tried")], 1.0, SOON);
    // It is done: nothing is left to do.
    let again = after.dlq(&["redrive", "--all", "--json"]).expect(0).json();
    assert_eq!((&again["redriven"], &again["already"]["redriven"]), (&0.into(), &1.into()));
}

#[test]
fn the_handler_sees_the_event_as_it_was_without_our_headers() {
    let copies = sandbus_tests::names::unique("copies");
    let stage = Stage::new(1);
    let copies = sandbus_tests::Topic::create_named(&stage.connection, &copies, 1);
    // The probe sends the event on unchanged.
    let steps = format!("until:2:error:Broken:it;publish:{};ack", copies.name());
    let before = stage.again().probe(probe("probe", 0).publishes(copies.name()));
    let mut host = before.start();
    let came = event("k", &steps).header("tag", "1").null_header("nothing").header("tag", [0xc3, 0x28]);
    before.topic.write([came.header("sandbus_purged", "forged").header("dlq_reason", "forged")]);
    before.wait_final(1);
    host.terminate(SOON);

    let after = before.again().probe(probe("probe", 1).publishes(copies.name()));
    let _host = after.start();
    after.dlq(&["redrive", &before.position(0)]).expect(0);
    let copy = copies.read_count(1, SOON).remove(0);
    assert_eq!(added(&copy), BTreeSet::new());
    let tags: Vec<_> = copy.headers_named("tag").collect();
    assert_eq!(tags, [Some(&b"1"[..]), Some(&[0xc3, 0x28])]);
    assert_eq!(copy.headers_named("nothing").collect::<Vec<_>>(), [None]);
    assert_eq!((copy.text(), copy.key.as_deref()), ("{}", Some(&b"k"[..])));
}

#[test]
fn what_fails_again_is_counted_and_keeps_its_first_place() {
    let stage = Stage::new(2).probe(probe("probe", 0));
    let _host = stage.start();
    let came = event("k", "error:Broken:it").partition(1).timestamp(1_600_000_000_123);
    stage.topic.write([event("k", "skip").partition(1), came]);
    stage.wait_final(2);
    for count in 1..4 {
        let redriven = stage.dlq(&["redrive", "--all", "--json"]).expect(0).json();
        assert_eq!((&redriven["redriven"], &redriven["already"]["redriven"]), (&1.into(), &(count - 1).into()));
        let dead = stage.topic.dead_letters().read_count(count + 1, SOON);
        let newest =
            dead.iter().max_by_key(|letter| letter.header("dlq_redrive_count").unwrap_or("0").to_owned()).unwrap();
        let count = count.to_string();
        let expected = [
            ("dlq_redrive_count", count.as_str()),
            ("dlq_retry_count", "0"),
            ("dlq_reason", "max_retries_exceeded"),
            ("dlq_error_type", "Broken"),
            ("dlq_original_topic", stage.topic.name()),
            ("dlq_original_partition", "1"),
            ("dlq_original_offset", "1"),
            ("dlq_original_timestamp", "1600000000123"),
            ("dlq_handler", "probe"),
            ("dlq_consumer_group", stage.group.name()),
        ];
        for (name, text) in expected {
            assert_eq!(newest.header(name), Some(text), "{newest:#?}");
        }
        assert!(newest.headers_named("sandbus_redrive").next().is_none());
    }
    // Each failure stands where the one before it was given again.
    assert_eq!(stage.redrives("").read().len(), 3);
    assert_eq!(stage.redrives("").partitions(), Some(1));
}

#[test]
fn each_group_reads_its_own() {
    let own = probe("own", 0).line("group = \"own\"");
    let before = Stage::new(1).probe(own).probe(probe("shared", 0));
    let mut host = before.start();
    before.topic.write([event("k", "until:2:error:Broken:it")]);
    before.topic.dead_letters().read_count(2, SOON);
    host.terminate(SOON);

    let own = probe("own", 1).line("group = \"own\"");
    let after = before.again().probe(own).probe(probe("shared", 1));
    let group = format!("{}.own", after.group.name());
    let one = after.dlq(&["redrive", "--all", "--group", &group, "--json"]).expect(0).json();
    assert_eq!((&one["redriven"], &one["other_groups"][after.group.name()]), (&1.into(), &1.into()));
    assert_eq!(after.redrives("").read(), []);
    let _host = after.start();
    assert_eq!(after.wait_acks(1)[0].handler, "own");
    after.dlq(&["redrive", "--all"]).expect(0);
    let handlers: Vec<_> = after.wait_acks(2).iter().map(|ack| ack.handler.clone()).collect();
    assert_eq!(handlers, ["own", "shared"]);
    for own in ["own", ""] {
        let redrives = after.redrives(own).read();
        assert_eq!(redrives.len(), 1, "{}", after.redrives(own).name());
        assert!(about(&redrives)[0].starts_with(after.topic.dead_letters().name()));
    }
}
