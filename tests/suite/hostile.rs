//! Every component of the catalogue (`tests/src/hostile/catalogue.rs`) in one host, beside a good handler under load.
//!
//! Those that can be loaded come and go a dozen at a time, each in a group of its own; those that cannot are put into the
//! handlers' folder. One more does harm in the good handler's own group. In the end each has ended as the catalogue says,
//! the good handler has acknowledged each of its events once and in order, and the host holds what it held before.

mod document;
mod messages;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sandbus_tests::host::Metrics;
use sandbus_tests::hostile::{self, CASES, Case, Ends, Resources, Steady, TRIES, mixed};
use sandbus_tests::{Group, Host, StoredRecord, Topic, eventually, names};

use crate::delivery::stage::{Ack, Probe, Stage};

/// For one dozen, on a machine that has other work.
const WAVE_TIME: Duration = Duration::from_secs(120);
const SOON: Duration = Duration::from_secs(120);
/// Cases that are there at a time.
const WAVE: usize = 12;
/// Events for the good handler and its neighbour in a second.
const RATE: u32 = 100;
/// What the host may hold more of in the end than in the beginning. librdkafka's clients end behind those who drop them.
const MORE_FILES: usize = 8;
const MORE_THREADS: usize = 4;
/// Of this, 200 MiB are wasmtime's: it keeps up to 100 places of instances warm that nobody uses, with 2 MiB each.
const MORE_MEMORY: u64 = 400 << 20;
/// What it may hold at once: the memories of a dozen guests, and what they had compiled.
const PEAK_MEMORY: u64 = 1 << 30;

/// Of the host's own log, in bytes. Guests' lines are bounded by `limits.log_bytes`.
const LONGEST_LINE: usize = 4 << 10;

const ERRORS: &str = "kafka_eventbus_handler_errors_total";
const FAULTS: &str = "sandbus_handler_faults_total";
const VERDICTS: &str = "sandbus_handler_verdicts_total";
/// Values of `error.type` that are no faults.
const NO_FAULTS: [&str; 4] = ["retry", "rejected", "_other", "Broken"];

struct Topics {
    hostile: Topic,
    granted: Topic,
    forbidden: Topic,
}

/// The events that were written for the cases.
struct Written {
    /// By their case: their offsets in the one partition.
    offsets: BTreeMap<&'static str, Vec<i64>>,
    all: i64,
}

#[test]
fn whatever_components_do_the_good_one_goes_on_and_the_host_holds_no_more_than_before() {
    let good = "events = [\"Good\"]\ncpu_time = \"20s\"\ntimeout = \"60s\"\nquarantine_tries = 0\nconcurrency = 2";
    let neighbour = "events = [\"Hostile\"]\ncpu_time = \"100ms\"\nmax_retries = 0\nquarantine_tries = 0\n\
         rollback_after = 0";
    let stage = Stage::new(3)
        .probe(Probe::named("good").line(good))
        .probe(Probe::named("neighbour").line(neighbour))
        .handler("\n[handlers]\ncpu_time = \"200ms\"\n");
    let create = |what: &str| Topic::create_named(&stage.connection, &names::unique(what), 1);
    let topics = Topics { hostile: create("hostile"), granted: create("granted"), forbidden: create("forbidden") };
    let written = write_events(&topics.hostile);

    let mut host = stage.start();
    for case in CASES.iter().filter(|case| case.ends.is_loaded()) {
        write(&host.directory().join("hostile"), case);
    }
    let load = Steady::start(&stage.connection, stage.topic.name(), RATE, mixed);
    let good_acks = [("handler_name", "good"), ("verdict", "ack")];
    eventually("the good handler to be at work", SOON, || {
        let acks = host.metrics().sum(VERDICTS, &good_acks);
        if acks > Some(200.0) { Ok(()) } else { Err(format!("{acks:?} acks")) }
    });

    let mut wrong = refused(&host);
    let before = Resources::of(host.id()).unwrap_or_else(|error| panic!("{error}"));
    let loaded: Vec<_> = CASES.iter().filter(|case| case.ends.is_loaded()).collect();
    let configuration = fs::read_to_string(host.directory().join("sandbus.toml")).expect("a configuration");
    for wave in loaded.chunks(WAVE) {
        wrong.extend(run_wave(&mut host, &configuration, wave, &stage, &topics, &written));
    }
    reconfigure(&mut host, &configuration);
    let after = eventually("the host to hold no more than before", SOON, || {
        let now = Resources::of(host.id())?;
        let files = now.files <= before.files + MORE_FILES;
        let threads = now.threads <= before.threads + MORE_THREADS;
        let memory = now.memory <= before.memory + MORE_MEMORY;
        if files && threads && memory { Ok(now) } else { Err(format!("{now:?}, before that {before:?}")) }
    });
    // Shown with `--nocapture`, and when it fails.
    println!("before {before:?}\nafter  {after:?}\npeak   {} MiB", host.peak_memory() >> 20);
    assert!(host.peak_memory() < PEAK_MEMORY, "{} MiB at once", host.peak_memory() >> 20);

    let written = load.end();
    stage.wait_final(i64::try_from(written).expect("a small number"));
    assert!(wrong.is_empty(), "{} cases ended otherwise:\n{}", wrong.len(), wrong.join("\n"));
    assert_good_is_complete(&stage, &host);
    assert_nothing_was_published(&topics);
    assert_no_line_is_forged(&host);
    assert_no_line_is_long(&host);
    let ended = host.terminate(Duration::from_secs(30));
    assert!(ended.success(), "the host ended with {ended}");
}

