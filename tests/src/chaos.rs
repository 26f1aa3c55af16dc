//! Hosts, brokers and the network between them fail again and again, while events flow; then everything is compared.
//!
//! [`run`] starts three brokers, each behind a proxy, and three hosts that know only the proxies; writes unique events with
//! mixed plans (`plan`); harms what it can (`nemesis`); heals all, waits until every acknowledged event is final and
//! committed; and lets the `checker` judge what stands in Kafka. What is checked, and what the verdict's words mean,
//! stands in `docs/chaos.md`.

mod checker;
mod follower;
mod journal;
mod load;
mod member;
mod nemesis;
mod plan;
mod rebalances;
mod stop;
mod verdict;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use tempfile::TempDir;

pub use checker::Findings;
pub use verdict::{Tally, Verdict};

use crate::kafka::Cluster;
use crate::topic::Topic;
use crate::{eventually, names};
use checker::Checker;
use follower::{Follower, Groups, Sampler, Topics};
use journal::Journal;
use load::Load;
use member::{Common, Member};
use nemesis::{Nemesis, Victims};
use plan::Group;
use stop::Stop;

/// Of the source topic, at first.
const PARTITIONS: i32 = 6;
/// Of results and dead letters: a leader on each broker.
const SPREAD: i32 = 3;
/// Two that are meant to stay, and one that comes and goes.
const HOSTS: usize = 3;
/// For three hosts to handle something.
const BEGIN: Duration = Duration::from_secs(90);
/// Until all is final and committed, after everything was healed.
const QUIET: Duration = Duration::from_secs(180);
/// For results to be read that stood in Kafka before the last commit.
const STRAGGLERS: Duration = Duration::from_secs(20);
/// Between two looks at who still runs.
const LOOK: Duration = Duration::from_millis(500);

/// What may be chosen for a run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long there are faults; up to three times as long, until each has been done once.
    pub time: Duration,
    /// Of events and faults.
    pub seed: u64,
    /// Events per second.
    pub rate: u32,
    /// Properties of librdkafka for the hosts, beside those of every run.
    pub properties: Vec<(String, String)>,
    /// Says now and then how it goes; never, if there is no time.
    pub progress: Option<Duration>,
    /// Set from outside: the faults end early, and all is judged as usual.
    pub enough: Arc<AtomicBool>,
}

/// How it ended, and where the evidence is if that was bad.
#[derive(Debug)]
pub struct Outcome {
    /// What was found.
    pub verdict: Verdict,
    /// The folder with logs and findings, kept if the verdict is not clean.
    pub evidence: Option<PathBuf>,
}

/// Runs once, from the first broker to the verdict.
///
/// # Errors
/// When it cannot be run, such as without Kafka's files, or when the harness itself fails: nothing is proved then.
pub fn run(settings: &Settings) -> Result<Outcome> {
    let run = Run::prepare(settings)?;
    let outcome = run.to_the_end(settings);
    if outcome.is_err() {
        run.keep();
    }
    outcome
}

/// Everything that lives as long as a run.
struct Run {
    // First: hosts and brokers are gone before their logs' folder.
    members: Arc<Vec<Mutex<Member>>>,
    cluster: Arc<Mutex<Cluster>>,
    topics: Topics,
    groups: Groups,
    checker: Arc<Mutex<Checker>>,
    tally: Arc<Mutex<Tally>>,
    folder: Mutex<TempDir>,
    broker_logs: Vec<PathBuf>,
}

impl Run {
    fn prepare(settings: &Settings) -> Result<Run> {
        let folder = tempfile::Builder::new().prefix("sandbus-chaos-").tempdir().context("make a folder")?;
        let cluster = Cluster::start(settings.time < Duration::from_secs(300))?;
        let direct = cluster.connection();
        let source = Topic::create(&direct, PARTITIONS);
        let results = Topic::create_named(&direct, &names::unique("results"), SPREAD);
        let dead_letters = Topic::create_named(&direct, source.dead_letters().name(), SPREAD);
        let groups = Groups { shared: names::unique("chaos") };
        let common = Common {
            brokers: cluster.proxied(),
            topic: source.name().to_owned(),
            results: results.name().to_owned(),
            group: groups.shared.clone(),
            properties: settings.properties.clone(),
        };
        let member = |number| Mutex::new(Member::new(&format!("host-{number}"), &common, folder.path()));
        Ok(Run {
            members: Arc::new((1..=HOSTS).map(member).collect()),
            broker_logs: cluster.log_files(),
            cluster: Arc::new(Mutex::new(cluster)),
            topics: Topics { source, results, dead_letters },
            groups,
            checker: Arc::default(),
            tally: Arc::default(),
            folder: Mutex::new(folder),
        })
    }

    fn to_the_end(&self, settings: &Settings) -> Result<Outcome> {
        let direct = lock(&self.cluster).connection();
        let (load_ends, follower_ends) = (Arc::new(Stop::default()), Arc::new(Stop::default()));
        let journal = Journal::create(lock(&self.folder).path()).context("begin a journal")?;
        let follower = Follower::start(&direct, &self.topics, &self.groups, &self.checker, journal, &follower_ends);
        let source = self.topics.source.name();
        let load = Load::start(&direct, source, settings.rate, settings.seed, &self.checker, &load_ends);
        for member in self.members.iter() {
            lock(member).start();
        }
        self.wait_begun()?;

        let time = self.harm(settings, &follower)?;
        load_ends.set();
        load.end().map_err(|message| anyhow!(message))?;
        let sampler = Sampler::new(&direct, &self.topics, &self.groups);
        let mut misdeeds: Vec<String> = self.wait_quiet(&sampler).err().into_iter().collect();
        for member in self.members.iter() {
            let mut member = lock(member);
            // All is committed: what could be abandoned?
            let ended = member.leave();
            if misdeeds.is_empty() && ended.is_some_and(|status| !status.success()) {
                let incarnation = member.incarnation();
                misdeeds.push(format!("a quiet host, incarnation {incarnation}, ended with {ended:?}"));
            }
        }
        follower_ends.set();
        follower.end().map_err(|message| anyhow!(message))?;
        misdeeds.extend(self.members.iter().flat_map(|member| lock(member).misdeeds().to_vec()));
        let verdict = self.judge(settings.seed, time, misdeeds);
        let evidence = if verdict.is_clean() { None } else { Some(self.keep_with(&verdict)?) };
        Ok(Outcome { verdict, evidence })
    }

