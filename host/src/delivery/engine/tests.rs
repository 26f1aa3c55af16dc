//! The loop against doors that record what is asked of them, for what a real broker does not do on demand.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering as Memory};
use std::sync::{Mutex, Weak};

use crossbeam_channel::{Sender, bounded, unbounded};

use super::*;
use crate::config::{Pattern, RetryPolicy, TopicName};
use crate::delivery::buffer::{Account, Buffer};
use crate::delivery::handler::Change;
use crate::delivery::partition::Policy;
use crate::delivery::ports::{Assigned, Instances, Published, PublishedType, SendError};
use crate::delivery::verdict::{Ending, ErrorKind, FaultKind};
use crate::event::batch::BatchBuilder;
use crate::event::{Outgoing, RecordBuilder, TopicPartition};

const DEADLINE: Duration = Duration::from_secs(20);

/// What the engine asked of its doors.
#[derive(Debug)]
enum Asked {
    Commit(Vec<(Assignment, i64)>),
    Release(Vec<Assignment>, Vec<(Assignment, i64)>),
    Close(Vec<(Assignment, i64)>),
    Send(u64, Arc<Outgoing>),
    Run(Try),
}

#[derive(Clone)]
struct Door(Sender<Asked>, Arc<AtomicU64>);

impl Door {
    fn ask(&self, asked: Asked) {
        // A test that has seen enough has dropped the other end.
        let _ = self.0.send(asked);
    }
}

impl Consumer for Door {
    fn taken_in(&self, records: usize) {
        self.1.fetch_add(records as u64, Memory::SeqCst);
    }

    fn commit(&self, watermarks: Vec<(Assignment, i64)>) {
        self.ask(Asked::Commit(watermarks));
    }

    fn release(&self, assignments: Vec<Assignment>, watermarks: Vec<(Assignment, i64)>) {
        self.ask(Asked::Release(assignments, watermarks));
    }

    fn close(&self, watermarks: Vec<(Assignment, i64)>) {
        self.ask(Asked::Close(watermarks));
    }
}

impl Producer for Door {
    fn send(&self, token: u64, record: Arc<Outgoing>) {
        self.ask(Asked::Send(token, record));
    }
}

impl Instances for Door {
    fn run(&self, batch: Vec<Try>) {
        batch.into_iter().for_each(|run| self.ask(Asked::Run(run)));
    }

    fn run_here(&self, batch: Vec<Try>) -> Option<Ran> {
        self.run(batch);
        None
    }
}

/// Counts what is reported, by a word for it.
#[derive(Default)]
struct Counts(Mutex<HashMap<String, u64>>);

impl Counts {
    fn add(&self, what: String, count: u64) {
        *self.0.lock().unwrap().entry(what).or_default() += count;
    }

    fn get(&self, what: &str) -> u64 {
        self.0.lock().unwrap().get(what).copied().unwrap_or_default()
    }
}

impl Observer for Counts {
    fn consumed(&self, _: &TopicPartition, _: &str, records: u64) {
        self.add("consumed".into(), records);
    }

    fn tried(&self, _: HandlerIndex, _: &str, error_type: Option<&str>, tries: u64) {
        self.add(format!("tried {}", error_type.unwrap_or("ok")), tries);
    }

    fn measured(&self, _: HandlerIndex, tried: &[Tried]) {
        self.add("measured".into(), tried.len() as u64);
    }

    fn late(&self, _: HandlerIndex, _: &Tried) {
        self.add("late".into(), 1);
    }

    fn batch_fault(&self, _: HandlerIndex, _: &Ran) {
        self.add("batch fault".into(), 1);
    }

    fn retried(&self, _: HandlerIndex) {
        self.add("retried".into(), 1);
    }

    fn dead_lettered(&self, _: Option<HandlerIndex>, reason: &str, error_type: &str) {
        self.add(format!("dead {reason} {error_type}"), 1);
    }

    fn dropped(&self, _: Option<HandlerIndex>) {
        self.add("dropped".into(), 1);
    }

