//! A world around one host's scheduler: partitions with gaps, a broker that keeps commits, readers that
//! take what they may, instances that end in any way and order, rebalances, losses, resets of a position, new
//! generations, pauses, crashes and restarts. After every step the promises are compared with what a second, simpler
//! bookkeeping expects. [`every_planted_bug_is_found`] shows that none of this is for show.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::delivery::mutants;
use crate::delivery::verdict::{FaultKind, Reason};

mod costs;
mod steps;

use costs::{Cost, Member, OnTrial};
use steps::{Record, Step, steps};

const PARTITIONS: usize = 3;
/// Concurrency of each handler; the first goes by key, the second by partition, the third has no order.
const CONCURRENCY: [u32; 3] = [2, 1, 3];
const MAX_RETRIES: u32 = 2;
const MAX_BATCH: usize = 3;
const BUFFER: u64 = 300;
/// Tries and events after which a handler is quarantined. The last one never is.
const QUARANTINE: [(u32, u32); 2] = [(4, 2), (3, 1)];
/// First events that prove a generation bad.
const TRIAL: u32 = 2;
const WINDOW: u32 = 4;

type Place = (usize, i64);

/// A record as the broker has it.
struct Stored {
    offset: i64,
    record: Record,
    /// Nobody has to be given it any more.
    deleted: bool,
}

impl Stored {
    fn wants(&self) -> impl Iterator<Item = (HandlerIndex, Option<Lane>)> + '_ {
        (0u16..).zip(self.record.wanted).filter(|(_, wanted)| *wanted && self.record.decodable).map(|(handler, _)| {
            let lane = [Some(self.record.key), Some(0), None][usize::from(handler)];
            (handler, lane)
        })
    }

    /// Whoever has to be through with it; the record's own dead letter has no handler.
    fn owners(&self) -> BTreeSet<Option<HandlerIndex>> {
        if self.record.decodable { self.wants().map(|(handler, _)| Some(handler)).collect() } else { [None].into() }
    }
}

/// One assignment, as the model knows it.
struct Reader {
    partition: usize,
    account: Arc<Account>,
    /// Index of the next record in the log.
    next: usize,
    revoked: bool,
    lost: bool,
    /// Counts the resets of its position.
    era: u32,
    /// Records of this era as they were read, with those for whom they are not final.
    read: Vec<(i64, u64, BTreeSet<Option<HandlerIndex>>)>,
    /// Deliveries of this era that get no more tries.
    over: BTreeSet<(i64, HandlerIndex)>,
    tries: HashMap<(i64, HandlerIndex), u32>,
    /// Deliveries that must not share a batch.
    alone: BTreeSet<(i64, HandlerIndex)>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    handler: HandlerIndex,
    deployment: Deployment,
    id: DeliveryId,
    attempt: u32,
    lane: Option<Lane>,
    place: Place,
    era: u32,
}

#[derive(Clone, Copy, Debug)]
struct Unsettled {
    handler: Option<HandlerIndex>,
    id: DeliveryId,
    place: Place,
    refusable: bool,
    era: u32,
}

struct World {
    scheduler: Scheduler<Place>,
    buffer: Arc<Buffer>,
    now: Instant,
    log: Vec<Vec<Stored>>,
    committed: [i64; PARTITIONS],
    readers: BTreeMap<Assignment, Reader>,
    next_assignment: u64,
    members: [Member; 3],
    next_deployment: u64,
    running: Vec<Vec<Running>>,
    /// Who came into quarantine and out of it, and nobody has said so.
    turns: VecDeque<(HandlerIndex, bool)>,
    /// Of the batch that is ending.
    ending_now: Vec<DeliveryId>,
    unsettled: Vec<Unsettled>,
    /// What has been brought to its end, in whichever life of the host.
    done: BTreeSet<(Place, Option<HandlerIndex>)>,
    /// Nothing more is read.
    ending: bool,
}

fn rules_of(handler: usize, deployment: Deployment) -> Rules {
    let concurrency = CONCURRENCY[handler];
    let quarantine = QUARANTINE.get(handler).map(|(tries, events)| Quarantine {
        tries: (*tries).try_into().unwrap(),
        events: (*events).try_into().unwrap(),
    });
    Rules { max_batch: MAX_BATCH, quarantine, deployment, ..rules(concurrency, MAX_RETRIES, concurrency != 3) }
}

fn scheduler(now: Instant) -> Scheduler<Place> {
    Scheduler::new(TIMING, &[0, 1, 2].map(|handler| rules_of(handler, OLD)), now)
}

