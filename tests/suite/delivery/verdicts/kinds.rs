//! What a handler may call its errors.

use super::super::SOON;
use super::super::stage::{Probe, Stage, event};
use super::ERRORS;

/// What the handler says, and what is reported.
fn kinds() -> Vec<(String, String)> {
    let kept = ["ValueError", "a", "db.Timeout_2", "ack"].map(str::to_owned).into_iter().chain(["x".repeat(64)]);
    let words = "retry rejected deserialization_error publish_rejected max_retries_exceeded trap stack_overflow exit \
                 timeout cpu_time memory table handles bad_result result_size hostcall_bytes log_quota publish_quota \
                 instantiate";
    let ill_formed = ["", "1a", "_other", "a b", "a-b", "é"].map(str::to_owned).into_iter().chain(["x".repeat(65)]);
    let replaced = words.split_whitespace().map(str::to_owned).chain(ill_formed);
    kept.map(|kind| (kind.clone(), kind)).chain(replaced.map(|kind| (kind, "_other".to_owned()))).collect()
}

#[test]
fn kinds_that_are_ill_formed_or_the_hosts_own_are_reported_as_other() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0\nconcurrency = 2"));
    let host = stage.start();
    let kinds = kinds();
    stage.topic.write(kinds.iter().map(|(kind, _)| event(kind, &format!("error:{kind}:message of {kind}"))));
    stage.wait_final(kinds.len().try_into().unwrap());

    let dead = stage.topic.dead_letters().read();
    assert_eq!(dead.len(), kinds.len());
    for (kind, reported) in &kinds {
        let letter = dead.iter().find(|letter| letter.key.as_deref() == Some(kind.as_bytes())).unwrap();
        assert_eq!(letter.header("dlq_reason"), Some("max_retries_exceeded"), "{kind:?}");
        assert_eq!(letter.header("dlq_error_type"), Some(reported.as_str()), "{kind:?}");
        assert_eq!(letter.header("dlq_error_message"), Some(format!("message of {kind}").as_str()));
        assert_eq!(letter.header("dlq_retry_count"), Some("0"), "max_retries = 0 is one try");
    }
    let others = kinds.iter().filter(|(_, reported)| reported == "_other").count() as f64;
    host.wait_metric(ERRORS, &[("error_type", "_other")], others, SOON);
    host.wait_metric(ERRORS, &[], kinds.len() as f64, SOON);
    assert_eq!(host.metrics().sum("sandbus_handler_retries_total", &[]).unwrap_or_default(), 0.0);
}