    fn abandoned(&self, _: Option<HandlerIndex>, deliveries: u64) {
        self.add("abandoned".into(), deliveries);
    }

    fn partitions(&self, _: Vec<PartitionReport>) {}

    fn published(&self, batch: &Published) {
        let whole = if batch.took.is_some() { "batch" } else { "part" };
        for PublishedType { event_type, taken, refused } in &batch.records {
            self.add("taken".into(), *taken);
            self.add("refused".into(), *refused);
            self.add(format!("{whole} to {}: {taken} and {refused} of {event_type}", batch.topic), 1);
        }
    }
}

/// An engine of one handler that wants everything, on its thread.
struct Bench {
    readings: Sender<Reading>,
    signals: Sender<Signal>,
    asked: Receiver<Asked>,
    counts: Arc<Counts>,
    ended: Receiver<Summary>,
    account: Arc<Account>,
    assignments: AtomicU64,
    taken_in: Arc<AtomicU64>,
    handler: EngineHandler,
}

impl Bench {
    fn start(change: impl FnOnce(&mut EngineSettings, &mut EngineHandler)) -> Bench {
        let (readings, readings_out) = unbounded();
        let (signals, signals_out) = unbounded();
        let (door, asked) = unbounded();
        let taken_in = Arc::new(AtomicU64::new(0));
        let door = Door(door, taken_in.clone());
        let counts = Arc::new(Counts::default());
        let mut settings = EngineSettings {
            group: "g".into(),
            dead_letters: DeadLetters::Topic { suffix: ".dlq".into() },
            timing: Timing {
                commit_interval: Duration::from_millis(5),
                drain_timeout: Duration::from_secs(10),
                shutdown_timeout: Duration::from_secs(10),
            },
        };
        let retry = RetryPolicy {
            max_retries: 1,
            base_delay: Duration::from_millis(1),
            max_delay: Duration::from_millis(1),
            jitter: 0.0,
        };
        let mut handler = EngineHandler {
            name: "h".into(),
            digest: "d".into(),
            subscription: Subscription {
                topics: vec![TopicName::new("t").unwrap()],
                events: vec![Pattern::new("*").unwrap()],
            },
            ordering: Ordering::Key,
            policy: Policy { retry, dead_letters: true },
            quarantine: None,
            concurrency: 2,
            max_batch: 1,
            deployment: Deployment::default(),
            instances: Arc::new(door.clone()),
        };
        change(&mut settings, &mut handler);
        let doors = Doors {
            readings: readings_out,
            signals: signals_out,
            consumer: Box::new(door.clone()),
            producer: Box::new(door),
            observer: counts.clone(),
            tracer: None,
            proofs: Box::new(|_, _| ()),
        };
        let engine = Engine::new(settings, vec![handler.clone()], doors);
        let (ended_in, ended) = bounded(1);
        std::thread::spawn(move || ended_in.send(engine.run()));
        let account = Buffer::new(1 << 30).open(1_000_000, Arc::new(|| {}));
        Bench { readings, signals, asked, counts, ended, account, assignments: AtomicU64::new(0), taken_in, handler }
    }

    fn assignment(&self) -> Assignment {
        Assignment(self.assignments.load(Memory::Relaxed))
    }

    fn assign(&self) {
        self.assignments.fetch_add(1, Memory::Relaxed);
        let topic_partition = TopicPartition { topic: "t".into(), partition: 0 };
        let (assignment, account) = (self.assignment(), self.account.clone());
        self.readings
            .send(Reading::Assigned(vec![Assigned { assignment, topic_partition, start: None, account }]))
            .unwrap();
    }