impl World {
    fn new() -> World {
        let now = Instant::now();
        World {
            scheduler: scheduler(now),
            buffer: Buffer::new(BUFFER),
            now,
            log: (0..PARTITIONS).map(|_| Vec::new()).collect(),
            committed: [0; PARTITIONS],
            readers: BTreeMap::new(),
            next_assignment: 1,
            members: Default::default(),
            next_deployment: 1,
            running: Vec::new(),
            turns: VecDeque::new(),
            ending_now: Vec::new(),
            unsettled: Vec::new(),
            done: BTreeSet::new(),
            ending: false,
        }
    }

    fn reader_of(&mut self, partition: usize) -> Option<(Assignment, &mut Reader)> {
        let mut readers = self.readers.iter_mut();
        readers.find(|(_, reader)| reader.partition == partition).map(|(assignment, reader)| (*assignment, reader))
    }

    fn step(&mut self, step: Step) {
        let mut out = Vec::new();
        match step {
            Step::Produce(partition, record) => {
                let end = self.log[partition].last().map_or(0, |stored| stored.offset + 1);
                let offset = end + i64::from(record.gap);
                self.log[partition].push(Stored { offset, record, deleted: false });
            }
            Step::Read(partition) => self.read(partition, &mut out),
            Step::End { pick, endings, fault, ran } if !self.running.is_empty() => {
                let batch = self.running.swap_remove(pick % self.running.len());
                self.end_batch(batch, &endings, fault, ran, &mut out);
            }
            Step::Settle { pick, refuse } if !self.unsettled.is_empty() => {
                let unsettled = self.unsettled.swap_remove(pick % self.unsettled.len());
                if refuse && unsettled.refusable {
                    self.scheduler.refused(unsettled.id, "no", self.now, &mut out);
                } else {
                    self.done.insert((unsettled.place, unsettled.handler));
                    self.settle(unsettled.id.assignment, unsettled.era, unsettled.place.1, unsettled.handler);
                    self.scheduler.settled(unsettled.id, self.now, &mut out);
                }
            }
            Step::Pass(milliseconds) => self.now += Duration::from_millis(milliseconds),
            Step::Assign(partition) => self.assign(partition),
            Step::Revoke { partitions, lost } => {
                let taken = |reader: &Reader| partitions[reader.partition] && !reader.revoked;
                let mut assignments = Vec::new();
                for (assignment, reader) in self.readers.iter_mut().filter(|(_, reader)| taken(reader)) {
                    (reader.revoked, reader.lost) = (true, lost);
                    assignments.push(*assignment);
                }
                if !assignments.is_empty() {
                    self.scheduler.revoked(assignments, lost, self.now);
                }
            }
            Step::Reset { partition, to } => self.reset(partition, to),
            Step::Deploy { handler, on_trial } => self.deploy(handler, on_trial),
            Step::Pause(handler) => {
                self.members[handler].paused = true;
                self.scheduler.pause(handler.try_into().unwrap());
            }
            Step::Resume(handler) => {
                let member = &mut self.members[handler];
                if member.quarantined {
                    self.turns.push_back((handler.try_into().unwrap(), false));
                }
                (member.paused, member.quarantined, member.failed) = (false, false, 0);
                member.events.clear();
                self.scheduler.resume(handler.try_into().unwrap(), &mut out);
            }
            Step::Crash => self.restart(),
            Step::ShutDown => {
                self.ending = true;
                self.scheduler.shut_down(self.now);
            }
            Step::End { .. } | Step::Settle { .. } => {}
        }
        self.scheduler.tick(self.now, &mut out);
        self.scheduler.dispatch(self.now, &mut out);
        for command in out {
            self.obey(command);
        }
        if self.scheduler.is_closed() {
            self.restart();
        }
        assert_eq!(self.turns.len(), 0, "a quarantine began or ended, and nobody said so");
        self.check();
    }

    fn assign(&mut self, partition: usize) {
        if self.ending || self.reader_of(partition).is_some() {
            return;
        }
        let committed = self.committed[partition];
        let next = self.log[partition].iter().position(|stored| stored.offset >= committed);
        let reader = Reader {
            partition,
            account: self.buffer.open(WINDOW, Arc::new(|| {})),
            next: next.unwrap_or(self.log[partition].len()),
            revoked: false,
            lost: false,
            era: 0,
            read: Vec::new(),
            over: BTreeSet::new(),
            tries: HashMap::new(),
            alone: BTreeSet::new(),
        };
        let assignment = Assignment(self.next_assignment);
        self.next_assignment += 1;
        let topic_partition = TopicPartition { topic: "t".into(), partition: partition.try_into().unwrap() };
        self.scheduler.assigned(assignment, topic_partition, None, reader.account.clone());
        self.readers.insert(assignment, reader);
    }

