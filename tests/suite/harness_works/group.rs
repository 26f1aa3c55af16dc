//! Committed offsets.

use sandbus_tests::{Connection, Group, Record, Topic};

use super::SOON;

#[test]
fn nothing_is_committed_for_a_new_group() {
    let connection = Connection::shared();
    let topic = Topic::create(&connection, 2);
    let group = Group::unique(&connection);
    let committed: Vec<_> = group.committed(&topic).into_iter().collect();
    assert_eq!(committed, [(0, None), (1, None)]);
    assert_eq!(group.committed_sum(&topic), 0);
}

#[test]
fn what_was_committed_is_seen() {
    let connection = Connection::shared();
    let topic = Topic::create(&connection, 2);
    topic.write((0..5).map(|_| Record::new().partition(1)));
    let group = Group::unique(&connection);
    group.commit(&topic, 1, 3);
    let committed: Vec<_> = group.committed(&topic).into_iter().collect();
    assert_eq!(committed, [(0, None), (1, Some(3))]);
    group.wait_committed_sum(&topic, 3, SOON);
}

#[test]
#[should_panic(expected = "to have committed 2 records, but it has 3")]
fn more_than_expected_is_a_failure_at_once() {
    let connection = Connection::shared();
    let topic = Topic::create(&connection, 1);
    topic.write((0..5).map(|_| Record::new()));
    let group = Group::unique(&connection);
    group.commit(&topic, 0, 3);
    group.wait_committed_sum(&topic, 2, SOON);
}