fn write_events(topic: &Topic) -> Written {
    let mut offsets = BTreeMap::new();
    for case in CASES.iter().filter(|case| case.ends.is_loaded()) {
        let places = topic.write((0..case.events).map(|number| case.event(number)));
        offsets.insert(case.name, places.into_iter().map(|(_, offset)| offset).collect());
    }
    let all = offsets.values().map(Vec::len).sum::<usize>();
    Written { offsets, all: i64::try_from(all).expect("a small number") }
}

fn write(folder: &Path, case: &Case) {
    fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    case.put(&folder.join(format!("{}.wasm", case.name)));
}

fn reconfigure(host: &mut Host, configuration: &str) {
    fs::write(host.directory().join("sandbus.toml"), configuration).expect("the configuration can be written");
    host.signal(libc::SIGHUP);
}

/// Drops every component that must not be loaded into the folder of the busy host. What was not refused as it should be.
fn refused(host: &Host) -> Vec<String> {
    let folder = host.directory().join("handlers");
    let cases =
        || CASES.iter().filter_map(|case| if let Ends::Refused(why) = case.ends { Some((case, why)) } else { None });
    cases().for_each(|(case, _)| write(&folder, case));
    let start = Instant::now();
    let wrong = cases().filter_map(|(case, why)| {
        let left = SOON.saturating_sub(start.elapsed());
        let reason = eventually::poll("a refusal", left, || refusal(host, case.name));
        match reason {
            Ok(reason) if reason.contains(why) && reason.len() < 2000 => None,
            Ok(reason) => Some(format!("{}: {why:?} is not in {} bytes: {reason:.2000}", case.name, reason.len())),
            Err(_) => Some(format!("{}: it was not refused", case.name)),
        }
    });
    let wrong = wrong.collect();
    cases().for_each(|(case, _)| fs::remove_file(folder.join(format!("{}.wasm", case.name))).expect("it was there"));
    wrong
}

/// Why a handler was refused, if it was.
fn refusal(host: &Host, name: &str) -> Option<String> {
    host.log().iter().filter(|line| line.contains("refused: what is at work goes on")).find_map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).ok()?;
        (record["handler"] == name).then(|| record["reason"].as_str().map(str::to_owned))?
    })
}

