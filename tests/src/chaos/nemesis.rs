//! Carries out the schedule of faults, and heals each before the next of its lane.
//!
//! Three lanes run side by side: faults of the two hosts that are meant to stay, a third host that joins and leaves, and
//! faults of a broker or of the way to it. One broker is harmed at a time, and the next only when all replicas are in
//! sync again: so a majority always lives, and what is acknowledged stays.

mod schedule;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::member::Member;
use super::stop::Stop;
use super::verdict::Tally;
use crate::kafka::Cluster;
use crate::proxy::Mode;
use crate::topic::Topic;
use schedule::{BrokerFault, HostFault, brokers, hosts, membership};

/// For a broker that was away to catch up, on a machine with two busy cores.
const SYNC: Duration = Duration::from_secs(120);
/// Partitions that a growth adds.
const GROWTH: i32 = 2;

/// What can be harmed.
#[derive(Clone)]
pub(super) struct Victims {
    pub(super) cluster: Arc<Mutex<Cluster>>,
    /// The last one is the one that joins and leaves.
    pub(super) members: Arc<Vec<Mutex<Member>>>,
    pub(super) topic: Topic,
    pub(super) tally: Arc<Mutex<Tally>>,
    pub(super) stop: Arc<Stop>,
}

/// Three threads that do harm.
pub(super) struct Nemesis {
    lanes: Vec<JoinHandle<Result<(), String>>>,
}

impl Nemesis {
    /// Harms until it is stopped. The topic grows when each of these times has passed.
    pub(super) fn start(victims: &Victims, seed: u64, growths: Vec<Duration>) -> Nemesis {
        let lane = |name: &str, run: Box<dyn FnOnce(Victims) -> Result<(), String> + Send>| {
            let victims = victims.clone();
            let thread = std::thread::Builder::new().name(name.into());
            thread.spawn(move || run(victims)).expect("a thread can be started")
        };
        let lanes = vec![
            lane("nemesis-hosts", Box::new(move |victims| victims.harm_hosts(seed))),
            lane("nemesis-membership", Box::new(move |victims| victims.join_and_leave(seed))),
            lane("nemesis-brokers", Box::new(move |victims| victims.harm_brokers(seed, growths))),
        ];
        Nemesis { lanes }
    }

    /// Waits until everything is healed, after the stop was set.
    pub(super) fn end(self) -> Result<(), String> {
        for lane in self.lanes {
            lane.join().map_err(|_| "the nemesis has panicked")??;
        }
        Ok(())
    }

    /// Whether a lane has ended before its time.
    pub(super) fn has_ended(&self) -> bool {
        self.lanes.iter().any(JoinHandle::is_finished)
    }
}

impl Victims {
    fn harm_hosts(&self, seed: u64) -> Result<(), String> {
        let staying = self.members.len() - 1;
        for step in hosts(seed, staying) {
            if self.stop.wait(step.before) {
                return Ok(());
            }
            // Held meanwhile: nobody else may touch a host that is being harmed.
            let mut member = self.member(step.victim);
            match step.fault {
                HostFault::Kill => {
                    member.kill();
                    self.count(|tally| tally.host_kills += 1);
                    self.stop.wait(step.length);
                }
                HostFault::Pause => {
                    member.pause();
                    self.count(|tally| tally.host_pauses += 1);
                    self.stop.wait(step.length);
                    member.resume();
                }
            }
            member.revive();
        }
        Ok(())
    }

    fn join_and_leave(&self, seed: u64) -> Result<(), String> {
        let last = self.members.len() - 1;
        for step in membership(seed) {
            if self.stop.wait(step.stays) {
                return Ok(());
            }
            self.member(last).leave();
            self.count(|tally| tally.leaves += 1);
            self.stop.wait(step.away);
            self.member(last).revive();
            self.count(|tally| tally.joins += 1);
        }
        Ok(())
    }

    fn harm_brokers(&self, seed: u64, growths: Vec<Duration>) -> Result<(), String> {
        let start = Instant::now();
        let mut growths = growths.into_iter().peekable();
        for step in brokers(seed) {
            if self.stop.wait(step.before) {
                return Ok(());
            }
            if growths.next_if(|at| start.elapsed() >= *at).is_some() {
                let partitions = self.topic.partitions().ok_or("the source topic is gone")?;
                self.topic.grow(partitions + GROWTH);
                self.count(|tally| tally.growths += 1);
            }
            self.harm_broker(&step)?;
        }
        Ok(())
    }

    fn harm_broker(&self, step: &schedule::Step<BrokerFault>) -> Result<(), String> {
        let mut cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
        let victim = step.victim;
        let network = |mode| {
            cluster.proxy(victim).set(mode);
            self.stop.wait(step.length);
            cluster.proxy(victim).set(Mode::Pass);
        };
        match step.fault {
            BrokerFault::Kill => {
                cluster.kill(victim);
                self.count(|tally| tally.broker_kills += 1);
                self.stop.wait(step.length);
                cluster.start_again(victim).map_err(|error| format!("{error:#}"))?;
            }
            BrokerFault::Pause => {
                cluster.pause(victim);
                self.count(|tally| tally.broker_pauses += 1);
                self.stop.wait(step.length);
                cluster.resume(victim);
            }
            BrokerFault::Delay(time) => {
                self.count(|tally| tally.delays += 1);
                network(Mode::Delay(time));
            }
            BrokerFault::Blackhole => {
                self.count(|tally| tally.blackholes += 1);
                network(Mode::Blackhole);
            }
            BrokerFault::Cut => {
                self.count(|tally| tally.cuts += 1);
                network(Mode::Cut);
            }
        }
        if let Some(error) = cluster.failure() {
            return Err(format!("{error:#}"));
        }
        cluster.wait_in_sync(SYNC)
    }

    fn member(&self, index: usize) -> MutexGuard<'_, Member> {
        self.members[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
