//! Single situations, and the model: see [`model`].

use super::*;
use crate::config::{Quarantine, RetryPolicy};
use crate::delivery::buffer::Buffer;
use crate::delivery::partition::Stage;
use crate::delivery::report::HandlerState;
use crate::delivery::verdict::{Ending, ErrorKind, Reason};

mod model;

fn rules(concurrency: u32, max_retries: u32, dead_letters: bool) -> Rules {
    let retry = RetryPolicy {
        max_retries,
        base_delay: Duration::from_millis(10),
        max_delay: Duration::from_millis(100),
        jitter: 0.1,
    };
    let (policy, deployment) = (Policy { retry, dead_letters }, OLD);
    Rules { policy, quarantine: None, concurrency, max_batch: 1, deployment }
}

const TIMING: Timing = Timing {
    commit_interval: Duration::from_secs(1),
    drain_timeout: Duration::from_secs(10),
    shutdown_timeout: Duration::from_secs(25),
};

fn error() -> Ending {
    Ending::Error { kind: ErrorKind::from_guest("boom"), message: "no".into() }
}

const A: Assignment = Assignment(1);
const OLD: Deployment = Deployment(0);
const NEW: Deployment = Deployment(1);

fn ended<'a>(run: &Run<i64>, ending: &'a Ending) -> Ended<'a> {
    Ended { id: run.id, attempt: run.attempt, deployment: OLD, ending, settles_later: false }
}

/// A group with one partition, to which records are given by hand.
struct Group {
    scheduler: Scheduler<i64>,
    account: Arc<Account>,
    now: Instant,
}

impl Group {
    fn new(handlers: &[Rules]) -> Group {
        let now = Instant::now();
        let mut scheduler = Scheduler::new(TIMING, handlers, now);
        let account = Buffer::new(1 << 20).open(1000, Arc::new(|| {}));
        let partition = TopicPartition { topic: "t".into(), partition: 0 };
        scheduler.assigned(A, partition, None, account.clone());
        Group { scheduler, account, now }
    }

    fn receive(&mut self, offset: i64, wants: &[(HandlerIndex, Lane)]) -> Vec<Command<i64>> {
        assert!(self.account.admit(1));
        let mut out = Vec::new();
        let arrival = Arrival { offset, bytes: 1, event: offset, at: self.now };
        self.scheduler.receive(A, arrival, wants.iter().map(|(handler, lane)| (*handler, Some(*lane))), &mut out);
        self.scheduler.dispatch(self.now, &mut out);
        out
    }

    fn end(&mut self, run: &Command<i64>, ending: &Ending) -> Vec<Command<i64>> {
        self.end_in(OLD, run, ending)
    }

    fn end_in(&mut self, deployment: Deployment, run: &Command<i64>, ending: &Ending) -> Vec<Command<i64>> {
        let Command::Run(handler, batch) = run else { panic!("{run:?} is no try") };
        let mut out = Vec::new();
        for run in batch {
            let ended = Ended { deployment, ..ended(run, ending) };
            self.scheduler.ended(*handler, ended, self.now, 0.5, &mut out);
        }
        self.scheduler.idle(*handler, deployment, batch.len(), Duration::ZERO);
        self.scheduler.dispatch(self.now, &mut out);
        out
    }

    fn pass(&mut self, time: Duration) -> Vec<Command<i64>> {
        self.now += time;
        let mut out = Vec::new();
        self.scheduler.tick(self.now, &mut out);
        self.scheduler.dispatch(self.now, &mut out);
        out
    }

    fn watermark(&self) -> Option<i64> {
        self.scheduler.report(self.now).first().and_then(|report| report.watermark)
    }
}

fn runs(out: &[Command<i64>]) -> Vec<(HandlerIndex, i64, u32)> {
    let batches = out.iter().filter_map(|command| match command {
        Command::Run(handler, batch) => Some((*handler, batch)),
        _ => None,
    });
    batches.flat_map(|(handler, batch)| batch.iter().map(move |run| (handler, run.event, run.attempt))).collect()
}

