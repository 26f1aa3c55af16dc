//! A model drives a partition through random interleavings and checks every promise after each step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::super::verdict::{ErrorKind, FaultKind};
use super::*;

const MAX_RETRIES: u32 = 2;

fn policies(handlers: usize, dead_letters: bool) -> Arc<[Policy]> {
    let retry = RetryPolicy {
        max_retries: MAX_RETRIES,
        base_delay: Duration::from_millis(10),
        max_delay: Duration::from_millis(100),
        jitter: 0.1,
    };
    vec![Policy { retry, dead_letters }; handlers].into()
}

fn error() -> Ending {
    Ending::Error { kind: ErrorKind::from_guest("boom"), message: "no".into() }
}

/// A record of the model: its gap to the one before, and the lane in which each handler wants it.
#[derive(Clone, Debug)]
struct Arrival {
    gap: i64,
    wants: Vec<(HandlerIndex, Lane)>,
}

#[derive(Clone, Debug)]
enum Step {
    Receive(Arrival),
    ReceiveUndecodable,
    /// End one of the running tries.
    End {
        pick: usize,
        ending: Ending,
        publishes: bool,
    },
    /// Acknowledge one of what waits for the broker, or refuse it where it can be.
    Settle {
        pick: usize,
        refuse: bool,
    },
    Pass(u64),
}

/// What the model knows of one delivery.
#[derive(Clone, Debug, Default)]
struct Known {
    attempts: u32,
    over: bool,
    is_final: bool,
}

struct World {
    partition: Partition<i64>,
    now: Instant,
    next_offset: i64,
    sequences: Vec<i64>,
    known: BTreeMap<DeliveryId, (Lane, Known)>,
    running: Vec<(DeliveryId, u32)>,
    /// Deliveries that wait for the broker, and whether it may still refuse.
    unsettled: Vec<(DeliveryId, bool)>,
}

