//! Each violation planted, and what is none.

use super::*;

const KEY: u16 = 7;

/// Ten events of one key in partition 0, of these plans.
fn written(plans: &[Plan]) -> Checker {
    let mut checker = Checker::default();
    for (offset, plan) in plans.iter().enumerate() {
        let number = 100 + u32::try_from(offset).unwrap();
        checker.written((0, offset_number(offset)), Written { number, key: KEY, plan: *plan });
    }
    checker
}

fn ack(handler: usize, offset: i64, stamp: Stamp) -> Ack {
    let number = 100 + u32::try_from(offset).unwrap();
    Ack { handler, place: (0, offset), number, key: KEY, attempt: 1, by: "host-1.1".into(), stamp }
}

fn letter(handler: Option<usize>, offset: i64, cause: &str) -> Letter {
    let group = handler.map_or(Group::Shared, |handler| HANDLERS[handler].group);
    let number = 100 + u32::try_from(offset).unwrap();
    Letter { group, handler, place: (0, offset), number, key: KEY, cause: cause.to_owned(), stamp: 0 }
}

fn all_acked(checker: &mut Checker, offsets: &[i64]) {
    for handler in 0..HANDLERS.len() {
        for offset in offsets {
            checker.acked(&ack(handler, *offset, 0));
        }
    }
}

fn committed(offset: i64) -> BTreeMap<i32, i64> {
    BTreeMap::from([(0, offset)])
}

/// The counts of what is wrong, in the order lost, out of order, ahead, unexpected.
fn wrong(checker: Checker) -> [u64; 4] {
    let findings = checker.finish();
    let counts = [findings.lost, findings.out_of_order, findings.ahead, findings.unexpected];
    assert_eq!(u64::try_from(findings.texts.len()).unwrap(), counts.iter().sum::<u64>(), "{:#?}", findings.texts);
    assert_eq!(findings.is_clean(), counts == [0; 4]);
    counts
}

#[test]
fn what_is_as_it_must_be() {
    let mut checker = written(&[Plan::Ack, Plan::Skip, Plan::Exhaust, Plan::Undecodable, Plan::Retry]);
    checker.sampled(Group::Shared, &committed(0));
    for handler in 0..HANDLERS.len() {
        checker.acked(&ack(handler, 0, 1));
        checker.dead_lettered(&letter(Some(handler), 2, "max_retries_exceeded/Broken/3"));
        checker.acked(&Ack { attempt: 2, ..ack(handler, 4, 1) });
    }
    let undecodable = letter(None, 3, "deserialization_error/deserialization_error/0");
    checker.dead_lettered(&undecodable);
    checker.dead_lettered(&Letter { group: Group::Own, ..undecodable });
    // A repetition after a restart.
    checker.acked(&ack(0, 0, 1));
    checker.dead_lettered(&letter(Some(1), 2, "max_retries_exceeded/Broken/3"));
    checker.sampled(Group::Shared, &committed(5));
    checker.sampled(Group::Own, &committed(5));
    assert_eq!(checker.unfinished().count(), 0);
    let findings = checker.finish();
    assert!(findings.is_clean(), "{findings:#?}");
    assert_eq!((findings.acknowledged, findings.dead_letters, findings.duplicates), (5, 5, 2));
    assert_eq!(findings.commits_checked, 10);
}

#[test]
fn a_lost_event_is_found_for_the_handler_that_lacks_it() {
    let mut checker = written(&[Plan::Ack, Plan::Ack]);
    all_acked(&mut checker, &[0]);
    checker.acked(&ack(0, 1, 0));
    checker.acked(&ack(2, 1, 0));
    assert_eq!(checker.unfinished().collect::<Vec<_>>(), [((0, 1), 1)]);
    assert_eq!(wrong(checker), [1, 0, 0, 0]);
}

#[test]
fn an_undecodable_event_is_owed_by_each_group() {
    let mut checker = written(&[Plan::Undecodable]);
    checker.dead_lettered(&letter(None, 0, "deserialization_error/deserialization_error/0"));
    assert_eq!(wrong(checker), [1, 0, 0, 0]);
}

#[test]
fn a_swap_within_a_key_is_found() {
    let mut checker = written(&[Plan::Ack, Plan::Ack, Plan::Ack]);
    all_acked(&mut checker, &[0, 2, 1]);
    assert_eq!(wrong(checker), [0, 3, 0, 0]);

    let mut checker = written(&[Plan::Reject, Plan::Reject]);
    for handler in 0..HANDLERS.len() {
        checker.dead_lettered(&letter(Some(handler), 1, "rejected/rejected/0"));
        checker.dead_lettered(&letter(Some(handler), 0, "rejected/rejected/0"));
    }
    assert_eq!(wrong(checker), [0, 3, 0, 0]);
}