#[test]
fn a_waiting_lane_holds_up_no_other_lane_and_no_other_handler() {
    let mut group = Group::new(&[rules(2, 2, true), rules(2, 2, true)]);
    let out = group.receive(0, &[(0, 7), (1, 7)]);
    assert_eq!(runs(&out), [(0, 0, 1), (1, 0, 1)]);
    group.end(&out[0], &error());
    group.end(&out[1], &Ending::Ack);
    assert_eq!(runs(&group.receive(1, &[(0, 7), (1, 7)])), [(1, 1, 1)], "only the other handler goes on in that lane");
    assert_eq!(runs(&group.receive(2, &[(0, 8)])), [(0, 2, 1)], "another lane goes on");
    assert_eq!(group.watermark(), Some(0));
    let again = group.pass(Duration::from_millis(11));
    assert_eq!(runs(&again), [(0, 0, 2)]);
    assert_eq!(
        runs(&group.end(&again[0], &Ending::Skip)),
        [(0, 1, 1)],
        "then the next of the lane, at its own first try"
    );
    assert_eq!(group.watermark(), Some(1));
}

#[test]
fn instances_are_given_out_in_the_order_in_which_tries_became_ready() {
    let mut group = Group::new(&[rules(1, 0, true)]);
    let first = group.receive(0, &[(0, 1)]);
    assert_eq!(runs(&group.receive(1, &[(0, 2)])), []);
    assert_eq!(runs(&group.receive(2, &[(0, 3)])), []);
    let second = group.end(&first[0], &Ending::Ack);
    assert_eq!(runs(&second), [(0, 1, 1)]);
    assert_eq!(runs(&group.end(&second[0], &Ending::Ack)), [(0, 2, 1)]);
}

#[test]
fn many_records_are_committed_before_their_time() {
    let mut group = Group::new(&[rules(1, 0, true)]);
    for offset in 0..i64::try_from(COMMIT_RECORDS).unwrap() {
        group.receive(offset, &[]);
        if offset + 1 < i64::try_from(COMMIT_RECORDS).unwrap() {
            assert_eq!(group.pass(Duration::ZERO), []);
        }
    }
    assert_eq!(group.pass(Duration::ZERO), [Command::Commit(vec![(A, 10_000)])]);
    assert_eq!(group.pass(Duration::from_secs(2)), [], "the same watermark is committed once");
}

#[test]
fn where_reading_begins_is_committed_even_if_nothing_comes() {
    let mut group = Group::new(&[rules(1, 0, true)]);
    let partition = TopicPartition { topic: "t".into(), partition: 1 };
    let account = Buffer::new(1).open(1, Arc::new(|| {}));
    group.scheduler.assigned(Assignment(2), partition, Some(41), account);
    assert_eq!(group.pass(Duration::from_secs(1)), [Command::Commit(vec![(Assignment(2), 41)])]);
}

#[test]
fn a_watermark_that_does_not_move_is_committed_again_before_it_is_forgotten() {
    let mut group = Group::new(&[rules(1, 0, true)]);
    group.receive(6, &[]);
    assert_eq!(group.pass(Duration::from_secs(1)), [Command::Commit(vec![(A, 7)])]);
    assert_eq!(group.pass(RENEW / 2), []);
    assert_eq!(group.pass(RENEW / 2), [Command::Commit(vec![(A, 7)])]);
}