    /// Gives records to read. What they were read with is there as long as the answer.
    fn records(&self, offsets: impl IntoIterator<Item = i64>) -> Weak<()> {
        let records = offsets.into_iter().map(|offset| {
            let key = offset.to_string();
            let value = Some(&b"value"[..]);
            RecordBuilder::new("t".into(), 0, offset, 0).key(Some(key.as_bytes())).value(value).build()
        });
        let records: Vec<_> = records.collect();
        let topic_partition = TopicPartition { topic: "t".into(), partition: 0 };
        let mut batch = BatchBuilder::new(topic_partition, records.len());
        for record in &records {
            batch.push(record.offset(), None, record.key(), record.value());
            assert!(self.account.admit(batch.last_held_bytes()));
        }
        let fetch = Arc::new(());
        let pinned = Arc::downgrade(&fetch);
        // SAFETY: the bytes are the records' own.
        let batch = unsafe { batch.build(Box::new((records, fetch))) };
        self.readings.send(Reading::Records(self.assignment(), batch)).unwrap();
        pinned
    }

    /// The next thing asked that `pick` wants; others are passed over.
    #[track_caller]
    fn next<T>(&self, what: &str, pick: impl Fn(Asked) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.asked.recv_deadline(deadline) {
                Ok(asked) => {
                    if let Some(found) = pick(asked) {
                        return found;
                    }
                }
                Err(_) => panic!("the engine did not ask for {what}"),
            }
        }
    }

    #[track_caller]
    fn run(&self) -> Try {
        self.next("a try", |asked| match asked {
            Asked::Run(run) => Some(run),
            _ => None,
        })
    }

    #[track_caller]
    fn sent(&self) -> (u64, Arc<Outgoing>) {
        self.next("a record to be sent", |asked| match asked {
            Asked::Send(token, record) => Some((token, record)),
            _ => None,
        })
    }

    #[track_caller]
    fn commit_of(&self, offset: i64) {
        self.next("a commit", |asked| match asked {
            Asked::Commit(watermarks) => watermarks.contains(&(self.assignment(), offset)).then_some(()),
            _ => None,
        });
    }

    fn end(&self, run: Try, ending: Ending, outbox: Vec<Outgoing>) {
        let (wall, cpu) = (Duration::ZERO, Duration::ZERO);
        let tried = vec![Tried { run, ending: Some(ending), outbox, wall, cpu, memory: 0 }];
        self.signals.send(Signal::Ran(0, Deployment::default(), Ran { tried, took: wall, ..Ran::default() })).unwrap();
    }

    fn answer(&self, token: u64, answer: Result<(), SendError>) {
        self.signals.send(Signal::Sent(token, answer)).unwrap();
    }

    #[track_caller]
    fn wait_for(&self, what: &str, count: u64) {
        let deadline = Instant::now() + DEADLINE;
        while self.counts.get(what) != count {
            assert!(Instant::now() < deadline, "{what}: {} instead of {count}", self.counts.get(what));
            std::thread::yield_now();
        }
    }
}

fn error() -> Ending {
    Ending::Error { kind: ErrorKind::from_guest("boom"), message: "no".into() }
}

fn published() -> Outgoing {
    Outgoing { topic: "out".into(), key: None, value: None, headers: vec![], timestamp: None }
}

#[test]
fn a_dead_letter_waits_for_the_broker_and_then_goes() {
    let bench = Bench::start(|_, handler| handler.policy.retry.max_retries = 0);
    bench.assign();
    bench.records([7]);
    bench.end(bench.run(), error(), vec![]);
    let (token, letter) = bench.sent();
    assert_eq!(&*letter.topic, "t.dlq");
    bench.answer(token, Err(SendError::Unavailable("away".into())));
    let (again, same) = bench.sent();
    assert_eq!((again, same), (token, letter), "the same record is sent again");
    assert_eq!(bench.counts.get("dead max_retries_exceeded boom"), 0, "not before the broker has it");
    bench.answer(again, Ok(()));
    bench.commit_of(8);
    assert_eq!(bench.counts.get("dead max_retries_exceeded boom"), 1);
    assert_eq!(bench.counts.get("tried boom"), 1, "the broker's trouble is not the handler's");
}

