//! What may happen to a host, and how often.

use super::*;

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) gap: u8,
    pub(super) bytes: u64,
    pub(super) key: Lane,
    pub(super) wanted: [bool; 3],
    pub(super) decodable: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Produce(usize, Record),
    Read(usize),
    /// One of the running batches ends, each of its tries in one of these; or all of it in a fault.
    End {
        pick: usize,
        endings: Vec<(Ending, bool)>,
        fault: bool,
        /// So many tries have run, and the rest was left.
        ran: usize,
    },
    /// The broker acknowledges one of what waits for it, or refuses it where it can be.
    Settle {
        pick: usize,
        refuse: bool,
    },
    Pass(u64),
    Assign(usize),
    Revoke {
        partitions: [bool; PARTITIONS],
        lost: bool,
    },
    /// The position of a partition jumps: back to what was read before, or forward over what was deleted.
    Reset {
        partition: usize,
        to: usize,
    },
    /// Another generation, which may be taken back.
    Deploy {
        handler: usize,
        on_trial: bool,
    },
    Pause(usize),
    Resume(usize),
    Crash,
    ShutDown,
}

fn step() -> impl Strategy<Value = Step> {
    let partition = || 0..PARTITIONS;
    let record = (0u8..3, prop_oneof![1u64..10, 1u64..150], 0u64..3, any::<[bool; 3]>(), prop::bool::weighted(0.9))
        .prop_map(|(gap, bytes, key, wanted, decodable)| Record { gap, bytes, key, wanted, decodable });
    let ending = prop_oneof![
        5 => Just(Ending::Ack),
        1 => Just(Ending::Skip),
        3 => Just(error()),
        1 => Just(Ending::Retry(None)),
        1 => (0u64..500).prop_map(|ms| Ending::Retry(Some(Duration::from_millis(ms)))),
        1 => Just(Ending::DeadLetter("no".into())),
        1 => Just(Ending::Fault { kind: FaultKind::Trap, message: String::new() }),
    ];
    let ran = prop_oneof![9 => Just(usize::MAX), 1 => 1..=MAX_BATCH];
    prop_oneof![
        60 => (partition(), record).prop_map(|(partition, record)| Step::Produce(partition, record)),
        60 => partition().prop_map(Step::Read),
        60 => (any::<usize>(), prop::collection::vec((ending, prop::bool::weighted(0.3)), 1..=MAX_BATCH), prop::bool::weighted(0.1), ran)
            .prop_map(|(pick, endings, fault, ran)| Step::End { pick, endings, fault, ran }),
        25 => (any::<usize>(), any::<bool>()).prop_map(|(pick, refuse)| Step::Settle { pick, refuse }),
        25 => prop_oneof![0u64..200, Just(1000), Just(11_000)].prop_map(Step::Pass),
        15 => partition().prop_map(Step::Assign),
        4 => (any::<[bool; PARTITIONS]>(), any::<bool>())
            .prop_map(|(partitions, lost)| Step::Revoke { partitions, lost }),
        4 => (partition(), any::<usize>()).prop_map(|(partition, to)| Step::Reset { partition, to }),
        4 => (0usize..3, any::<bool>()).prop_map(|(handler, on_trial)| Step::Deploy { handler, on_trial }),
        2 => (0usize..3).prop_map(Step::Pause),
        4 => (0usize..3).prop_map(Step::Resume),
        1 => Just(Step::Crash),
        1 => Just(Step::ShutDown),
    ]
}

/// A life of a host.
pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..250)
}