#[test]
fn a_drain_ends_with_the_last_try_or_with_its_time() {
    for ends in [true, false] {
        let mut group = Group::new(&[rules(1, 2, true)]);
        let run = group.receive(0, &[(0, 1)]);
        group.receive(1, &[(0, 2)]);
        group.scheduler.revoked(vec![A], false, group.now);
        assert_eq!(group.pass(Duration::from_secs(9)), [], "what runs is waited for");
        if ends {
            assert_eq!(runs(&group.end(&run[0], &Ending::Ack)), [], "nothing is started");
            assert_eq!(group.pass(Duration::ZERO), [Command::Release(vec![A], vec![(A, 1)])]);
        } else {
            let abandoned = [Command::Abandoned(Some(0)), Command::Release(vec![A], vec![(A, 0)])];
            assert_eq!(group.pass(Duration::from_secs(1)), abandoned);
            assert_eq!(group.end(&run[0], &Ending::Ack), [], "the late ending counts for nobody");
        }
    }
}

#[test]
fn the_end_says_what_it_gave_up() {
    let mut group = Group::new(&[rules(2, 2, true)]);
    let out = group.receive(0, &[(0, 1)]);
    group.receive(1, &[(0, 1)]);
    let failed = group.receive(2, &[(0, 2)]);
    group.end(&failed[0], &error());
    group.scheduler.shut_down(group.now);
    assert_eq!(group.pass(Duration::from_secs(24)), [Command::Commit(vec![(A, 0)])]);
    let out_of_time = group.pass(Duration::from_secs(1));
    assert_eq!(out_of_time, [Command::Abandoned(Some(0)), Command::Close(vec![(A, 0)])]);
    assert_eq!(group.scheduler.summary(), Summary { abandoned: 1, waiting: 2 });
    assert!(group.scheduler.is_closed());
    assert_eq!(group.end(&out[0], &Ending::Ack), []);
}

#[test]
fn a_stuck_event_is_reported_with_who_holds_it_and_then_less_and_less_often() {
    let mut group = Group::new(&[rules(1, 1000, true), rules(1, 0, true)]);
    group.receive(5, &[(0, 1), (1, 1)]);
    let mut reported = Vec::new();
    for second in 1..=200 {
        for command in group.pass(Duration::from_secs(1)) {
            if let Command::Stuck(report) = command {
                assert_eq!((report.watermark, report.held_for), (Some(5), Duration::from_secs(second)));
                let held_by: Vec<_> = report.holders.iter().map(|holder| (holder.handler, holder.stage)).collect();
                assert_eq!(held_by, [(Some(0), Stage::Running), (Some(1), Stage::Running)]);
                reported.push(second);
            }
        }
    }
    assert_eq!(reported, [30, 60, 120]);
}

#[test]
fn a_reset_position_gives_up_what_was_held_and_what_still_runs_keeps_its_lane() {
    let mut group = Group::new(&[rules(4, 2, true)]);
    let old = group.receive(100, &[(0, 1)]);
    assert_eq!(runs(&group.receive(3, &[(0, 1)])), [], "the lane's try of before still runs");
    group.pass(Duration::ZERO);
    assert_eq!((group.watermark(), group.account.bytes(), group.account.records()), (Some(3), 1, 1));
    let new = group.end(&old[0], &error());
    assert_eq!(runs(&new), [(0, 3, 1)], "the late ending moves nothing else");
    group.end(&new[0], &Ending::Ack);
    group.pass(Duration::ZERO);
    assert_eq!((group.watermark(), group.account.bytes(), group.account.records()), (Some(4), 0, 0));
}

#[test]
fn what_a_broker_refuses_for_good_is_given_up_with_the_try_that_published_it() {
    let mut group = Group::new(&[rules(1, 2, true)]);
    let run = group.receive(0, &[(0, 1)]);
    group.end(&run[0], &error());
    let again = group.pass(Duration::from_millis(11));
    let Command::Run(_, batch) = &again[0] else { panic!("{again:?}") };
    let id = batch[0].id;
    let mut out = Vec::new();
    let publishes = Ended { settles_later: true, ..ended(&batch[0], &Ending::Ack) };
    group.scheduler.ended(0, publishes, group.now, 0.5, &mut out);
    group.scheduler.refused(id, "not allowed", group.now, &mut out);
    let [Command::DeadLetter(A, given_up)] = &out[..] else { panic!("{out:?}") };
    assert_eq!((given_up.reason, given_up.attempt, &*given_up.message), (Reason::PublishRejected, 2, "not allowed"));
    assert_eq!(group.watermark(), Some(0));
    group.scheduler.settled(id, group.now, &mut out);
    assert_eq!(group.watermark(), Some(1));
}

