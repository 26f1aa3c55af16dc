//! Every row of the table in `examples/README.md`.

use super::*;

/// An event as a JSON line, and what a try of it ends in, as [`ended`] shows it: its beginning.
struct Row(&'static str, &'static str);

/// Runs the rows: each alone, then all that do not fault in one batch, then all in one. Both ways.
fn check(name: &str, keys: &str, rows: &[Row]) {
    let subject = Subject::new(name, "rust", keys);
    let tries = |lane: fn(i64) -> Option<u64>| -> Vec<Try> {
        let events = rows.iter().zip(0..).map(|(Row(line, _), offset)| a_try(of_line(line, offset), 1, lane(offset)));
        events.collect()
    };
    let (mut typed, mut packed) = subject.ways();
    for (run, Row(line, ends)) in tries(|_| None).iter().zip(rows) {
        let by_event = typed.alone(run);
        assert_eq!(packed.alone(run), by_event, "{line}");
        let (ending, _) = &by_event.ended[0];
        assert!(ending.starts_with(ends), "{line}\nends in {ending}, not in {ends}");
    }
    let faults = rows.iter().any(|Row(_, ends)| ends.starts_with("fault"));
    let calm = tries(|_| None).into_iter().zip(rows).filter(|(_, Row(_, ends))| !ends.starts_with("fault"));
    let calm: Vec<Try> = calm.map(|(run, _)| run).collect();
    let batches = [
        (calm, false),
        (tries(|_| None), faults),
        // Two neighbours share a lane, so that the second does not run where the first fails. A row that faults is a
        // lane's first.
        (tries(|offset| Some((offset / 2).unsigned_abs())), faults),
    ];
    for (batch, faults) in batches {
        let (_, fault) = compare(&subject, &batch, name);
        assert_eq!(fault.is_some(), faults, "{name}: {fault:?}");
    }
}

