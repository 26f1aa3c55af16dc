//! Every step of the probe's README.

use super::languages::LANGUAGES;
use super::*;

/// Small bounds, so that passing them takes no time.
const KEYS: &str = r#"
cpu_time = "100ms"
timeout = "30s"
memory = "64MiB"
[handler.limits]
result = "1MiB"
logs = 5
publishes = 3
[handler.grants]
publish = ["out"]
"#;

/// Bytes of a value that does not matter.
const SMALL: usize = 16;

/// A script, and what a try of it ends in, as [`ended`] shows it.
struct Case(&'static str, &'static str);

/// By the README's rows, then its rules.
const SCRIPTS: &[Case] = &[
    Case("ack", "ack"),
    Case("skip", "skip"),
    Case("retry", "retry"),
    Case("retry:250ms", "retry after 250ms"),
    Case("retry:1us", "retry after 1ms"),
    Case("dead-letter:no use", "dead-letter \"no use\""),
    Case("dead-letter:", "dead-letter \"\""),
    Case("error:db.Down:not:now", "error db.Down: not:now"),
    Case("error:trap:", "error _other: "),
    Case("until:2:retry", "retry"),
    Case("until:2:until:3:error:a:b;skip", "error a: b"),
    Case("until:1:trap;skip", "skip"),
    Case("spin:2ms", "ack"),
    Case("sleep:20ms;skip", "skip"),
    Case("log:before;trap", "fault trap"),
    Case("loop", "fault cpu_time"),
    Case("recurse", "fault stack_overflow"),
    Case("alloc:1MiB", "ack"),
    Case("alloc:100MiB", "fault memory"),
    // Of what is within the limit, the host keeps 1000 characters.
    Case("result:1MiB", "dead-letter of 1000 bytes"),
    Case("result:1048577", "fault result_size"),
    Case("log-flood:5", "ack"),
    Case("log-flood:6", "fault log_quota"),
    Case("log:a;log:b\u{1b};skip", "skip"),
    Case("count:seen;count:seen", "ack"),
    Case("count:Bad", "error bad_name: \"Bad\" is no name: [a-z][a-z0-9_]{0,63}, not ending in _total"),
    Case("publish:out", "ack"),
    Case("publish:out;skip", "skip"),
    Case("publish:out;retry", "retry"),
    Case("publish:out;publish:out;publish:out", "ack"),
    Case("publish:out;publish:out;publish:out;publish:out", "fault publish_quota"),
    Case(
        "publish:elsewhere",
        "error denied: no grant allows publishing to \"elsewhere\"; if it is meant, grant it: grants.publish = [\"elsewhere\"]",
    ),
    Case("publish:a b", "error bad_topic: \"a b\" is no topic name"),
    Case("", "ack"),
    Case("log:first;ack;nonsense", "ack"),
    Case("log:first;;ack", "error bad_step: "),
    Case("Ack", "error bad_step: Ack"),
    Case("until:5:retry:", "error bad_step: until:5:retry:"),
];

/// By language and script, what ends otherwise there, and why.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[];

/// The probe of each language, with these keys of its `[[handler]]`.
fn probes(keys: &str) -> Vec<Subject> {
    LANGUAGES.iter().map(|language| Subject::new("probe", language, keys)).collect()
}

/// An event with a header `probe`, absent, empty or not, and a value of so many bytes.
fn event(offset: i64, script: Option<&[u8]>, value: usize) -> Event {
    let mut record = RecordBuilder::new("events".into(), 3, offset, 0)
        .timestamp(Some(1_700_000_000_000))
        .key(Some(b"key"))
        .value(Some(&vec![b'v'; value]));
    record.header(b"before", None);
    record.header(b"probe", script);
    record.header(b"probe", Some(b"trap"));
    Event::decode(record.build()).unwrap()
}

/// Runs a script alone and among others, both ways, and compares.
fn check(subject: &Subject, script: Option<&[u8]>, value: usize, attempt: u32, ends: &str) {
    let name = format!("{} {:?}", subject.language, script.map(String::from_utf8_lossy));
    let differs =
        DIFFERENCES.iter().find(|(language, of, ..)| *language == subject.language && Some(of.as_bytes()) == script);
    let ends = match differs {
        Some((_, _, own, why)) => {
            assert_ne!(*own, ends, "{name}: no difference any more, which was: {why}");
            own
        }
        None => ends,
    };
    let case = a_try(event(2, script, value), attempt, Some(2));
    let (alone, _) = compare(subject, std::slice::from_ref(&case), &format!("{name}, alone"));
    let (ending, published) = &alone.ended[0];
    assert_eq!(ending, ends, "{name}");

    // Each neighbour takes the whole of its own quotas, so that none has a part of another's.
    let calm = Some(b"count:calm;log-flood:5;publish:out;publish:out;publish:out".as_slice());
    let neighbour = |offset, lane| a_try(event(offset, calm, SMALL), 1, lane);
    let elsewhere = DeliveryId { assignment: Assignment(9), ..DeliveryId::none() };
    let batch = [
        neighbour(0, Some(1)),
        neighbour(1, None),
        case,
        neighbour(3, Some(2)),
        neighbour(4, Some(2)),
        Try { id: elsewhere, ..neighbour(5, Some(2)) },
        neighbour(6, None),
    ];
    let (came, fault) = compare(subject, &batch, &format!("{name}, among others"));
    assert_eq!(fault.as_ref().map(|fault| fault.kind), ends.strip_prefix("fault "), "{name}");
    if let Some(fault) = fault {
        // A count and five lines of each of the two before it, and its own.
        assert!(fault.noted.len() >= 12, "{name}: {:?}", fault.noted);
    }
    let lane_goes_on = matches!(ends, "ack" | "skip");
    for (index, (ending, outbox)) in came.ended.iter().enumerate() {
        let expected = match index {
            2 => (ends, published.len()),
            3 | 4 if !lane_goes_on => ("not run", 0),
            _ => ("ack", 3),
        };
        assert_eq!((ending.as_str(), outbox.len()), expected, "{name}, event {index}");
    }
}