#[test]
fn a_record_takes_as_long_as_somebody_is_at_it() {
    let milliseconds = Duration::from_millis;
    let mut group = Group::new(&[rules(1, 2, true), rules(1, 2, true)]);
    let finished = |group: &mut Group| {
        let mut finished = Vec::new();
        group.scheduler.take_finished(|_, took, records| finished.push((took, records)));
        finished
    };
    let runs = group.receive(0, &[(0, 7), (1, 7)]);
    group.pass(milliseconds(5));
    group.end(&runs[0], &error());
    group.pass(milliseconds(3));
    // From now on all that is not final waits, until its next try is due, 10 ms after the first has failed.
    group.end(&runs[1], &Ending::Ack);
    let again = group.pass(milliseconds(12));
    let Command::Run(_, batch) = &again[0] else { panic!("{again:?}") };
    assert_eq!(group.now - batch[0].since, milliseconds(5), "the try waited for its turn since it was due");
    assert_eq!(finished(&mut group), []);
    group.pass(milliseconds(10));
    group.end(&again[0], &Ending::Ack);
    assert_eq!(finished(&mut group), [(milliseconds(30 - 7), 1)]);
    assert_eq!(finished(&mut group), [], "each is told once");
}

#[test]
fn records_that_ran_together_took_as_long() {
    let mut group = grown();
    group.scheduler.take_finished(|_, _, _| ());
    let mut all = Vec::new();
    for offset in 100..116 {
        all.extend(group.receive(offset, &[(0, 1)]));
    }
    while let Some(run) = all.pop() {
        group.pass(Duration::from_millis(1));
        all.extend(group.end(&run, &Ending::Ack));
    }
    let mut finished = Vec::new();
    group.scheduler.take_finished(|_, took, records| finished.push((took, records)));
    assert_eq!(finished.iter().map(|(_, records)| records).sum::<u64>(), 16, "{finished:?}");
    assert!(finished.len() < 16, "those of one batch are told together: {finished:?}");
}

#[test]
fn an_end_without_a_record_moves_the_watermark_of_what_is_final() {
    let mut group = Group::new(&[rules(1, 2, true)]);
    group.scheduler.read_to(A, 5);
    assert_eq!(group.watermark(), Some(5), "nothing stood before it");
    let run = group.receive(7, &[(0, 1)]);
    group.scheduler.read_to(A, 9);
    assert_eq!(group.watermark(), Some(7), "an event is not final");
    group.end(&run[0], &Ending::Ack);
    assert_eq!(group.watermark(), Some(9));
    group.scheduler.read_to(A, 8);
    assert_eq!(group.watermark(), Some(9), "it never goes back by that");
    group.receive(9, &[(0, 1)]);
    assert_eq!(group.watermark(), Some(9));
}

/// Runs batches of one handler until its batches have grown.
fn grown() -> Group {
    let mut group = Group::new(&[Rules { max_batch: 8, ..rules(1, 2, true) }]);
    for _ in 0..3 {
        group.scheduler.idle(0, OLD, 8, Duration::ZERO);
    }
    group
}