#[test]
fn a_dead_letter_that_is_too_large_goes_without_its_value() {
    let bench = Bench::start(|_, handler| handler.policy.retry.max_retries = 0);
    bench.assign();
    bench.records([0]);
    bench.end(bench.run(), error(), vec![]);
    let (token, letter) = bench.sent();
    assert!(letter.value.is_some());
    bench.answer(token, Err(SendError::TooLarge("size".into())));
    let (token, letter) = bench.sent();
    assert_eq!((letter.value.as_deref(), letter.text_header("dlq_truncated")), (None, Some("true")));
    assert_eq!(letter.text_header("dlq_original_offset"), Some("0"));
    bench.answer(token, Ok(()));
    bench.commit_of(1);
}

#[test]
fn an_ack_is_final_when_all_that_it_published_is_there() {
    let bench = Bench::start(|_, _| {});
    bench.assign();
    bench.records([0]);
    bench.end(bench.run(), Ending::Ack, vec![published(), published()]);
    let (first, second) = (bench.sent().0, bench.sent().0);
    bench.answer(first, Ok(()));
    bench.answer(second, Err(SendError::Unavailable("away".into())));
    let (again, _) = bench.sent();
    assert_eq!((again, bench.counts.get("tried ok")), (second, 0), "one of two is not enough");
    bench.answer(again, Ok(()));
    bench.commit_of(1);
    assert_eq!((bench.counts.get("tried ok"), bench.counts.get("taken")), (1, 2));
}

#[test]
fn what_the_broker_refuses_for_good_becomes_a_dead_letter() {
    let bench = Bench::start(|_, _| {});
    bench.assign();
    bench.records([0]);
    bench.end(bench.run(), Ending::Ack, vec![published()]);
    bench.answer(bench.sent().0, Err(SendError::Refused("not allowed".into())));
    let (token, letter) = bench.sent();
    assert_eq!((&*letter.topic, letter.text_header("dlq_reason")), ("t.dlq", Some("publish_rejected")));
    assert_eq!(letter.text_header("dlq_error_message"), Some("not allowed"));
    bench.answer(token, Ok(()));
    bench.commit_of(1);
    assert_eq!((bench.counts.get("tried publish_rejected"), bench.counts.get("tried ok")), (1, 0));
}

#[test]
fn what_the_broker_took_of_a_try_counts_though_it_refused_the_rest() {
    let to = |topic: &str, event_type: &str| Outgoing {
        topic: topic.into(),
        headers: vec![(b"event_type".to_vec(), Some(event_type.into()))],
        ..published()
    };
    let bench = Bench::start(|_, _| {});
    bench.assign();
    bench.records([0]);
    bench.end(bench.run(), Ending::Ack, vec![to("out", "A"), to("out", "B"), to("out", "C"), to("other", "D")]);
    let sent = [(); 4].map(|()| bench.sent().0);
    for (token, answer) in sent.into_iter().zip([
        Ok(()),
        Err(SendError::TooLarge("size".into())),
        Ok(()),
        Err(SendError::Refused("not allowed".into())),
    ]) {
        bench.answer(token, answer);
    }
    let (token, letter) = bench.sent();
    assert_eq!(letter.text_header("dlq_error_message"), Some("size"), "the first that was refused");
    bench.answer(token, Ok(()));
    bench.commit_of(1);
    for batch in ["out: 1 and 0 of A", "out: 0 and 1 of B", "out: 1 and 0 of C", "other: 0 and 1 of D"] {
        assert_eq!(bench.counts.get(&format!("batch to {batch}")), 1, "{batch}");
    }
    assert_eq!(["taken", "refused"].map(|what| bench.counts.get(what)), [2, 2]);
    assert_eq!(["tried publish_rejected", "tried ok"].map(|what| bench.counts.get(what)), [1, 0], "one try");
}