impl World {
    fn new(handlers: usize, dead_letters: bool) -> Self {
        Self {
            partition: Partition::new(policies(handlers, dead_letters)),
            now: Instant::now(),
            next_offset: 5,
            sequences: Vec::new(),
            known: BTreeMap::new(),
            running: Vec::new(),
            unsettled: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        let mut out = Vec::new();
        match step {
            Step::Receive(arrival) => {
                self.next_offset += arrival.gap;
                let offset = self.next_offset;
                let sequence = self.sequences.len() as u64;
                self.sequences.push(offset);
                for (handler, lane) in &arrival.wants {
                    let id = DeliveryId { sequence, handler: Some(*handler) };
                    self.known.insert(id, (*lane, Known::default()));
                }
                self.partition.receive(offset, 10, offset, arrival.wants, &mut out);
                self.next_offset += 1;
            }
            Step::ReceiveUndecodable => {
                let id = DeliveryId { sequence: self.sequences.len() as u64, handler: None };
                self.sequences.push(self.next_offset);
                self.known.insert(id, (0, Known { over: true, ..Known::default() }));
                self.partition.receive_undecodable(self.next_offset, 10, self.next_offset, "?", true, &mut out);
                self.next_offset += 1;
            }
            Step::End { pick, ending, publishes } if !self.running.is_empty() => {
                let (id, attempt) = self.running.swap_remove(pick % self.running.len());
                let succeeded = ending.error_type().is_none();
                let publishes = publishes && ending == Ending::Ack;
                let gives_up = matches!(ending, Ending::DeadLetter(_)) || attempt > MAX_RETRIES;
                let known = &mut self.known.get_mut(&id).unwrap().1;
                known.over = succeeded || gives_up;
                known.is_final = succeeded && !publishes;
                if publishes {
                    self.unsettled.push((id, true));
                }
                self.partition.ended(id, &ending, publishes, self.now, 0.5, &mut out);
            }
            Step::Settle { pick, refuse } if !self.unsettled.is_empty() => {
                let (id, refusable) = self.unsettled.swap_remove(pick % self.unsettled.len());
                if refuse && refusable {
                    self.partition.refused(id, 1, "too large", &mut out);
                } else {
                    self.known.get_mut(&id).unwrap().1.is_final = true;
                    self.partition.settled(id);
                }
            }
            Step::Pass(ms) => {
                self.now += Duration::from_millis(ms);
                self.partition.due(self.now, &mut out);
            }
            Step::End { .. } | Step::Settle { .. } => {}
        }
        for command in out {
            self.obey(command);
        }
        self.check();
    }

    fn obey(&mut self, command: Command<i64>) {
        match command {
            Command::Run { id, attempt, lane, event } => {
                assert_eq!(event, self.sequences[id.sequence as usize], "the right event");
                let (own_lane, known) = &mut self.known.get_mut(&id).unwrap();
                known.attempts += 1;
                assert_eq!((*own_lane, known.attempts), (lane, attempt), "the right lane and attempt");
                assert!(attempt <= MAX_RETRIES + 1, "a try beyond the retries");
                assert!(!known.over, "a try after the delivery's end");
                for (earlier, (other_lane, known)) in self.known.range(..id) {
                    assert!(
                        earlier.handler != id.handler || *other_lane != lane || known.over,
                        "{id:?} overtook {earlier:?}"
                    );
                }
                self.running.push((id, attempt));
            }
            Command::DeadLetter { id, .. } => self.unsettled.push((id, false)),
            Command::Dropped { id, .. } => self.known.get_mut(&id).unwrap().1.is_final = true,
        }
    }

    fn check(&self) {
        let unfinished: BTreeSet<u64> =
            self.known.iter().filter(|(_, (_, known))| !known.is_final).map(|(id, _)| id.sequence).collect();
        let lowest = unfinished.first().map(|sequence| self.sequences[*sequence as usize]);
        let end = self.sequences.last().map(|offset| offset + 1);
        assert_eq!(self.partition.watermark(), lowest.or(end), "the watermark is the lowest unfinished offset");
        assert_eq!(self.partition.running(), self.running.len());
        assert_eq!(self.partition.bytes(), unfinished.len() * 10, "bytes of what is not final");
        let open = self.known.values().filter(|(_, known)| !known.is_final).count();
        assert_eq!(self.partition.unfinished(), open);
    }

    /// Without further faults everything becomes final.
    fn finish(&mut self) {
        for _ in 0..10_000 {
            if !self.running.is_empty() {
                self.step(Step::End { pick: 0, ending: Ending::Ack, publishes: false });
            } else if !self.unsettled.is_empty() {
                self.step(Step::Settle { pick: 0, refuse: false });
            } else if self.partition.next_due().is_some() {
                self.step(Step::Pass(1000));
            } else {
                break;
            }
        }
        assert_eq!(self.partition.unfinished(), 0, "everything finishes");
        assert_eq!((self.partition.records(), self.partition.bytes()), (0, 0));
        assert!(self.partition.queues.is_empty() && self.partition.lanes.is_empty(), "nothing is left behind");
    }
}

fn step() -> impl Strategy<Value = Step> {
    let arrival = (0i64..4, prop::collection::btree_map(0u16..3, 0u64..4, 0..3))
        .prop_map(|(gap, wants)| Arrival { gap, wants: wants.into_iter().collect() });
    let ending = prop_oneof![
        4 => Just(Ending::Ack),
        1 => Just(Ending::Skip),
        2 => Just(error()),
        1 => Just(Ending::Retry(None)),
        1 => (0u64..500).prop_map(|ms| Ending::Retry(Some(Duration::from_millis(ms)))),
        1 => Just(Ending::DeadLetter("no".into())),
        1 => Just(Ending::Fault { kind: FaultKind::Trap, message: String::new() }),
    ];
    prop_oneof![
        4 => arrival.prop_map(Step::Receive),
        1 => Just(Step::ReceiveUndecodable),
        6 => (any::<usize>(), ending, any::<bool>())
            .prop_map(|(pick, ending, publishes)| Step::End { pick, ending, publishes }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(pick, refuse)| Step::Settle { pick, refuse }),
        2 => (0u64..200).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn keeps_every_promise(steps in prop::collection::vec(step(), 1..120), dead_letters: bool) {
        let mut world = World::new(3, dead_letters);
        for step in steps {
            world.step(step);
        }
        world.finish();
    }
}

fn runs(out: &mut Vec<Command<i64>>) -> Vec<(i64, u32)> {
    let runs = out.iter().filter_map(|command| match command {
        Command::Run { event, attempt, .. } => Some((*event, *attempt)),
        _ => None,
    });
    let runs = runs.collect();
    out.clear();
    runs
}

#[test]
fn a_waiting_lane_holds_up_no_other_lane_and_no_other_handler() {
    let (mut partition, mut out, now) = (Partition::new(policies(2, true)), Vec::new(), Instant::now());
    partition.receive(0, 1, 0, [(0, 7), (1, 7)], &mut out);
    assert_eq!(runs(&mut out), [(0, 1), (0, 1)]);
    let first = DeliveryId { sequence: 0, handler: Some(0) };
    partition.ended(first, &error(), false, now, 0.5, &mut out);
    partition.ended(DeliveryId { handler: Some(1), ..first }, &Ending::Ack, false, now, 0.5, &mut out);
    partition.receive(1, 1, 1, [(0, 7), (1, 7)], &mut out);
    assert_eq!(runs(&mut out), [(1, 1)], "only the other handler goes on in that lane");
    partition.receive(2, 1, 2, [(0, 8)], &mut out);
    assert_eq!(runs(&mut out), [(2, 1)], "another lane goes on");
    assert_eq!(partition.watermark(), Some(0));
    partition.due(now + Duration::from_millis(10), &mut out);
    assert_eq!(runs(&mut out), [(0, 2)]);
    partition.ended(first, &Ending::Skip, false, now, 0.5, &mut out);
    assert_eq!(runs(&mut out), [(1, 1)], "then the next of the lane, at its own first attempt");
    assert_eq!(partition.watermark(), Some(1));
}

#[test]
fn a_stopped_partition_starts_nothing() {
    let (mut partition, mut out, now) = (Partition::new(policies(1, true)), Vec::new(), Instant::now());
    partition.receive(0, 1, 0, [(0, 1)], &mut out);
    partition.receive(1, 1, 1, [(0, 1)], &mut out);
    out.clear();
    partition.stop();
    partition.ended(DeliveryId { sequence: 0, handler: Some(0) }, &Ending::Ack, false, now, 0.5, &mut out);
    assert_eq!(out, []);
    assert_eq!((partition.watermark(), partition.running(), partition.unfinished()), (Some(1), 0, 1));
}

#[test]
fn a_reset_position_gives_up_what_was_held_and_ignores_its_late_endings() {
    let (mut partition, mut out, now) = (Partition::new(policies(1, true)), Vec::new(), Instant::now());
    partition.receive(100, 1, 100, [(0, 1)], &mut out);
    partition.receive(3, 1, 3, [(0, 1)], &mut out);
    assert_eq!(runs(&mut out), [(100, 1), (3, 1)]);
    partition.ended(DeliveryId { sequence: 0, handler: Some(0) }, &Ending::Ack, false, now, 0.5, &mut out);
    assert_eq!(partition.watermark(), Some(3), "the late ending moves nothing");
    partition.ended(DeliveryId { sequence: 1, handler: Some(0) }, &Ending::Ack, false, now, 0.5, &mut out);
    assert_eq!((partition.watermark(), partition.running()), (Some(4), 0));
}