#[test]
fn a_batch_holds_lanes_one_after_the_other_and_a_failure_stops_its_own() {
    let mut group = grown();
    let first = group.receive(0, &[(0, 9)]);
    for (offset, lane) in [(1, 1), (2, 2), (3, 1), (4, 1), (5, 2)] {
        assert_eq!(group.receive(offset, &[(0, lane)]), [], "the instance is busy");
    }
    let out = group.end(&first[0], &Ending::Ack);
    assert_eq!(runs(&out), [(0, 1, 1), (0, 3, 1), (0, 4, 1), (0, 2, 1), (0, 5, 1)]);
    let Command::Run(_, batch) = &out[0] else { panic!("{out:?}") };
    let (mut out, now) = (Vec::new(), group.now);
    let ids: Vec<_> = batch.iter().map(|run| run.id).collect();
    group.scheduler.ended(0, ended(&batch[0], &Ending::Ack), now, 0.5, &mut out);
    group.scheduler.ended(0, ended(&batch[1], &Ending::DeadLetter("no".into())), now, 0.5, &mut out);
    group.scheduler.not_run(ids[2], false, &mut out);
    group.scheduler.ended(0, ended(&batch[3], &error()), now, 0.5, &mut out);
    group.scheduler.not_run(ids[4], false, &mut out);
    group.scheduler.idle(0, OLD, 5, Duration::ZERO);
    group.scheduler.dispatch(group.now, &mut out);
    assert_eq!(runs(&out), [(0, 4, 1)], "its lane goes on with the next, and the other one waits");
    let again = group.pass(Duration::from_millis(11));
    assert_eq!(runs(&again), [], "the instance is busy");
    let again = group.end(&out[1], &Ending::Ack);
    assert_eq!(runs(&again), [(0, 2, 2), (0, 5, 1)]);
}

#[test]
fn after_a_fault_of_a_batch_each_of_it_runs_alone_and_nothing_else_does() {
    let mut group = grown();
    let first = group.receive(0, &[(0, 9)]);
    group.receive(1, &[(0, 1)]);
    group.receive(2, &[(0, 1)]);
    let out = group.end(&first[0], &Ending::Ack);
    assert_eq!(runs(&out), [(0, 1, 1), (0, 2, 1)]);
    group.receive(3, &[(0, 3)]);
    let Command::Run(_, batch) = &out[0] else { panic!("{out:?}") };
    let mut again = Vec::new();
    batch.iter().for_each(|run| group.scheduler.not_run(run.id, true, &mut again));
    group.scheduler.idle(0, OLD, 2, Duration::ZERO);
    group.scheduler.dispatch(group.now, &mut again);
    assert_eq!(runs(&again), [(0, 3, 1)], "what was ready before, without what must be alone");
    let alone = group.end(&again[0], &Ending::Ack);
    assert_eq!(runs(&alone), [(0, 1, 1)]);
    let alone = group.end(&alone[0], &Ending::Ack);
    assert_eq!(runs(&alone), [(0, 2, 1)]);
    group.end(&alone[0], &Ending::Ack);
    assert_eq!(group.watermark(), Some(4));
}

fn quarantined_after(tries: u32, events: u32) -> Rules {
    let limits = Quarantine { tries: tries.try_into().unwrap(), events: events.try_into().unwrap() };
    Rules { quarantine: Some(limits), ..rules(2, 1, true) }
}

#[test]
fn a_broken_handler_gives_nothing_up_and_goes_on_when_a_probe_succeeds() {
    let mut group = Group::new(&[quarantined_after(3, 2), rules(1, 1, true)]);
    let first = group.receive(0, &[(0, 1)]);
    let second = group.receive(1, &[(0, 2)]);
    group.end(&first[0], &error());
    group.end(&second[0], &error());
    let again = group.pass(Duration::from_millis(11));
    assert_eq!(runs(&again), [(0, 0, 2), (0, 1, 2)]);
    let out = group.end(&again[0], &error());
    assert_eq!(out, [Command::Quarantined(0)], "the third try of the second event; nothing is given up");
    assert_eq!(group.scheduler.load()[0].state, HandlerState::Quarantined);
    assert_eq!(group.end(&again[1], &error()), [], "what ran then is not charged either");
    assert_eq!(runs(&group.receive(2, &[(0, 3), (1, 3)])), [(1, 2, 1)], "its neighbour goes on");
    let mut probed = Vec::new();
    for wait in [10, 20, 40, 80, 100, 100] {
        assert_eq!(runs(&group.pass(Duration::from_millis(wait - 1))), []);
        let probe = group.pass(Duration::from_millis(1));
        let [(0, event, attempt)] = runs(&probe)[..] else { panic!("{probe:?}") };
        probed.push((event, attempt));
        assert_eq!(group.end(&probe[0], &error()), []);
    }
    assert_eq!(probed, [(0, 2), (1, 2), (2, 1), (0, 2), (1, 2), (2, 1)], "lane after lane, and no try is counted");
    let probe = group.pass(Duration::from_millis(100));
    let out = group.end(&probe[0], &Ending::Ack);
    assert_eq!(out[0], Command::Released(0));
    assert_eq!(runs(&out[1..]), [(0, 1, 2), (0, 2, 1)]);
    assert_eq!(group.scheduler.load()[0].state, HandlerState::Running);
}

