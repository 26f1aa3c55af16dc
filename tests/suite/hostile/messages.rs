//! What a person sees of each case: `sandbus check` of those that are refused, `sandbus test` of the others. All of it is one
//! snapshot, and none of it is anything that a terminal obeys.

use std::fmt::Write as _;
use std::fs::File;

use regex_lite::Regex;
use sandbus_tests::Deployment;
use sandbus_tests::hostile::{CASES, Case, Ends, Source, Stage};
use serde_json::json;

use crate::cli_outcome::Outcome;
use crate::delivery::SOON;
use crate::delivery::stage;

/// As far as lines are kept: some are a thousand characters.
const SHOWN: usize = 300;
/// Commands at a time.
const TOGETHER: usize = 4;

/// Numbers that depend on the machine, or on how a component was assembled.
const VARIABLE: &[(&str, &str)] = &[
    (r"[0-9.]+m?s of CPU used", "[TIME] of CPU used"),
    (r"0x[0-9a-f]+", "[OFFSET]"),
    (r"\.\.\. \d+ more lines", "... [MANY] more lines"),
    (r"\[DIRECTORY\]/[a-z0-9./-]*", "[FILE]"),
    (r"hostile-stage/0/\d+", "[EVENT]"),
];

#[test]
fn each_case_has_a_message_that_says_what_is_wrong() {
    let slices: Vec<_> = CASES.chunks(CASES.len().div_ceil(TOGETHER)).collect();
    let texts = std::thread::scope(|scope| {
        let running: Vec<_> =
            slices.into_iter().map(|cases| scope.spawn(|| cases.iter().map(message).collect::<String>())).collect();
        running.into_iter().map(|running| running.join().expect("a slice of cases")).collect::<String>()
    });
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("hostile-messages", texts);
    });
}

/// What is said of a case.
fn message(case: &Case) -> String {
    let stage = Stage { topic: "hostile-stage", granted: "granted", forbidden: "forbidden" };
    let file = format!("hostile/{}.wasm", case.name);
    let handler = match case.ends {
        // As it comes into the folder: what it gets is what it describes.
        Ends::Refused(_) => format!("[[handler]]\nname = {:?}\ncomponent = {file:?}\ncpu_time = \"200ms\"", case.name),
        _ => case.handler(stage),
    };
    let deployment = Deployment::new(&handler).write("hostile/none", "");
    case.put(&deployment.directory().join(&file));
    let outcome = if matches!(case.ends, Ends::Refused(_)) {
        Outcome::of(&deployment, &["check"])
    } else {
        let probe = if let Source::Probe(steps) = case.source { steps } else { "ack" };
        let event = json!({ "type": case.name, "headers": { "probe": probe } });
        let deployment = deployment.write("events.jsonl", format!("{event}\n{event}\n"));
        Outcome::of(
            &deployment,
            &["test", &file, "-c", "sandbus.toml", "--handler", case.name, "--events", "events.jsonl"],
        )
    };
    shown(case.name, &outcome)
}

/// Whether a terminal does something else with this than show it.
fn is_obeyed(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn what_a_component_says_of_itself_commands_no_terminal() {
    let case = CASES.iter().find(|case| case.name == "describe-ansi").expect("the case");
    let deployment = Deployment::new("").write("ansi.wasm", case.component());
    let outcome = Outcome::of(&deployment, &["check", "ansi.wasm"]).expect(0);
    assert!(!outcome.stdout.chars().chain(outcome.stderr.chars()).any(is_obeyed), "{:?}", outcome.stdout);
    outcome.snapshot("hostile-describe-ansi");
    let outcome = Outcome::of(&deployment, &["check", "--json", "ansi.wasm"]).expect(0);
    assert!(!outcome.stdout.chars().any(is_obeyed), "{:?}", outcome.stdout);
    let attributes = &outcome.json()["handlers"][0]["attributes"];
    assert_eq!(attributes["\u{1b}[2Jnam\ne\t"], "\u{202e}v\u{9b}alu\u{1b}e.", "{attributes}");
}

/// Its lines are JSON here, which leaves these characters as they are.
#[test]
fn what_a_host_logs_of_an_error_commands_no_terminal() {
    let stage = stage::Stage::new(1).probe(stage::Probe::named("probe").line("max_retries = 0"));
    let host = stage.start();
    stage.topic.write([stage::event("a", "error:Broken:re\u{9b}31md\u{202e}")]);
    stage.wait_final(1);
    let line = host.log_line_containing("31md", SOON);
    assert!(line.contains("re\\u009b31md\\u202e") && !line.chars().any(is_obeyed), "{line:?}");
}

fn shown(name: &str, outcome: &Outcome) -> String {
    let mut text = String::new();
    writeln!(text, "=== {name}: status {}", outcome.status).expect("a string takes all");
    let mut last = String::new();
    for line in outcome.to_string().lines().skip(1) {
        assert!(!line.chars().any(is_obeyed), "{name}: a terminal obeys {line:.400?}");
        let line = VARIABLE.iter().fold(line.to_owned(), |line, (pattern, name)| {
            Regex::new(pattern).expect("a valid pattern").replace_all(&line, *name).into_owned()
        });
        let line: String = line.chars().take(SHOWN).collect();
        // Two events alike; lines of log and metrics are another test's.
        let is_detail = line.starts_with("    log ") || line.starts_with("    metric ");
        if line != last && !is_detail {
            writeln!(text, "{line}").expect("a string takes all");
        }
        last = line;
    }
    text
}

#[test]
fn a_file_that_is_too_large() {
    let config = "[[handler]]\nname = \"large\"\ncomponent = \"handlers/large.wasm\"\n";
    let deployment = Deployment::new(config).write("handlers/large.wasm", "");
    // It takes no room on the disk.
    let file = File::create(deployment.directory().join("handlers/large.wasm")).expect("a file");
    file.set_len(65 << 20).expect("a long file");
    Outcome::of(&deployment, &["check"]).expect(2).snapshot("hostile-too-large");
}