#[test]
fn another_key_and_a_repetition_are_no_swap() {
    let mut checker = written(&[Plan::Ack, Plan::Ack, Plan::Ack]);
    all_acked(&mut checker, &[0, 1]);
    all_acked(&mut checker, &[0, 1, 2]);
    assert_eq!(wrong(checker), [0; 4]);

    let mut checker = Checker::default();
    for (offset, key) in [(0, 1), (1, 2)] {
        let number = 100 + u32::try_from(offset).unwrap();
        checker.written((0, offset), Written { number, key, plan: Plan::Ack });
    }
    for handler in 0..HANDLERS.len() {
        checker.acked(&Ack { key: 2, ..ack(handler, 1, 0) });
        checker.acked(&Ack { key: 1, ..ack(handler, 0, 0) });
    }
    assert_eq!(wrong(checker), [0; 4]);
}

#[test]
fn a_commit_ahead_is_found_even_if_the_end_comes_later() {
    let mut checker = written(&[Plan::Ack, Plan::Ack]);
    all_acked(&mut checker, &[0]);
    checker.acked(&ack(0, 1, 0));
    checker.sampled(Group::Shared, &committed(2));
    assert_eq!(checker.faults(), 1, "beta has not finished offset 1");
    checker.acked(&ack(1, 1, 1));
    checker.acked(&ack(2, 1, 1));
    checker.sampled(Group::Own, &committed(2));
    assert_eq!(wrong(checker), [0, 0, 1, 0]);
}

#[test]
fn a_commit_is_compared_with_what_was_there_at_its_first_sample() {
    let mut checker = Checker::default();
    // Nothing is known of offset 0 yet: the producer hears of it late.
    checker.sampled(Group::Shared, &committed(1));
    checker.sampled(Group::Shared, &committed(1));
    for handler in 0..HANDLERS.len() {
        checker.acked(&ack(handler, 0, 1));
    }
    checker.written((0, 0), Written { number: 100, key: KEY, plan: Plan::Ack });
    assert_eq!(wrong(checker), [0, 0, 2, 0], "two handlers share the group");
}

#[test]
fn the_own_group_is_not_held_to_the_others_ends() {
    let mut checker = written(&[Plan::Ack]);
    checker.acked(&ack(2, 0, 0));
    checker.sampled(Group::Own, &committed(1));
    assert_eq!(checker.faults(), 0);
    checker.acked(&ack(0, 0, 1));
    checker.acked(&ack(1, 0, 1));
    checker.sampled(Group::Shared, &committed(1));
    assert_eq!(wrong(checker), [0; 4]);
}

#[test]
fn dead_letters_are_exactly_the_expected() {
    let mut checker = written(&[Plan::Ack, Plan::Reject, Plan::Skip, Plan::Exhaust]);
    all_acked(&mut checker, &[0]);
    // Given up although it was acknowledged.
    checker.dead_lettered(&letter(Some(0), 0, "max_retries_exceeded/timeout/3"));
    for handler in 0..HANDLERS.len() {
        checker.dead_lettered(&letter(Some(handler), 1, "rejected/rejected/0"));
        if handler == 1 {
            // Passed over by the plan.
            checker.dead_lettered(&letter(Some(handler), 2, "rejected/rejected/0"));
        }
        // One try too few.
        checker.dead_lettered(&letter(Some(handler), 3, "max_retries_exceeded/Broken/2"));
    }
    assert_eq!(wrong(checker), [0, 0, 0, 5]);
}

#[test]
fn two_dead_letters_that_differ_are_found() {
    let mut checker = written(&[Plan::Reject]);
    for handler in 0..HANDLERS.len() {
        checker.dead_lettered(&letter(Some(handler), 0, "rejected/rejected/0"));
    }
    checker.dead_lettered(&letter(Some(0), 0, "max_retries_exceeded/timeout/3"));
    assert_eq!(wrong(checker), [0, 0, 0, 1]);
}

#[test]
fn an_ack_of_what_must_fail_and_a_wrong_try_are_found() {
    let mut checker = written(&[Plan::Reject, Plan::Retry]);
    all_acked(&mut checker, &[0, 1]);
    assert_eq!(wrong(checker), [0, 0, 0, 6]);

    let mut checker = written(&[Plan::Ack]);
    all_acked(&mut checker, &[0]);
    checker.acked(&Ack { attempt: 2, ..ack(0, 0, 0) });
    assert_eq!(wrong(checker), [0, 0, 0, 1], "broker trouble is no try");
}

#[test]
fn another_events_value_is_found() {
    let mut checker = written(&[Plan::Ack]);
    all_acked(&mut checker, &[0]);
    checker.acked(&Ack { number: 5, ..ack(0, 0, 0) });
    assert_eq!(wrong(checker), [0, 0, 0, 1]);

    let mut checker = Checker::default();
    all_acked(&mut checker, &[0]);
    checker.written((0, 0), Written { number: 5, key: KEY, plan: Plan::Ack });
    assert_eq!(wrong(checker), [0, 0, 0, 1]);
}

#[test]
fn what_was_never_acknowledged_is_counted_and_no_fault() {
    let mut checker = Checker::default();
    all_acked(&mut checker, &[0]);
    let findings = checker.finish();
    assert!(findings.is_clean());
    assert_eq!((findings.unacknowledged, findings.acknowledged), (1, 0));
}