#[test]
fn a_revoked_partition_ends_what_runs_and_starts_nothing() {
    let bench = Bench::start(|_, handler| handler.concurrency = 1);
    bench.assign();
    bench.records([0, 1]);
    let run = bench.run();
    bench.readings.send(Reading::Revoked { assignments: vec![bench.assignment()], lost: false }).unwrap();
    // Only when the engine has taken that in: what comes first in the queue of readings is done first.
    bench.records([2]);
    bench.wait_for("consumed", 3);
    bench.end(run, Ending::Ack, vec![]);
    let released = bench.next("a release", |asked| match asked {
        Asked::Release(assignments, watermarks) => Some((assignments, watermarks)),
        Asked::Run(run) => panic!("started {run:?}"),
        _ => None,
    });
    assert_eq!(released, (vec![bench.assignment()], vec![(bench.assignment(), 1)]));
}

#[test]
fn whatever_was_handed_over_is_taken_in_or_thrown_away() {
    let bench = Bench::start(|_, handler| handler.concurrency = 1);
    bench.assign();
    // More than the handler may soon need: what follows waits as it came.
    bench.records(0..600);
    bench.wait_for("consumed", 600);
    bench.records(600..700);
    bench.run();
    bench.readings.send(Reading::Revoked { assignments: vec![bench.assignment()], lost: true }).unwrap();
    bench.next("a release", |asked| matches!(asked, Asked::Release(..)).then_some(()));
    assert_eq!((bench.counts.get("consumed"), bench.taken_in.load(Memory::SeqCst)), (600, 700));
}

#[test]
fn nothing_of_a_lost_partition_is_committed_and_late_endings_count_for_nobody() {
    let bench = Bench::start(|settings, _| settings.timing.commit_interval = Duration::from_secs(3600));
    bench.assign();
    bench.records([0, 1]);
    let (first, second) = (bench.run(), bench.run());
    bench.end(first, Ending::Ack, vec![]);
    bench.wait_for("tried ok", 1);
    bench.readings.send(Reading::Revoked { assignments: vec![bench.assignment()], lost: true }).unwrap();
    let watermarks = bench.next("a release", |asked| match asked {
        Asked::Release(_, watermarks) => Some(watermarks),
        _ => None,
    });
    assert_eq!(watermarks, []);
    assert_eq!(bench.counts.get("abandoned"), 1, "the one that ran");
    // The partition comes back; the try of the first assignment ends only now.
    bench.assign();
    bench.records([0]);
    let again = bench.run();
    assert_ne!(again.id.assignment, second.id.assignment);
    bench.end(second, Ending::Ack, vec![]);
    bench.end(again, Ending::Ack, vec![]);
    bench.wait_for("tried ok", 2);
    assert_eq!((bench.counts.get("measured"), bench.counts.get("late")), (2, 1));
    bench.signals.send(Signal::Shutdown).unwrap();
    let watermarks = bench.next("a close", |asked| match asked {
        Asked::Close(watermarks) => Some(watermarks),
        _ => None,
    });
    assert_eq!(watermarks, [(bench.assignment(), 1)]);
}

#[test]
fn of_tries_that_ended_alike_those_that_came_too_late_are_not_measured() {
    let bench = Bench::start(|_, handler| (handler.concurrency, handler.max_batch) = (1, 8));
    bench.assign();
    bench.records([0]);
    let late = bench.run();
    bench.readings.send(Reading::Revoked { assignments: vec![bench.assignment()], lost: true }).unwrap();
    bench.next("a release", |asked| matches!(asked, Asked::Release(..)).then_some(()));
    bench.assign();
    bench.records(0..3);
    bench.end(late.clone(), Ending::Skip, vec![]);
    let batch = [bench.run(), late, bench.run(), bench.run()];
    let tried = batch.map(|run| Tried { ending: Some(Ending::Ack), ..Tried::not_run(run) }).into();
    bench.signals.send(Signal::Ran(0, Deployment::default(), Ran { tried, ..Ran::default() })).unwrap();
    bench.wait_for("tried ok", 3);
    assert_eq!((bench.counts.get("measured"), bench.counts.get("late")), (3, 2));
}

