//! Whether what was printed is what a page shows. What differs from run to run is marked, or has a form that says so.

use regex_lite::Regex;

/// Stands for anything within a line.
const ANYTHING: &str = "[..]";
/// A line that stands for any lines, or none.
const ANY_LINES: &str = "[...]";

/// What differs from run to run without a mark, and what is shown in its place before both sides are compared.
const VARIABLE: [(&str, &str); 3] = [
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    // A measured number has a unit and mostly a point; one that counts has neither.
    (r"\b\d+(\.\d+)? ?(B|KiB|MiB|GiB|ns|us|µs|ms|s)\b", "MEASURED"),
    (r"\b[0-9a-f]{12,64}\b", "DIGEST"),
];

/// Whether the lines of `expected` stand for those of `printed`. Space at the end of a line does not count.
pub(super) fn is_shown(expected: &str, printed: &str) -> bool {
    let (expected, printed) = (normal(expected), normal(printed));
    stand_for(&expected.lines().collect::<Vec<_>>(), &printed.lines().collect::<Vec<_>>())
}

fn normal(text: &str) -> String {
    VARIABLE.iter().fold(text.to_owned(), |text, (pattern, name)| {
        Regex::new(pattern).expect("a valid pattern").replace_all(&text, *name).into_owned()
    })
}

fn stand_for(expected: &[&str], printed: &[&str]) -> bool {
    match expected {
        [] => printed.iter().all(|line| line.trim_end().is_empty()),
        [ANY_LINES, rest @ ..] => (0..=printed.len()).any(|skipped| stand_for(rest, &printed[skipped..])),
        [line, rest @ ..] => printed
            .split_first()
            .is_some_and(|(first, others)| stands_for(line.trim_end(), first.trim_end()) && stand_for(rest, others)),
    }
}

fn stands_for(expected: &str, printed: &str) -> bool {
    let parts: Vec<_> = expected.split(ANYTHING).map(regex_lite::escape).collect();
    Regex::new(&format!("^{}$", parts.join(".*"))).expect("escaped text is a pattern").is_match(printed)
}

#[test]
fn what_differs_from_run_to_run_is_no_difference() {
    let cases = [
        ("a 1.5 ms b", "a 22.25 ms b", true),
        ("(1.1 MiB)", "(960.0 KiB)", true),
        ("(1.1 MiB)", "(960 B)", true),
        ("number 1", "number 2", false),
        ("order 1 ms", "order 1", false),
        ("at 2026-11-26T19:30:02.123456Z", "at 2026-11-26T19:30:02Z", true),
        ("digest 0123456789ab", "digest ba9876543210", true),
        ("127.0.0.1", "127.0.0.2", false),
        ("rustc [..]", "rustc 1.95.0 (abc)", true),
        ("rustc [..] x", "rustc 1.95.0 (abc)", false),
        ("a\n[...]\nb", "a\nb", true),
        ("a\n[...]\nb", "a\nx\ny\nb\n", true),
        ("a\n[...]\nb", "a\nx\ny", false),
        ("a\n[...]", "a\nx\ny", true),
        ("a  ", "a\n\n", true),
        ("a", "a\nb", false),
        ("a\nb", "a", false),
        ("a.c", "abc", false),
    ];
    for (expected, printed, same) in cases {
        assert_eq!(is_shown(expected, printed), same, "{expected:?} and {printed:?}");
    }
}