#[test]
fn every_step_ends_alike() {
    for subject in probes(KEYS) {
        for Case(script, ends) in SCRIPTS {
            check(&subject, Some(script.as_bytes()), SMALL, 1, ends);
        }
    }
}

#[test]
fn the_attempt_counts_alike() {
    for subject in probes(KEYS) {
        for (attempt, ends) in [(1, "retry"), (2, "error a: b"), (3, "skip"), (u32::MAX, "skip")] {
            check(&subject, Some(b"until:2:retry;until:3:error:a:b;skip"), SMALL, attempt, ends);
        }
    }
}

#[test]
fn a_script_is_read_alike() {
    for subject in probes(KEYS) {
        check(&subject, None, SMALL, 1, "ack");
        check(&subject, Some(b"sk\xffip"), SMALL, 1, "error bad_step: sk\u{fffd}ip");
    }
}

#[test]
fn what_is_published_is_bounded_alike() {
    let value = 1 << 20;
    // Key, headers and value together.
    let bytes = "key".len() + "before".len() + "probe".len() * 2 + "publish:out".len() + "trap".len() + value;
    let ends = format!("error too_large: {bytes} bytes; at most {value} may be sent");
    for subject in probes(KEYS) {
        check(&subject, Some(b"publish:out"), value, 1, &ends);
    }
}

#[test]
fn time_is_up_alike() {
    for subject in probes(&KEYS.replace("30s", "1s")) {
        check(&subject, Some(b"sleep:1000s"), SMALL, 1, "fault timeout");
    }
}

/// Event by event, whoever makes the batch.
#[test]
fn a_fresh_instance_has_one_event() {
    let keys = format!("isolation = \"fresh\"{KEYS}\n[handler.config]\nresults = \"out\"\n");
    probes(&keys).iter().for_each(fresh);
}

fn fresh(subject: &Subject) {
    let (mut typed, _) = subject.ways();
    let scripts = ["ack", "log:a", "trap", "ack", "retry", "ack"];
    let batch = (0..).zip(scripts).map(|(at, script)| a_try(event(at, Some(script.as_bytes()), SMALL), 1, None));
    let (came, _) = typed.run(&batch.collect::<Vec<_>>());
    let endings: Vec<_> = came.ended.iter().map(|(ending, _)| ending.as_str()).collect();
    assert_eq!(endings, ["ack", "ack", "fault trap", "ack", "retry", "ack"]);
    let published: Vec<_> = came.ended.iter().flat_map(|(_, outbox)| outbox).collect();
    assert_eq!(published.len(), 4);
    for record in published {
        assert_eq!(record.text_header("probe_sequence"), Some("1"), "an instance had another event before");
    }
}

/// The instance lives on from event to event, and from batch to batch.
#[test]
fn results_are_reported_alike() {
    let keys = format!("{KEYS}\n[handler.config]\nresults = \"out\"\nname = \"p\"\n");
    probes(&keys).iter().for_each(reports);
}

fn reports(subject: &Subject) {
    let (mut typed, mut packed) = subject.ways();
    let batch: Vec<_> = [(0, "log:a"), (1, "retry"), (2, "publish:out"), (3, "publish:elsewhere"), (4, "skip")]
        .map(|(offset, script)| a_try(event(offset, Some(script.as_bytes()), SMALL), 1, None))
        .into();
    for round in 0..3 {
        let [by_event, by_frame] = [&mut typed, &mut packed].map(|way| {
            let (mut came, fault) = way.run(&batch);
            assert_eq!(fault, None);
            // Drawn anew by each instance.
            let records = came.ended.iter_mut().flat_map(|(_, outbox)| outbox);
            records.for_each(|record| record.headers.retain(|(name, _)| name != b"probe_instance"));
            came
        });
        assert_eq!(by_frame, by_event);
        let sequence = by_frame.ended[2].1[0].text_header("probe_sequence").unwrap();
        assert_eq!(sequence, (round * 5 + 3).to_string());
    }
}