    fn read(&mut self, partition: usize, out: &mut Vec<Command<Place>>) {
        let (now, ending) = (self.now, self.ending);
        let is_read = |reader: &Reader| reader.partition == partition && !reader.revoked && !ending;
        let mut readers = self.readers.iter_mut();
        let Some((assignment, reader)) = readers.find(|(_, reader)| is_read(reader)) else {
            return;
        };
        let Some(stored) = self.log[partition].get(reader.next) else { return };
        if stored.deleted {
            reader.next += 1;
            return;
        }
        if !reader.account.admit(stored.record.bytes) {
            return;
        }
        reader.next += 1;
        reader.read.push((stored.offset, stored.record.bytes, stored.owners()));
        let (offset, bytes) = (stored.offset, stored.record.bytes);
        let arrival = Arrival { offset, bytes, event: (partition, offset), at: now };
        if stored.record.decodable {
            self.scheduler.receive(*assignment, arrival, stored.wants(), out);
        } else {
            self.scheduler.receive_undecodable(*assignment, arrival, "?", true, out);
        }
    }

    fn end_batch(
        &mut self,
        batch: Vec<Running>,
        endings: &[(Ending, bool)],
        fault: bool,
        ran: usize,
        out: &mut Vec<Command<Place>>,
    ) {
        let (events, handler, deployment) = (batch.len(), batch[0].handler, batch[0].deployment);
        let fault = fault && events > 1;
        let mut failed = Vec::new();
        self.ending_now = batch.iter().map(|running| running.id).collect();
        for (index, (running, (ending, publishes))) in batch.into_iter().zip(endings.iter().cycle()).enumerate() {
            let lane = running.lane.map(|lane| (running.id.assignment, lane));
            if fault || index >= ran || (lane.is_some() && failed.contains(&lane)) {
                self.not_run(running, fault, out);
                self.ending_now.remove(0);
                continue;
            }
            if !matches!(ending, Ending::Ack | Ending::Skip) {
                failed.push(lane);
            }
            self.end(running, ending, *publishes && *ending == Ending::Ack, out);
            self.ending_now.remove(0);
        }
        self.scheduler.idle(handler, deployment, events, Duration::ZERO);
    }

    fn deploy(&mut self, handler: usize, on_trial: bool) {
        let deployment = Deployment(self.next_deployment);
        self.next_deployment += 1;
        let member = &mut self.members[handler];
        let undecided = std::mem::replace(&mut member.trial, on_trial.then(OnTrial::default));
        if undecided.is_none() {
            member.before = member.deployment;
        }
        member.deployment = deployment;
        (member.quarantined, member.failed) = (false, 0);
        member.events.clear();
        self.give_back(handler, undecided.unwrap_or_default());
        let index = HandlerIndex::try_from(handler).unwrap();
        self.scheduler.deploy(index, rules_of(handler, deployment), on_trial.then_some(TRIAL.try_into().unwrap()));
    }

    /// Deliveries that failed on a trial have the tries again that they had before.
    fn not_run(&mut self, running: Running, fault: bool, out: &mut Vec<Command<Place>>) {
        let Running { handler, id, place, era, .. } = running;
        let known = self.readers.get_mut(&id.assignment).filter(|reader| reader.era == era);
        if let Some(reader) = known {
            *reader.tries.get_mut(&(place.1, handler)).expect("it was started") -= 1;
            if fault {
                reader.alone.insert((place.1, handler));
            }
        }
        self.scheduler.not_run(id, fault, out);
    }

