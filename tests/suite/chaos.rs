//! A minute of chaos, with brokers of its own: see `sandbus_tests::chaos`. `make chaos` goes on for longer.

use std::sync::Arc;
use std::time::Duration;

use sandbus_tests::chaos::{self, Outcome, Settings};

#[test]
fn a_minute_of_chaos_loses_nothing() {
    let settings = Settings {
        time: Duration::from_secs(60),
        seed: 1,
        rate: 100,
        properties: Vec::new(),
        progress: None,
        enough: Arc::default(),
    };
    let Outcome { verdict, evidence } = chaos::run(&settings).unwrap_or_else(|error| panic!("{error:#}"));
    // Shown with `--nocapture`, and when it fails.
    println!("{verdict}");
    assert!(
        verdict.is_clean(),
        "{verdict}\n{:#?}\n{:#?}\nall findings, and the logs: {evidence:?}",
        verdict.misdeeds,
        verdict.findings.texts
    );

    // Otherwise the line above proves little.
    let (findings, tally) = (&verdict.findings, &verdict.tally);
    assert!(findings.acknowledged > 3000 && findings.dead_letters > 100, "{verdict}");
    assert!(findings.commits_checked > findings.acknowledged && findings.samples > 50, "{findings:?}");
    assert!(tally.has_everything(), "a fault was never done: {verdict}");
    assert!(tally.rebalances > 3, "{verdict}");
}