/// Some cases come, do their harm, and have to end as they should. Those that do not.
fn run_wave(
    host: &mut Host,
    configuration: &str,
    wave: &[&Case],
    stage: &Stage,
    topics: &Topics,
    written: &Written,
) -> Vec<String> {
    let names = hostile::Stage {
        topic: topics.hostile.name(),
        granted: topics.granted.name(),
        forbidden: topics.forbidden.name(),
    };
    let handlers: String = wave.iter().map(|case| case.handler(names)).collect();
    reconfigure(host, &format!("{configuration}{handlers}"));
    let start = Instant::now();
    let mut wrong = Vec::new();
    for case in wave {
        let left = WAVE_TIME.saturating_sub(start.elapsed());
        let counted = eventually::poll(case.name, left, || counted(case, &host.metrics(), &written.offsets[case.name]));
        let final_ = counted.and_then(|()| {
            if matches!(case.ends, Ends::Quarantined(_)) {
                return Ok(());
            }
            let group = Group::named(&stage.connection, &format!("{}.{}", stage.group.name(), case.name));
            eventually::poll(case.name, WAVE_TIME.saturating_sub(start.elapsed()), || {
                let done = group.committed_sum(&topics.hostile);
                if done == written.all { Ok(()) } else { Err(format!("{done} of {} are final", written.all)) }
            })
        });
        wrong.extend(final_.err());
    }
    let letters = topics.hostile.dead_letters();
    let letters = if letters.partitions().is_some() { letters.read() } else { Vec::new() };
    wrong.extend(wave.iter().filter_map(|case| dead_letters(case, &letters, &written.offsets[case.name]).err()));
    wrong
}

/// Whether the metrics say what they should of a case.
fn counted(case: &Case, metrics: &Metrics, offsets: &[i64]) -> Result<(), String> {
    let sum = |name: &str, label: &str, value: &str| {
        let labels = [("handler_name", case.name), (label, value)];
        metrics.sum(name, &labels).unwrap_or_default() as usize
    };
    let all = |name: &str| metrics.sum(name, &[("handler_name", case.name)]).unwrap_or_default() as usize;
    let acks = sum(VERDICTS, "verdict", "ack");
    let odd = offsets.iter().filter(|offset| *offset % 2 == 1).count();
    // Of errors in all, of those of one type, and of acks.
    let (errors, kind, expected_acks) = match case.ends {
        Ends::Failed(kind) => (case.events * TRIES, kind, 0),
        Ends::Rejected => (case.events, "rejected", 0),
        Ends::Acknowledged => (0, "", case.events),
        Ends::EverySecond(kind) => (odd * TRIES, kind, case.events - odd),
        Ends::ManyKinds => {
            let kinds = metrics.named(ERRORS).into_iter().filter(|sample| sample.has(&[("handler_name", case.name)]));
            let kinds: BTreeSet<_> = kinds.filter_map(|sample| sample.labels.get("error_type")).collect();
            let (errors, other) = (all(ERRORS), sum(ERRORS, "error_type", "_other"));
            let over = metrics.sum("sandbus_telemetry_overflow_total", &[("label", "error.type")]).unwrap_or_default();
            let well = errors == case.events && kinds.len() <= 201 && other >= case.events - 200;
            // Whoever else has a kind too many is counted there too.
            return if well && over as usize >= other {
                Ok(())
            } else {
                Err(format!("{errors} errors of {} kinds, {other} others, {over} too many", kinds.len()))
            };
        }
        Ends::Quarantined(kind) => {
            let quarantined = sum("sandbus_handler_state", "state", "quarantined");
            let errors = sum(ERRORS, "error_type", kind);
            let well = quarantined == 1 && errors >= 6 && errors == all(ERRORS) && acks == 0;
            return if well {
                Ok(())
            } else {
                Err(format!("quarantined: {quarantined}, {kind}: {errors}, acks: {acks}"))
            };
        }
        Ends::Refused(_) => unreachable!("it was not loaded"),
    };
    let faults = if kind.is_empty() || NO_FAULTS.contains(&kind) { 0 } else { errors };
    let found = (all(ERRORS), sum(ERRORS, "error_type", kind), all(FAULTS), sum(FAULTS, "error_type", kind), acks);
    let expected = (errors, if kind.is_empty() { 0 } else { errors }, faults, faults, expected_acks);
    if found != expected {
        let samples: Vec<_> = [ERRORS, FAULTS].into_iter().flat_map(|name| metrics.named(name)).collect();
        let samples: Vec<_> = samples.into_iter().filter(|sample| sample.has(&[("handler_name", case.name)])).collect();
        let samples: Vec<_> = samples.iter().map(|sample| (sample.labels.get("error_type"), sample.value)).collect();
        return Err(format!(
            "(errors, of {kind:?}, faults, of {kind:?}, acks) are {found:?}, not {expected:?}: {samples:?}"
        ));
    }
    // Whatever it counts, there is an end to it. That the page can be read is known by now.
    let own = metrics.samples().iter().filter(|sample| sample.name.starts_with("sandbus_guest_"));
    let own = own.filter(|sample| sample.has(&[("handler_name", case.name)])).count();
    if own <= 500 { Ok(()) } else { Err(format!("{own} series of its own")) }
}

