//! `examples/probe/README.md` shows in what the languages differ, as tests/conformance/steps.jsonl declares it.

use std::fmt::Write as _;

use sandbus_tests::LANGUAGES;
use sandbus_tests::document::assert_shows;
use serde_json::Value;

use super::table::Row;

#[test]
fn the_probe_s_page_names_every_difference() {
    let mut text = String::from("| language | step | ends in | because |\n|---|---|---|---|\n");
    for row in Row::all() {
        let mut shown: Vec<(Vec<&str>, &Value)> = Vec::new();
        for language in LANGUAGES {
            let Some(own) = row.difference(language) else { continue };
            match shown.iter_mut().find(|(_, other)| *other == own) {
                Some((languages, _)) => languages.push(language),
                None => shown.push((vec![language], own)),
            }
        }
        for (languages, own) in shown {
            let languages: Vec<String> = languages.iter().map(|language| format!("`{language}`")).collect();
            let because = own["because"].as_str().expect("a reason");
            writeln!(text, "| {} | {} | {} | {because} |", languages.join(", "), row.steps(), ends(&own["ends"]))
                .expect("a string takes all");
        }
    }
    assert_shows("examples/probe/README.md", "tests/suite/conformance/document.rs", &text);
}

/// The verdict of the last try, its kind, and how much it logs where that counts.
fn ends(ends: &Value) -> String {
    let last = ends.as_array().and_then(|tries| tries.last()).unwrap_or(ends);
    let verdict = last["verdict"].as_str().unwrap_or_else(|| panic!("a difference ends in no verdict: {ends}"));
    let kind = last["error_type"].as_str().map_or_else(String::new, |kind| format!(" `{kind}`"));
    let logs = last["logs"].as_array().map_or_else(String::new, |lines| format!(", {} log lines", lines.len()));
    format!("{verdict}{kind}{logs}")
}