    fn end(&mut self, running: Running, ending: &Ending, publishes: bool, out: &mut Vec<Command<Place>>) {
        let Running { handler, id, place, era, attempt, deployment, .. } = running;
        let succeeded = ending.error_type().is_none();
        let is_held = self.readers.contains_key(&id.assignment);
        let cost = if is_held { self.cost(&running, ending) } else { Cost::ATry };
        // Less than the try's own number, where it was given back tries while it ran.
        let counted = self.readers.get(&id.assignment).and_then(|reader| reader.tries.get(&(place.1, handler)));
        let is_last = !succeeded && counted.copied().unwrap_or(attempt) > MAX_RETRIES;
        let gives_up = matches!(ending, Ending::DeadLetter(_)) || (is_last && cost == Cost::ATry);
        if succeeded && !publishes {
            self.done.insert((place, Some(handler)));
        }
        let known = self.readers.get_mut(&id.assignment).filter(|reader| reader.era == era);
        if let Some(reader) = known {
            if cost == Cost::Nothing || (is_last && cost == Cost::ATryAtMost) {
                *reader.tries.get_mut(&(place.1, handler)).expect("it was started") -= 1;
            }
            if succeeded || gives_up {
                reader.over.insert((place.1, handler));
            }
            if succeeded && !publishes {
                self.settle(id.assignment, era, place.1, Some(handler));
            } else if publishes {
                self.unsettled.push(Unsettled { handler: Some(handler), id, place, refusable: true, era });
            }
        }
        let ended = Ended { id, attempt, deployment, ending, settles_later: publishes };
        self.scheduler.ended(handler, ended, self.now, 0.5, out);
    }

    /// The model's own idea of when a delivery is final.
    fn settle(&mut self, assignment: Assignment, era: u32, offset: i64, owner: Option<HandlerIndex>) {
        if let Some(reader) = self.readers.get_mut(&assignment).filter(|reader| reader.era == era)
            && let Some((_, _, open)) = reader.read.iter_mut().find(|(at, _, _)| *at == offset)
        {
            open.remove(&owner);
        }
    }

    /// Only seen by the scheduler when the next record comes, so that comes at once.
    fn reset(&mut self, partition: usize, to: usize) {
        let (length, ending) = (self.log[partition].len(), self.ending);
        let reader = self.reader_of(partition).filter(|(_, reader)| !reader.revoked && !ending);
        let Some((_, reader)) = reader else { return };
        let (from, to) = (reader.next, if length == 0 { 0 } else { to % length });
        if to >= from {
            reader.next = to;
            self.log[partition][from..to].iter_mut().for_each(|stored| stored.deleted = true);
            return;
        }
        let newest_read = reader.read.last().map(|(offset, _, _)| *offset);
        let stored = &self.log[partition][to];
        // The first that comes has to be recognised, and room for it is not the question here.
        if newest_read.is_none_or(|newest| stored.offset > newest) || stored.deleted {
            return;
        }
        let Some((_, reader)) = self.reader_of(partition) else { return };
        if !reader.account.admit(1) {
            return;
        }
        // A position goes back to where the log begins now: what stood before that is no more.
        self.log[partition][..to].iter_mut().for_each(|stored| stored.deleted = true);
        let Some((_, reader)) = self.reader_of(partition) else { return };
        // What the scheduler is about to let go of.
        reader.next = to;
        reader.era += 1;
        reader.read.clear();
        reader.over.clear();
        reader.tries.clear();
        reader.alone.clear();
        self.force_read(partition);
    }

    /// Reads the next record of a partition, for which one byte was admitted.
    fn force_read(&mut self, partition: usize) {
        let (now, mut out) = (self.now, Vec::new());
        let mut readers = self.readers.iter_mut();
        let Some((assignment, reader)) = readers.find(|(_, reader)| reader.partition == partition) else { return };
        let stored = &self.log[partition][reader.next];
        reader.next += 1;
        reader.read.push((stored.offset, 1, stored.owners()));
        let arrival = Arrival { offset: stored.offset, bytes: 1, event: (partition, stored.offset), at: now };
        if stored.record.decodable {
            self.scheduler.receive(*assignment, arrival, stored.wants(), &mut out);
        } else {
            self.scheduler.receive_undecodable(*assignment, arrival, "?", true, &mut out);
        }
        out.into_iter().for_each(|command| self.obey(command));
    }

    /// The process dies, or ends, and another begins where the commits are.
    fn restart(&mut self) {
        self.scheduler = scheduler(self.now);
        self.ending = false;
        self.readers.clear();
        self.running.clear();
        self.unsettled.clear();
        self.members = Default::default();
        self.turns.clear();
    }

