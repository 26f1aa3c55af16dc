//! `purge`: what is set aside is set aside, and stays where it is.

use super::super::SOON;
use super::super::stage::event;
use super::{about, probe, states};
use crate::delivery::stage::Stage;

#[test]
fn what_is_purged_is_neither_listed_nor_redriven_nor_given_to_anybody() {
    let stage = Stage::new(1).probe(probe("probe", 0));
    let _host = stage.start();
    let undecodable = sandbus_tests::Record::new().header("event_type", [0xff]);
    stage.topic.write([event("a", "error:Broken:it"), undecodable, event("b", "error:Other:it")]);
    stage.wait_final(3);
    assert_eq!(stage.topic.dead_letters().read().len(), 3);

    let dry = stage.dlq(&["purge", "--all", "--dry-run", "--json"]).expect(0).json();
    assert_eq!((&dry["purged"], &dry["dry_run"]), (&3.into(), &true.into()));
    assert_eq!(stage.redrives("").read(), [], "a dry run writes nothing");

    stage.dlq(&["purge", "--reason", "deserialization_error", "--error-type", "deserialization_error"]).expect(0);
    stage.dlq(&["purge", "--error-type", "Broken"]).expect(0).snapshot("dlq-purge");
    assert_eq!(stage.dlq(&["list", "--json"]).expect(0).json()["error_type"], "Other");
    let all = states(&stage.dlq(&["list", "--json", "--all"]).expect(0));
    assert_eq!(all.iter().filter(|(_, state)| state == "purged").count(), 2);
    let marks = stage.redrives("").read();
    for mark in &marks {
        assert_eq!((mark.key.as_deref(), mark.value.as_deref(), mark.headers.len()), (None, None, 2), "{mark:?}");
    }

    // Of the three only the last is left to give again; it fails again.
    let redriven = stage.dlq(&["redrive", "--all", "--json"]).expect(0).json();
    assert_eq!((&redriven["redriven"], &redriven["already"]["purged"]), (&1.into(), &2.into()));
    stage.group.wait_committed_sum(&stage.redrives(""), 3, SOON);
    let dead = stage.topic.dead_letters().read();
    assert_eq!(dead.len(), 4, "nothing came of the marks, and the dead letters stay");
    assert_eq!(about(&stage.redrives("").read()).len(), 3);
    // What was redriven is not purged after the fact.
    let purged = stage.dlq(&["purge", "--all", "--json"]).expect(0).json();
    assert_eq!((&purged["purged"], &purged["already"]["redriven"]), (&1.into(), &1.into()));
}
