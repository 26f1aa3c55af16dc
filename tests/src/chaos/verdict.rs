//! The one line that says how a run ended.

use std::fmt;
use std::time::Duration;

use super::checker::Findings;

/// How often each thing was done to the hosts and brokers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// `SIGKILL` of a host.
    pub host_kills: u32,
    /// `SIGSTOP` of a host.
    pub host_pauses: u32,
    /// Starts of the host that comes and goes.
    pub joins: u32,
    /// `SIGTERM` of it.
    pub leaves: u32,
    /// `SIGKILL` of a broker.
    pub broker_kills: u32,
    /// `SIGSTOP` of a broker.
    pub broker_pauses: u32,
    /// Times in which a broker's proxy was slow.
    pub delays: u32,
    /// Times in which it swallowed everything.
    pub blackholes: u32,
    /// Times in which it was closed.
    pub cuts: u32,
    /// Times that the source topic got more partitions.
    pub growths: u32,
    /// Generations of the hosts' groups, as their coordinators tell.
    pub rebalances: u32,
}

impl Tally {
    /// Whether each fault was done at least once.
    #[must_use]
    pub fn has_everything(&self) -> bool {
        let hosts = [self.host_kills, self.host_pauses, self.joins, self.leaves];
        let brokers = [self.broker_kills, self.broker_pauses, self.growths];
        let network = [self.delays, self.blackholes, self.cuts];
        hosts.iter().chain(&brokers).chain(&network).all(|count| *count > 0)
    }
}

/// How a run ended. It prints itself as one line.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Time in which there were faults.
    pub time: Duration,
    /// Of events and faults.
    pub seed: u64,
    /// What was checked.
    pub findings: Findings,
    /// What was done.
    pub tally: Tally,
    /// What hosts did that they must not, such as to end by themselves, and what was not quiet at the end.
    pub misdeeds: Vec<String>,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_clean() && self.misdeeds.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Findings { acknowledged, lost, out_of_order, ahead, unexpected, dead_letters, duplicates, .. } =
            self.findings;
        let Tally {
            host_kills,
            host_pauses,
            joins,
            leaves,
            broker_kills,
            broker_pauses,
            delays,
            blackholes,
            cuts,
            growths,
            rebalances,
        } = self.tally;
        write!(f, "chaos: {}, seed {}: ", minutes(self.time), self.seed)?;
        write!(f, "{acknowledged} events acknowledged, {lost} lost, {out_of_order} out of order, ")?;
        write!(f, "{ahead} commits ahead, {unexpected} unexpected, {} misdeeds, ", self.misdeeds.len())?;
        write!(f, "{dead_letters} dead letters as expected, {duplicates} duplicates; ")?;
        write!(f, "{host_kills} host kills, {host_pauses} host pauses, {joins} joins, {leaves} leaves, ")?;
        write!(f, "{broker_kills} broker kills, {broker_pauses} broker pauses, ")?;
        write!(f, "{delays} delays, {blackholes} black holes, {cuts} cuts, {growths} growths, {rebalances} rebalances")
    }
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict() -> Verdict {
        let findings = Findings { acknowledged: 512_345, dead_letters: 1234, duplicates: 4321, ..Findings::default() };
        let tally = Tally { host_kills: 180, host_pauses: 90, broker_kills: 60, rebalances: 1500, ..Tally::default() };
        Verdict { time: Duration::from_secs(3600), seed: 7, findings, tally, misdeeds: Vec::new() }
    }

    #[test]
    fn is_one_line() {
        let line = "chaos: 60 min, seed 7: 512345 events acknowledged, 0 lost, 0 out of order, 0 commits ahead, \
                    0 unexpected, 0 misdeeds, 1234 dead letters as expected, 4321 duplicates; 180 host kills, \
                    90 host pauses, 0 joins, 0 leaves, 60 broker kills, 0 broker pauses, 0 delays, 0 black holes, \
                    0 cuts, 0 growths, 1500 rebalances";
        assert_eq!(verdict().to_string(), line);
        assert!(verdict().is_clean());
    }

    #[test]
    fn a_misdeed_is_not_clean() {
        let verdict = Verdict { misdeeds: vec!["host-1 ended by itself".to_owned()], ..verdict() };
        assert!(!verdict.is_clean());
    }
}
