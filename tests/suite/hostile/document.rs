//! `docs/hostile.md` shows the catalogue as it is. `UPDATE_DOCS=1` writes it anew.

use std::fmt::Write as _;

use sandbus_tests::document::assert_shows;
use sandbus_tests::hostile::{CASES, Case, ELSEWHERE, Ends, Source};

#[test]
fn the_document_shows_every_case() {
    assert_shows("docs/hostile.md", "tests/suite/hostile/document.rs", &table());
}

fn table() -> String {
    let mut text = String::from("| # | a component that | stopped by | ends in | source |\n|---:|---|---|---|---|\n");
    for (index, case) in CASES.iter().enumerate() {
        let Case { name, does, stopped_by, .. } = case;
        let (does, source) = match case.source {
            Source::Probe(steps) => {
                (format!("takes the step `{does}`"), format!("[probe](../examples/probe), `{steps}`"))
            }
            Source::Text => ((*does).to_owned(), format!("[`{name}`](../tests/hostile/{name}.wat)")),
        };
        writeln!(text, "| {} | {does} | {stopped_by} | {} | {source} |", index + 1, ends(case.ends))
            .expect("a string takes all");
    }
    text.push_str("\nDone elsewhere:\n\n| a component that brings | where |\n|---|---|\n");
    for (does, place) in ELSEWHERE {
        writeln!(text, "| {does} | {place} |").expect("a string takes all");
    }
    text
}

fn ends(ends: Ends) -> String {
    match ends {
        Ends::Refused(_) => "refused".to_owned(),
        Ends::Failed(kind) => format!("`{kind}`"),
        Ends::Rejected => "`rejected`".to_owned(),
        Ends::Acknowledged => "`ack`".to_owned(),
        Ends::EverySecond(kind) => format!("`{kind}` or `ack`"),
        Ends::ManyKinds => "its kinds, then `_other`".to_owned(),
        Ends::Quarantined(kind) => format!("`{kind}`, quarantined"),
    }
}
