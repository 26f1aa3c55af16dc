//! Which faults come when: endless, and the same for the same seed.
//!
//! Each lane deals its faults from a shuffled deck, so that each kind comes before any comes a third time.

use std::time::Duration;

use crate::kafka::Cluster;

/// One fault of one victim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step<F> {
    /// Quiet time before it.
    pub(super) before: Duration,
    pub(super) fault: F,
    /// The number of the host or broker.
    pub(super) victim: usize,
    /// How long it lasts.
    pub(super) length: Duration,
}

/// What may happen to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostFault {
    /// `SIGKILL`, and a new process.
    Kill,
    /// `SIGSTOP`, for less or for more than a session.
    Pause,
}

/// What may happen to a broker, or on the way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BrokerFault {
    /// `SIGKILL`, and a new process on the same data.
    Kill,
    /// `SIGSTOP`.
    Pause,
    /// Everything that passes takes longer.
    Delay(Duration),
    /// Nothing passes, and nothing is said.
    Blackhole,
    /// Connections are closed and refused.
    Cut,
}

/// The third host's coming and going.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visit {
    pub(super) stays: Duration,
    pub(super) away: Duration,
}

/// Faults of `count` hosts.
pub(super) fn hosts(seed: u64, count: usize) -> impl Iterator<Item = Step<HostFault>> {
    // A session is 6 s, and a pause of one kind is surely longer.
    let deck = [
        (HostFault::Kill, 0..2000),
        (HostFault::Pause, 500..4000),
        (HostFault::Kill, 0..2000),
        (HostFault::Pause, 8000..12_000),
    ];
    deal(lane(seed, 1), deck, 1000..4000, count)
}

/// Faults of brokers.
pub(super) fn brokers(seed: u64) -> impl Iterator<Item = Step<BrokerFault>> {
    let mut random = lane(seed, 2);
    let deck = [
        (BrokerFault::Kill, 500..5000),
        (BrokerFault::Pause, 500..7000),
        (BrokerFault::Delay(Duration::ZERO), 2000..6000),
        (BrokerFault::Blackhole, 500..8000),
        (BrokerFault::Cut, 500..5000),
    ];
    deal(random.fork(), deck, 1000..3000, Cluster::SIZE).map(move |step| match step.fault {
        BrokerFault::Delay(_) => Step { fault: BrokerFault::Delay(milliseconds(&mut random, 20..300)), ..step },
        _ => step,
    })
}

/// The third host is there at first.
pub(super) fn membership(seed: u64) -> impl Iterator<Item = Visit> {
    let mut random = lane(seed, 3);
    std::iter::repeat_with(move || Visit {
        stays: milliseconds(&mut random, 3000..9000),
        away: milliseconds(&mut random, 500..4000),
    })
}

type Milliseconds = std::ops::Range<u64>;

fn deal<F: Copy, const N: usize>(
    mut random: fastrand::Rng,
    mut deck: [(F, Milliseconds); N],
    before: Milliseconds,
    victims: usize,
) -> impl Iterator<Item = Step<F>> {
    let mut next = N;
    std::iter::repeat_with(move || {
        if next == N {
            random.shuffle(&mut deck);
            next = 0;
        }
        let (fault, length) = deck[next].clone();
        next += 1;
        Step {
            before: milliseconds(&mut random, before.clone()),
            fault,
            victim: random.usize(..victims),
            length: milliseconds(&mut random, length),
        }
    })
}

fn lane(seed: u64, number: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed.wrapping_mul(1000).wrapping_add(number))
}

fn milliseconds(random: &mut fastrand::Rng, range: Milliseconds) -> Duration {
    Duration::from_millis(random.u64(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_it_all() {
        let some = |seed| (hosts(seed, 2).take(50).collect::<Vec<_>>(), brokers(seed).take(50).collect::<Vec<_>>());
        let visits = |seed| membership(seed).take(50).collect::<Vec<_>>();
        assert_eq!(some(7), some(7));
        assert_eq!(visits(7), visits(7));
        assert_ne!(some(7), some(8));
        assert_ne!(visits(7), visits(8));
    }

    #[test]
    fn each_kind_comes_in_every_deal() {
        for seed in 0..20 {
            let steps: Vec<_> = brokers(seed).take(5).collect();
            let kinds: std::collections::HashSet<_> = steps.iter().map(|s| std::mem::discriminant(&s.fault)).collect();
            assert_eq!(kinds.len(), 5, "{steps:?}");
            let steps: Vec<_> = hosts(seed, 2).take(4).collect();
            assert_eq!(steps.iter().filter(|step| step.fault == HostFault::Kill).count(), 2, "{steps:?}");
            assert!(steps.iter().any(|step| step.length >= Duration::from_secs(8)), "{steps:?}");
        }
    }

    #[test]
    fn every_broker_is_harmed() {
        let victims: std::collections::HashSet<_> = brokers(1).take(50).map(|step| step.victim).collect();
        assert_eq!(victims.len(), Cluster::SIZE);
    }
}