    /// Waits until the hosts handle events, so that there is something to harm.
    fn wait_begun(&self) -> Result<()> {
        let begun = eventually::poll("the first events to be handled", BEGIN, || {
            let checker = lock(&self.checker);
            let (acknowledged, unfinished) = (checker.acknowledged(), checker.unfinished().count() as u64);
            if acknowledged > 100 && unfinished < acknowledged {
                return Ok(());
            }
            Err(format!("{acknowledged} events acknowledged, {unfinished} ends missing"))
        });
        begun.map_err(|message| anyhow!(message))
    }

    /// Faults for as long as is wished; says how long that was.
    fn harm(&self, settings: &Settings, follower: &Follower) -> Result<Duration> {
        let stop = Arc::new(Stop::default());
        let victims = Victims {
            cluster: Arc::clone(&self.cluster),
            members: Arc::clone(&self.members),
            topic: self.topics.source.clone(),
            tally: Arc::clone(&self.tally),
            stop: Arc::clone(&stop),
        };
        let growths = vec![settings.time / 4, settings.time / 2];
        let nemesis = Nemesis::start(&victims, settings.seed, growths);
        let start = Instant::now();
        let mut told = start;
        let over = || {
            let left = settings.time.saturating_sub(start.elapsed());
            // A slow machine gets through its faults slowly.
            let all_done = lock(&self.tally).has_everything() || start.elapsed() > settings.time * 3;
            settings.enough.load(Ordering::Relaxed) || (left.is_zero() && all_done)
        };
        while !over() {
            stop.wait(LOOK);
            if follower.has_ended() || nemesis.has_ended() {
                break;
            }
            if settings.progress.is_some_and(|every| told.elapsed() >= every) {
                told = Instant::now();
                self.tell(start.elapsed());
            }
        }
        stop.set();
        nemesis.end().map_err(|message| anyhow!(message))?;
        for member in self.members.iter() {
            lock(member).revive();
        }
        if follower.has_ended() {
            bail!("the reader of results has panicked");
        }
        Ok(start.elapsed())
    }

    fn tell(&self, time: Duration) {
        let checker = lock(&self.checker);
        let (acknowledged, faults) = (checker.acknowledged(), checker.faults());
        let waiting = checker.unfinished().count();
        drop(checker);
        let Tally { host_kills, host_pauses, broker_kills, broker_pauses, leaves, .. } = *lock(&self.tally);
        eprintln!(
            "{:>6} s: {acknowledged} events, {waiting} ends to come, {faults} faults found; {host_kills} + {host_pauses} \
             host, {broker_kills} + {broker_pauses} broker kills and pauses, {leaves} leaves",
            time.as_secs()
        );
    }

    /// Until every acknowledged event is final and committed; not for long after it is committed and not final.
    fn wait_quiet(&self, sampler: &Sampler) -> Result<(), String> {
        let mut committed: Option<Instant> = None;
        let what = "all events to be final and committed";
        let looked = eventually::poll(what, QUIET, || {
            let mut unfinished = lock(&self.checker).unfinished().collect::<Vec<_>>();
            let behind = sampler.all_committed();
            if unfinished.is_empty() {
                return behind.map(Ok);
            }
            let count = unfinished.len();
            unfinished.truncate(5);
            let message = format!("{count} ends are missing, such as of {unfinished:?}; committed: {behind:?}");
            if behind.is_err() {
                committed = None;
            } else if committed.get_or_insert_with(Instant::now).elapsed() > STRAGGLERS {
                return Ok(Err(format!("everything is committed, and yet {message}")));
            }
            Err(message)
        });
        looked?
    }

    fn judge(&self, seed: u64, time: Duration, misdeeds: Vec<String>) -> Verdict {
        let groups = Group::ALL.map(|group| self.groups.name(group));
        let logs = self.broker_logs.iter().map(PathBuf::as_path);
        let tally = Tally { rebalances: rebalances::count(logs, &groups), ..*lock(&self.tally) };
        let findings = std::mem::take(&mut *lock(&self.checker)).finish();
        Verdict { time, seed, findings, tally, misdeeds }
    }

    /// Writes the findings beside the hosts' logs, with the brokers' logs.
    fn keep_with(&self, verdict: &Verdict) -> Result<PathBuf> {
        let mut text = format!("{verdict}\n\n");
        for line in verdict.misdeeds.iter().chain(&verdict.findings.texts) {
            writeln!(text, "{line}").expect("a string takes all");
        }
        let folder = self.keep();
        fs::write(folder.join("findings.txt"), text).context("write the findings")?;
        Ok(folder)
    }

    fn keep(&self) -> PathBuf {
        let mut folder = lock(&self.folder);
        folder.disable_cleanup(true);
        for (index, log) in self.broker_logs.iter().enumerate() {
            // Evidence is kept as far as it goes.
            let _ = fs::copy(log, folder.path().join(format!("broker-{}.log", index + 1)));
        }
        Path::to_owned(folder.path())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