#[test]
fn a_poisoned_event_is_given_up_and_its_handler_works() {
    let mut group = Group::new(&[quarantined_after(2, 2)]);
    let run = group.receive(0, &[(0, 1)]);
    group.end(&run[0], &error());
    let again = group.pass(Duration::from_millis(11));
    let out = group.end(&again[0], &error());
    assert!(matches!(&out[..], [Command::DeadLetter(A, _)]), "{out:?}");
}

#[test]
fn a_paused_handler_starts_nothing_until_it_is_resumed() {
    let mut group = Group::new(&[rules(1, 1, true)]);
    group.scheduler.pause(0);
    assert_eq!(runs(&group.receive(0, &[(0, 1)])), []);
    assert_eq!(group.scheduler.load()[0].state, HandlerState::Paused);
    let mut out = Vec::new();
    group.scheduler.resume(0, &mut out);
    assert_eq!(out, [], "it was not quarantined");
    assert_eq!(runs(&group.pass(Duration::ZERO)), [(0, 0, 1)]);
}

#[test]
fn a_new_generation_has_all_its_instances_at_once_and_keeps_the_order_of_lanes() {
    let mut group = Group::new(&[rules(1, 1, true)]);
    let old = group.receive(0, &[(0, 1)]);
    assert_eq!(runs(&group.receive(1, &[(0, 1)])), []);
    assert_eq!(runs(&group.receive(2, &[(0, 2)])), [], "the only instance is busy");
    group.scheduler.deploy(0, Rules { deployment: NEW, ..rules(1, 1, true) }, None);
    let new = group.pass(Duration::ZERO);
    assert_eq!(runs(&new), [(0, 2, 1)], "not the next of the lane in which the old one still runs");
    assert_eq!(group.scheduler.load()[0].in_flight, 2);
    assert_eq!(runs(&group.end(&old[0], &Ending::Ack)), [], "the new one has one instance, and that is busy");
    assert_eq!(runs(&group.end_in(NEW, &new[0], &Ending::Ack)), [(0, 1, 1)]);
    assert_eq!(group.scheduler.load()[0].in_flight, 1);
}

#[test]
fn a_generation_all_of_whose_first_events_fail_is_taken_back_and_they_have_lost_nothing() {
    let mut group = Group::new(&[rules(4, 0, true)]);
    let bad = Rules { deployment: NEW, ..rules(4, 0, true) };
    group.scheduler.deploy(0, bad, 2.try_into().ok());
    let first = group.receive(0, &[(0, 1)]);
    assert_eq!(group.end_in(NEW, &first[0], &error()), [], "it would be given up, and is not yet");
    let again = group.pass(Duration::from_millis(11));
    assert_eq!(runs(&again), [(0, 0, 1)]);
    let second = group.receive(1, &[(0, 2)]);
    assert_eq!(group.end_in(NEW, &second[0], &error()), [Command::RollBack(0)]);
    group.scheduler.deploy(0, rules(4, 0, true), None);
    let old = group.pass(Duration::ZERO);
    assert_eq!(runs(&old), [(0, 1, 1)], "by the old generation");
    assert_eq!(group.end_in(NEW, &again[0], &error()).len(), 1, "what still ran in the bad one costs nothing");
    group.end(&old[0], &Ending::Ack);
    assert_eq!(group.watermark(), Some(0));
}