    fn obey(&mut self, command: Command<Place>) {
        match command {
            Command::Run(handler, batch) => {
                let member = &self.members[usize::from(handler)];
                let of = |running: &&Vec<Running>| {
                    (running[0].handler, running[0].deployment) == (handler, member.deployment)
                };
                let busy = self.running.iter().filter(of).count();
                assert!(busy < CONCURRENCY[usize::from(handler)] as usize, "no instance is idle");
                assert!(!member.paused, "it is paused");
                assert!(!member.quarantined || (busy, batch.len()) == (0, 1), "more than one probe");
                assert!((1..=MAX_BATCH).contains(&batch.len()), "a batch of {}", batch.len());
                let together = batch.len() > 1;
                self.running.push(Vec::new());
                batch.into_iter().for_each(|run| self.start(handler, run, together));
            }
            Command::DeadLetter(assignment, given_up) => {
                let era = self.readers[&assignment].era;
                let id = DeliveryId { assignment, key: given_up.key };
                let (handler, place) = (given_up.handler, given_up.event);
                let over = |handler| self.readers[&assignment].over.contains(&(place.1, handler));
                let refused = given_up.reason == Reason::PublishRejected;
                assert!(refused || handler.is_none_or(over), "{place:?} is given up before its time");
                self.unsettled.push(Unsettled { handler, id, place, refusable: false, era });
            }
            Command::Dropped(assignment, given_up) => {
                self.done.insert((given_up.event, given_up.handler));
                let era = self.readers[&assignment].era;
                self.settle(assignment, era, given_up.event.1, given_up.handler);
            }
            Command::Commit(watermarks) => {
                for (assignment, offset) in watermarks {
                    assert!(!self.readers[&assignment].revoked, "a commit of a revoked partition");
                    self.commit(assignment, offset);
                }
            }
            Command::Abandoned(_) | Command::Stuck(_) => {}
            Command::Quarantined(handler) => assert_eq!(self.turns.pop_front(), Some((handler, true))),
            Command::Released(handler) => assert_eq!(self.turns.pop_front(), Some((handler, false))),
            Command::Proven(handler) => assert!(self.members[usize::from(handler)].trial.is_none()),
            Command::RollBack(handler) => {
                let member = &mut self.members[usize::from(handler)];
                assert_eq!(member.condemned, Some(member.deployment), "a generation is taken back");
                member.deployment = member.before;
                (member.quarantined, member.failed) = (false, 0);
                member.events.clear();
                self.scheduler.deploy(handler, rules_of(usize::from(handler), member.before), None);
            }
            Command::Release(assignments, watermarks) => {
                for (assignment, offset) in watermarks {
                    assert!(!self.readers[&assignment].lost, "a commit of a lost partition");
                    self.commit(assignment, offset);
                }
                self.readers.retain(|assignment, _| !assignments.contains(assignment));
            }
            Command::Close(watermarks) => {
                watermarks.into_iter().for_each(|(assignment, offset)| self.commit(assignment, offset));
            }
        }
    }

    /// Starts a try in the last batch.
    fn start(&mut self, handler: HandlerIndex, run: Run<Place>, together: bool) {
        let Run { id, attempt, lane, event: place, .. } = run;
        let (batch, others) = self.running.split_last_mut().expect("a batch was begun");
        let reader = self.readers.get_mut(&id.assignment).expect("a try of a partition that is held");
        assert!(!reader.revoked, "a try of a partition that is being taken away");
        let (partition, offset) = place;
        assert_eq!(reader.partition, partition);
        let tries = reader.tries.entry((offset, handler)).or_default();
        *tries += 1;
        assert_eq!(*tries, attempt, "the number of the try");
        assert!(attempt <= MAX_RETRIES + 1, "a try beyond the retries");
        assert!(!reader.over.contains(&(offset, handler)), "a try after the end");
        let stored = &self.log[partition];
        let lane_of = |offset: i64| {
            let stored = stored.iter().find(|stored| stored.offset == offset).expect("a record of the log");
            stored.wants().find(|(wanting, _)| *wanting == handler).map(|(_, lane)| lane)
        };
        assert_eq!(lane_of(offset), Some(lane), "the lane");
        assert!(!together || !reader.alone.contains(&(offset, handler)), "{offset} is not alone");
        if lane.is_some() {
            let same = |running: &&Running| {
                running.handler == handler && running.id.assignment == id.assignment && running.lane == lane
            };
            let overlap = others.iter().flatten().find(same);
            assert!(overlap.is_none(), "{overlap:?} overlaps with {place:?}");
            let in_batch: Vec<i64> = batch.iter().filter(same).map(|running| running.place.1).collect();
            if let Some(last) = batch.last().filter(|_| !in_batch.is_empty()) {
                assert!(same(&last), "a lane is torn apart");
            }
            let earlier = reader.read.iter().map(|(at, _, _)| *at).take_while(|at| *at != offset);
            for at in earlier.filter(|at| lane_of(*at) == Some(lane)) {
                assert!(reader.over.contains(&(at, handler)) || in_batch.contains(&at), "{offset} overtook {at}");
            }
        }
        let era = reader.era;
        let deployment = self.members[usize::from(handler)].deployment;
        batch.push(Running { handler, deployment, id, attempt, lane, place, era });
    }