#[test]
fn what_reaches_its_topic_after_its_partition_was_given_up_is_counted_and_settles_nothing() {
    let bench = Bench::start(|_, handler| (handler.concurrency, handler.policy.retry.max_retries) = (3, 0));
    bench.assign();
    bench.records([0, 1, 2]);
    let (whole, part, fails) = (bench.run(), bench.run(), bench.run());
    bench.end(whole, Ending::Ack, vec![published(), published()]);
    let [first, second] = [(); 2].map(|()| bench.sent().0);
    bench.end(part, Ending::Ack, vec![published(), published(), published()]);
    let [third, fourth, fifth] = [(); 3].map(|()| bench.sent().0);
    bench.end(fails, error(), vec![]);
    let (letter, _) = bench.sent();
    bench.answer(first, Ok(()));
    // It waits to be sent again, which it is not.
    bench.answer(third, Err(SendError::Unavailable("away".into())));
    bench.readings.send(Reading::Revoked { assignments: vec![bench.assignment()], lost: true }).unwrap();
    bench.next("a release", |asked| matches!(asked, Asked::Release(..)).then_some(()));
    bench.answer(second, Ok(()));
    bench.answer(fourth, Ok(()));
    bench.answer(fifth, Err(SendError::Unavailable("away".into())));
    bench.answer(letter, Ok(()));
    bench.wait_for("dead max_retries_exceeded boom", 1);
    assert_eq!(bench.counts.get("batch to out: 2 and 0 of out"), 1);
    assert_eq!(bench.counts.get("part to out: 1 and 0 of out"), 1, "as far as it is known");
    assert_eq!((bench.counts.get("taken"), bench.counts.get("tried ok")), (3, 0));
    // Nothing is left of it: an engine that ends waits for nobody.
    bench.signals.send(Signal::Shutdown).unwrap();
    bench.ended.recv_timeout(DEADLINE).unwrap();
    assert!(bench.asked.try_iter().all(|asked| !matches!(asked, Asked::Send(..))), "nothing is sent again");
}

#[test]
fn a_shutdown_gives_up_what_does_not_end_in_time() {
    let bench = Bench::start(|settings, _| settings.timing.shutdown_timeout = Duration::from_millis(20));
    bench.assign();
    bench.records([0, 1]);
    let (first, _still_running) = (bench.run(), bench.run());
    bench.end(first, Ending::Ack, vec![]);
    bench.wait_for("tried ok", 1);
    bench.signals.send(Signal::Shutdown).unwrap();
    let summary = bench.ended.recv_timeout(DEADLINE).unwrap();
    assert_eq!(summary, Summary { abandoned: 1, waiting: 0 });
}

#[test]
fn while_the_broker_takes_nothing_what_waits_for_it_is_bounded() {
    let bench = Bench::start(|_, handler| handler.concurrency = 1);
    bench.assign();
    bench.records(0..100);
    let large = || Outgoing { value: Some(vec![0; 6 << 20]), ..published() };
    let mut tokens = Vec::new();
    for _ in 0..3 {
        bench.end(bench.run(), Ending::Ack, vec![large()]);
        tokens.push(bench.sent().0);
    }
    // It would have been started by the time at which the commit of all before it is asked for.
    bench.answer(tokens[0], Err(SendError::Unavailable("away".into())));
    let (again, _) = bench.next("the record again", |asked| match asked {
        Asked::Send(token, record) => Some((token, record)),
        Asked::Run(run) => panic!("started {run:?} with 18 MiB on their way"),
        _ => None,
    });
    bench.answer(again, Ok(()));
    bench.run();
}

#[test]
fn an_event_that_waits_long_does_not_pin_what_it_was_read_with() {
    let bench = Bench::start(|_, _| {});
    bench.assign();
    let pinned = bench.records([0, 1]);
    let (first, second) = (bench.run(), bench.run());
    bench.end(first, Ending::DeadLetter("no".into()), vec![]);
    bench.end(second, Ending::Ack, vec![]);
    // Its dead letter is on the way, and never answered.
    bench.sent();
    let deadline = Instant::now() + DEADLINE;
    while pinned.strong_count() > 0 {
        assert!(Instant::now() < deadline, "what is not final still pins it");
        std::thread::yield_now();
    }
}