#[test]
fn one_success_proves_a_generation_and_then_failures_count() {
    let mut group = Group::new(&[rules(4, 0, true)]);
    group.scheduler.deploy(0, Rules { deployment: NEW, ..rules(4, 0, true) }, 2.try_into().ok());
    let first = group.receive(0, &[(0, 1)]);
    group.end_in(NEW, &first[0], &error());
    let second = group.receive(1, &[(0, 2)]);
    assert_eq!(group.end_in(NEW, &second[0], &Ending::Skip), [Command::Proven(0)]);
    let again = group.pass(Duration::from_millis(11));
    let out = group.end_in(NEW, &again[0], &error());
    assert!(matches!(&out[..], [Command::DeadLetter(A, _)]), "{out:?}");
}

#[test]
fn where_too_few_events_come_a_trial_ends_with_its_time() {
    let mut group = Group::new(&[rules(4, 0, true)]);
    group.scheduler.deploy(0, Rules { deployment: NEW, ..rules(4, 0, true) }, 2.try_into().ok());
    let mut run = group.receive(0, &[(0, 1)]);
    let mut waited = Duration::ZERO;
    loop {
        let out = group.end_in(NEW, &run[0], &error());
        if let [Command::DeadLetter(A, _), Command::Proven(0)] = &out[..] {
            break;
        }
        assert_eq!(out, []);
        waited += Duration::from_secs(5);
        run = group.pass(Duration::from_secs(5));
        run.retain(|command| matches!(command, Command::Run(..)));
    }
    assert_eq!(waited, crate::delivery::trial::LONGEST);
}

#[test]
fn a_removed_handler_is_waited_for_no_more_and_an_added_one_begins_here() {
    let mut group = Group::new(&[rules(1, 1, true), rules(1, 1, true)]);
    let mut out = group.receive(0, &[(0, 1), (1, 1)]);
    let (first, other) = (out.remove(0), out.remove(0));
    group.receive(1, &[(0, 1), (1, 1)]);
    let failed = group.end(&first, &error());
    assert_eq!(failed, [], "it waits, and the next of its lane behind it");
    let mut out = Vec::new();
    assert_eq!(group.scheduler.remove(0, group.now, &mut out), 2);
    assert_eq!((out, group.watermark()), (vec![], Some(0)), "the other one has not finished");
    let next = group.end(&other, &Ending::Ack);
    assert_eq!(runs(&next), [(1, 1, 1)]);
    assert_eq!(group.watermark(), Some(1));
    group.scheduler.add(rules(1, 1, true));
    assert_eq!(group.scheduler.ends().map(|(_, end)| end).collect::<Vec<_>>(), [Some(2)]);
    assert_eq!(runs(&group.receive(2, &[(2, 1)])), [(2, 2, 1)]);
    group.end(&next[0], &Ending::Ack);
    assert_eq!(group.watermark(), Some(2));
    assert_eq!(runs(&group.pass(Duration::from_secs(1))), [], "nothing of the removed one comes again");
}

#[test]
fn what_a_removed_handler_still_runs_counts_for_nobody() {
    let mut group = Group::new(&[rules(1, 1, true), rules(1, 1, true)]);
    let run = group.receive(0, &[(0, 1)]);
    assert_eq!(group.scheduler.remove(0, group.now, &mut Vec::new()), 1);
    assert_eq!(group.watermark(), Some(1));
    assert_eq!(group.end(&run[0], &error()), []);
    group.scheduler.revoked(vec![A], false, group.now);
    assert_eq!(group.pass(Duration::ZERO), [Command::Release(vec![A], vec![(A, 1)])], "no drain waits for it");
}