    /// The heart of it: what is committed is done.
    fn commit(&mut self, assignment: Assignment, offset: i64) {
        let partition = self.readers[&assignment].partition;
        for stored in self.log[partition].iter().filter(|stored| stored.offset < offset && !stored.deleted) {
            for owner in stored.owners() {
                let place = (partition, stored.offset);
                assert!(
                    self.done.contains(&(place, owner)),
                    "{offset} is committed before {place:?} is done by {owner:?}"
                );
            }
        }
        self.committed[partition] = offset;
    }

    fn check(&self) {
        let reports = self.scheduler.report(self.now);
        assert_eq!(reports.len(), self.readers.len());
        let (mut held, mut shared) = (0, 0);
        for report in reports {
            let of = |reader: &&Reader| reader.partition == usize::try_from(report.topic_partition.partition).unwrap();
            let reader = self.readers.values().find(of).expect("a partition that is held");
            let is_open = |(_, _, open): &&(i64, u64, BTreeSet<_>)| !open.is_empty();
            let first = reader.read.iter().position(|record| is_open(&record));
            let watermark = match first {
                Some(first) => Some(reader.read[first].0),
                None => reader.read.last().map(|(offset, _, _)| offset + 1),
            };
            assert_eq!(report.watermark, watermark, "the watermark is the lowest offset that is not final");
            let window = first.map_or(0, |first| reader.read.len() - first) as u64;
            assert_eq!(report.records, window, "records from the watermark to the newest");
            assert!(window <= u64::from(WINDOW), "the window is passed");
            let bytes: u64 = reader.read.iter().filter(is_open).map(|(_, bytes, _)| bytes).sum();
            assert_eq!(report.bytes, bytes, "bytes of what is not final");
            held += bytes;
            if reader.read.iter().filter(is_open).count() > 1 {
                shared += bytes;
            }
        }
        assert_eq!(self.buffer.held(), held);
        assert!(shared <= BUFFER, "the buffer is passed: {shared}");
    }

    /// Without further faults everything ends, and is committed.
    fn finish(&mut self) {
        for _ in 0..2_000 {
            (0..PARTITIONS).for_each(|partition| self.step(Step::Assign(partition)));
            (0..PARTITIONS).for_each(|partition| self.step(Step::Read(partition)));
            (0..3).for_each(|handler| self.step(Step::Resume(handler)));
            if !self.running.is_empty() {
                self.step(Step::End { pick: 0, endings: vec![(Ending::Ack, false)], fault: false, ran: usize::MAX });
            }
            if !self.unsettled.is_empty() {
                self.step(Step::Settle { pick: 0, refuse: false });
            }
            self.step(Step::Pass(500));
            let ends = self.log.iter().map(|log| log.iter().rfind(|stored| !stored.deleted).map(|s| s.offset + 1));
            if ends.zip(self.committed).all(|(end, committed)| end.is_none_or(|end| end <= committed)) {
                return;
            }
        }
        panic!("something never ends: {:?} are committed, {:?} run", self.committed, self.running);
    }
}

fn live(steps: Vec<Step>) {
    let mut world = World::new();
    (0..PARTITIONS).for_each(|partition| world.step(Step::Assign(partition)));
    for step in steps {
        world.step(step);
    }
    world.finish();
}

/// How many lives the model leads: `MODEL_CASES`, where more are wanted.
fn cases() -> u32 {
    std::env::var("MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3000)
}

proptest! {
    #![proptest_config(Config { cases: cases(), failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() })]

    #[test]
    fn keeps_every_promise(steps in steps()) {
        live(steps);
    }
}

#[test]
fn every_planted_bug_is_found() {
    for mutant in Mutant::ALL {
        let config = Config { cases: 20_000, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut runner = TestRunner::new_with_rng(config, random);
        let found = mutants::with(mutant, || {
            runner.run(&steps(), |steps| {
                live(steps);
                Ok(())
            })
        });
        assert!(found.is_err(), "nothing was noticed of {mutant:?}");
    }
}