#[test]
fn after_a_fault_of_a_batch_nothing_is_charged_and_each_event_runs_alone() {
    let bench = Bench::start(|_, handler| (handler.concurrency, handler.max_batch) = (1, 8));
    bench.assign();
    bench.records(0..4);
    bench.end(bench.run(), Ending::Ack, vec![]);
    let batch = [bench.run(), bench.run(), bench.run()];
    let fault = Some((FaultKind::Trap, "unreachable".into()));
    let tried = batch.into_iter().map(Tried::not_run).collect();
    bench.signals.send(Signal::Ran(0, Deployment::default(), Ran { tried, fault, ..Ran::default() })).unwrap();
    bench.wait_for("batch fault", 1);
    for offset in 1..4 {
        let run = bench.run();
        assert_eq!((run.event.record.offset(), run.attempt), (offset, 1));
        // Commits may come at any time.
        assert!(bench.asked.try_iter().all(|asked| !matches!(asked, Asked::Run(_))), "it is not alone");
        bench.end(run, Ending::Ack, vec![]);
    }
    bench.wait_for("tried ok", 4);
    bench.commit_of(4);
    assert_eq!(bench.counts.get("retried"), 0);
}

#[test]
fn a_retry_that_is_not_run_is_counted_once_when_it_has_been() {
    let bench = Bench::start(|_, handler| (handler.concurrency, handler.max_batch) = (1, 8));
    bench.assign();
    bench.records(0..1);
    bench.end(bench.run(), error(), vec![]);
    let run = bench.run();
    assert_eq!(run.attempt, 2);
    let tried = vec![Tried::not_run(run)];
    bench.signals.send(Signal::Ran(0, Deployment::default(), Ran { tried, ..Ran::default() })).unwrap();
    let again = bench.run();
    assert_eq!(again.attempt, 2);
    bench.end(again, Ending::Ack, vec![]);
    bench.commit_of(1);
    assert_eq!(bench.counts.get("retried"), 1);
}

#[test]
fn events_of_one_type_are_counted_for_their_own_partitions() {
    let event = |partition| Event::decode(RecordBuilder::new("t".into(), partition, 0, 0).build()).unwrap();
    let mut counted = Counted::default();
    let ended = [0, 0, 1, 0].map(|partition| counted.add(&event(partition)));
    let reports = ended.into_iter().chain([counted.0.take()]).flatten();
    let reports: Vec<_> = reports.map(|(first, events)| (first.record.partition(), events)).collect();
    assert_eq!(reports, [(0, 2), (1, 1), (0, 1)]);
}

#[test]
fn a_dead_letter_names_the_component_that_failed_though_another_is_at_work() {
    let bench = Bench::start(|_, handler| handler.policy.retry.max_retries = 0);
    bench.assign();
    bench.records([7, 8]);
    let (old, new) = (bench.run(), bench.run());
    let generation = EngineHandler { digest: "e".into(), deployment: Deployment(1), ..bench.handler.clone() };
    let change = Change::Deploy { handler: 0, generation: Box::new(generation), rollback_after: None };
    let (done, is_done) = bounded(1);
    bench.signals.send(Signal::Change(Ask { change, done })).unwrap();
    is_done.recv_timeout(DEADLINE).expect("the engine changes over");
    let digest_after = |run: Try, deployment: u64| {
        let tried = vec![Tried { ending: Some(error()), ..Tried::not_run(run) }];
        bench.signals.send(Signal::Ran(0, Deployment(deployment), Ran { tried, ..Ran::default() })).unwrap();
        let (_, letter) = bench.sent();
        letter.text_header("dlq_handler_digest").map(str::to_owned)
    };
    assert_eq!(digest_after(old, 0).as_deref(), Some("d"));
    assert_eq!(digest_after(new, 1).as_deref(), Some("e"));
}