#[test]
fn order_projection() {
    check(
        "order-projection",
        "events = [\"*\"]\n",
        &[
            Row(
                r#"{"type":"OrderCreated","value":{"order_id":"o-1","currency":"EUR","items":[{"quantity":2,"price_cents":150}]}}"#,
                "ack",
            ),
            Row(
                r#"{"type":"OrderCreated","value":{"order_id":"o-2","currency":"EUR","items":[{"quantity":1,"price_cents":5}]}}"#,
                "ack",
            ),
            Row(
                r#"{"type":"OrderCreated","value":{"order_id":"o-3","currency":"EUR","items":[]}}"#,
                "error empty_order",
            ),
            Row(
                r#"{"type":"OrderCreated","value":{"order_id":"o-4","currency":"EUR","items":[{"quantity":2,"price_cents":18446744073709551615}]}}"#,
                "error order_too_large",
            ),
            Row(r#"{"type":"OrderCancelled","value":{"order_id":"o-1","reason":"too late"}}"#, "ack"),
            Row(r#"{"type":"OrderCancelled","value":{"order_id":"o-1"}}"#, "error bad_json"),
            Row(r#"{"type":"OrderCreated","value_text":"{"}"#, "error bad_json"),
            Row(r#"{"type":"OrderCreated","value_base64":"/w=="}"#, "error bad_json"),
            Row(r#"{"type":"OrderCreated","key":"o-1"}"#, "error tombstone"),
            Row(r#"{"type":"OrderShipped","value":{}}"#, "skip"),
        ],
    );
}

#[test]
fn payment_check() {
    // `provider`, `card_last4` and `installments` decide.
    check(
        "payment-check",
        "[handler.config]\nprovider_retry_ms = \"50\"\n",
        &[
            Row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-1","amount_cents":3000,"currency":"EUR","installments":3,"provider":"alpha","card_last4":"4242"}}"#,
                "ack",
            ),
            Row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-2","amount_cents":3000,"currency":"EUR","installments":3,"provider":"beta","card_last4":"4242"}}"#,
                "retry after 50ms",
            ),
            Row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-3","amount_cents":3000,"currency":"EUR","installments":3,"provider":"alpha","card_last4":"0002"}}"#,
                "dead-letter \"card refused: declined (payment p-3)\"",
            ),
            Row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-4","amount_cents":3000,"currency":"EUR","installments":3,"provider":"alpha","card_last4":"0069"}}"#,
                "dead-letter \"card refused: expired (payment p-4)\"",
            ),
            Row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-5","amount_cents":3000,"currency":"EUR","installments":0,"provider":"alpha","card_last4":"4242"}}"#,
                "fault trap",
            ),
            Row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-6","amount_cents":3000,"currency":"EUR","installments":3,"provider":"alpha","card_last4":"9979"}}"#,
                "dead-letter \"card refused: reported stolen (payment p-6)\"",
            ),
            Row(r#"{"type":"PaymentSettled","value_text":"{"}"#, "skip"),
            Row(r#"{"type":"PaymentRequested","value":{"payment_id":"p-7"}}"#, "error bad_json"),
            Row(r#"{"type":"PaymentRequested"}"#, "error tombstone"),
        ],
    );
}

#[test]
fn notify() {
    let rows = [
        Row(r#"{"type":"OrderCreated","headers":{"event_id":"e-1"},"value":{"order_id":"o-1"}}"#, "ack"),
        Row(r#"{"type":"OrderShipped","value":{"order_id":"o-1"}}"#, "ack"),
        Row(r#"{"type":"OrderCancelled","value":{"order_id":"o-1"}}"#, "ack"),
        Row(r#"{"type":"OrderReturned","value_text":"{"}"#, "skip"),
        Row(r#"{"type":"OrderCreated"}"#, "error tombstone"),
        Row(r#"{"type":"OrderCreated","value":{}}"#, "error bad_json"),
    ];
    check("notify", "[handler.config]\ntopic = \"out\"\n[handler.grants]\npublish = [\"out\"]\n", &rows);
    let [Row(created, _), ..] = rows;
    check("notify", "[handler.config]\ntopic = \"out\"\n", &[Row(created, "error denied")]);
    // The handler is made with its first event; one that cannot be made is made again for the next.
    check("notify", "", &[Row(created, "error missing_config"), Row(created, "error missing_config")]);
}

#[test]
fn audit() {
    check(
        "audit",
        "",
        &[
            Row(r#"{"type":"A","headers":{"tenant_id":"acme","actor_id":"jo"},"value_text":"x"}"#, "ack"),
            Row(
                r#"{"type":"A","headers":[["tag","a"],["tenant_id","acme"],["tag","b"],["signature",{"base64":"3q2+7w=="}],["tenant_id","other"]]}"#,
                "ack",
            ),
            Row(r#"{"type":"A","headers":{"tenant_id":""}}"#, "ack"),
            Row(r#"{"type":"A","headers":{"tenant":"acme"}}"#, "skip"),
            Row(r#"{"type":"A"}"#, "skip"),
            Row(r#"{"type":"A","headers":{"tenant_id":null}}"#, "error missing_header"),
            Row(r#"{"type":"A","headers":{"tenant_id":{"base64":"/w=="}}}"#, "error bad_header"),
            Row(r#"{"type":"A","headers":{"tenant_id":"acme","tag":null}}"#, "error missing_header"),
            Row(r#"{"type":"A","headers":{"tenant_id":"acme","tag":{"base64":"/w=="}}}"#, "error bad_header"),
        ],
    );
}

#[test]
fn bench() {
    let keys = "[handler.config]\nmode = \"json\"\nevery = \"2\"\nrun = \"r\"\n";
    check(
        "bench",
        keys,
        &[
            Row(r#"{"type":"E","value":{"customer":"c","items":[{"sku":"s","quantity":2,"price_cents":3}]}}"#, "ack"),
            Row(r#"{"type":"E","value":{"customer":"c","items":[]}}"#, "ack"),
            Row(r#"{"type":"E","value":{"customer":"d","items":[]}}"#, "ack"),
            Row(r#"{"type":"E","value":{}}"#, "error bench"),
            Row(r#"{"type":"bench.end","value_text":"r"}"#, "ack"),
            Row(r#"{"type":"bench.end","value_text":"another"}"#, "ack"),
        ],
    );
    check("bench", &keys.replace("json", "nothing"), &[Row(r#"{"type":"E"}"#, "error bad_config")]);
    let noop = keys.replace("json", "noop");
    check("bench", &noop, &[Row(r#"{"type":"E"}"#, "ack"), Row(r#"{"type":"E","value_text":""}"#, "ack")]);
    let publish =
        format!("{}topic = \"out\"\n[handler.grants]\npublish = [\"out\"]\n", keys.replace("json", "publish"));
    let forwarded = Row(r#"{"type":"E","key":"","headers":[["a",null],["a","b"]],"value_text":""}"#, "ack");
    check("bench", &publish, &[forwarded, Row(r#"{"type":"E"}"#, "ack")]);
    let wait = format!("{}wait_ms = \"2\"\n", keys.replace("json", "wait"));
    check("bench", &wait, &[Row(r#"{"type":"E"}"#, "ack"), Row(r#"{"type":"E"}"#, "ack")]);
}