/// Whether it has left the dead letters that it should.
fn dead_letters(case: &Case, letters: &[StoredRecord], offsets: &[i64]) -> Result<(), String> {
    let name = case.name;
    let own: Vec<_> = letters.iter().filter(|letter| letter.header("dlq_handler") == Some(name)).collect();
    let odd = offsets.iter().filter(|offset| *offset % 2 == 1).count();
    let (count, kind) = match case.ends {
        Ends::Failed(kind) => (case.events, Some(kind)),
        Ends::Rejected => (case.events, Some("rejected")),
        Ends::EverySecond(kind) => (odd, Some(kind)),
        Ends::ManyKinds => (case.events, None),
        Ends::Acknowledged | Ends::Quarantined(_) | Ends::Refused(_) => (0, None),
    };
    if own.len() != count {
        return Err(format!("{name}: {} dead letters, not {count}", own.len()));
    }
    for letter in own {
        let (found, message) =
            (letter.header("dlq_error_type"), letter.header("dlq_error_message").unwrap_or_default());
        if kind.is_some_and(|kind| found != Some(kind)) || message.chars().count() > 1000 {
            return Err(format!("{name}: a dead letter for {found:?}: {message:.1000}"));
        }
    }
    Ok(())
}

/// Each of its events was acknowledged once, and those of a key in their order; its neighbour failed at each of its own.
fn assert_good_is_complete(stage: &Stage, host: &Host) {
    let records = stage.topic.read();
    let of = |kind: &'static str| records.iter().filter(move |record| record.header("event_type") == Some(kind));
    let expected: BTreeSet<_> = of("Good").map(|record| (record.partition, record.offset)).collect();
    let acks: Vec<Ack> = stage.acks();
    let mut by_key: BTreeMap<String, Vec<(i32, i64)>> = BTreeMap::new();
    acks.iter().for_each(|ack| by_key.entry(ack.key()).or_default().push(ack.place()));
    for (key, places) in &by_key {
        let in_order = places.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(in_order, "{key} was handled in this order, or twice: {places:?}");
    }
    let found: BTreeSet<_> = acks.iter().map(Ack::place).collect();
    let missing: Vec<_> = expected.difference(&found).collect();
    assert!(missing.is_empty() && found == expected, "not acknowledged: {missing:?}");
    assert!(acks.iter().all(|ack| ack.handler == "good"));

    let hostile = of("Hostile").count();
    let letters = stage.topic.dead_letters().read();
    assert_eq!(letters.len(), hostile, "dead letters of the neighbour, and of nobody else");
    assert!(letters.iter().all(|letter| letter.header("dlq_handler") == Some("neighbour")));
    let errors = host.metrics().sum(ERRORS, &[("handler_name", "neighbour")]);
    assert_eq!(errors, Some(hostile as f64));
    assert_eq!(host.metrics().sum(FAULTS, &[("handler_name", "good")]).unwrap_or_default(), 0.0);
}

fn assert_nothing_was_published(topics: &Topics) {
    for topic in [&topics.granted, &topics.forbidden] {
        assert_eq!(topic.read().len(), 0, "records in {}", topic.name());
    }
}

/// Whatever guests say of themselves: of their failures, their reasons, their functions.
fn assert_no_line_is_long(host: &Host) {
    let lines = host.log();
    let is_own = |line: &&String| !line.contains("\"target\":\"guest\"");
    let longest = lines.iter().filter(is_own).max_by_key(|line| line.len()).expect("it has logged");
    assert!(longest.len() <= LONGEST_LINE, "a line of {} bytes: {longest:.400}", longest.len());
    let obeyed = lines.iter().find(|line| line.chars().any(char::is_control));
    assert_eq!(obeyed, None, "a line that a terminal obeys");
}

/// What guests log is one line each, without anything that a terminal obeys.
fn assert_no_line_is_forged(host: &Host) {
    let lines: Vec<_> = host.log().into_iter().filter(|line| line.contains("forged by a guest")).collect();
    assert!(!lines.is_empty(), "the guest has logged nothing");
    for line in lines {
        let record: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(record["handler"], "log-ansi", "{line}");
        let message = record["message"].as_str().expect("a text");
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
}
