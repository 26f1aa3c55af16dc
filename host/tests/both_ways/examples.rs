//! Every row of the tables in `examples/README.md`, in each language that the example is written in.

use super::languages::LANGUAGES;
use super::*;

/// An event, and how a try of it ends.
struct Row {
    /// The event as a JSON line.
    line: &'static str,
    /// The beginning of what [`ended`] shows.
    ends: &'static str,
    /// A language in which it ends otherwise; `examples/README.md` says why.
    but: Option<(&'static str, &'static str)>,
}

const fn row(line: &'static str, ends: &'static str) -> Row {
    Row { line, ends, but: None }
}

impl Row {
    const fn but(self, language: &'static str, ends: &'static str) -> Row {
        Row { but: Some((language, ends)), ..self }
    }

    fn ends_in(&self, language: &str) -> &'static str {
        self.but.filter(|(other, _)| *other == language).map_or(self.ends, |(_, ends)| ends)
    }
}

/// Runs the rows in each language: each alone, then all that do not fault in one batch, then all in one. Both ways.
fn check(name: &str, keys: &str, rows: &[Row]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let written = || LANGUAGES.iter().filter(|language| folder.join(language).is_dir());
    for language in written() {
        check_one(name, language, keys, rows);
    }
    for (language, _) in rows.iter().filter_map(|row| row.but) {
        assert!(written().any(|known| *known == language), "there is no {name} in {language}");
    }
}

fn check_one(name: &str, language: &'static str, keys: &str, rows: &[Row]) {
    let subject = Subject::new(name, language, keys);
    let tries = |lane: fn(i64) -> Option<u64>| -> Vec<Try> {
        let events = rows.iter().zip(0..).map(|(row, offset)| a_try(of_line(row.line, offset), 1, lane(offset)));
        events.collect()
    };
    let faulting = |row: &&Row| row.ends_in(language).starts_with("fault");
    let (mut typed, mut packed) = subject.ways();
    for (run, row) in tries(|_| None).iter().zip(rows) {
        let (line, ends) = (row.line, row.ends_in(language));
        let by_event = typed.alone(run);
        assert_eq!(packed.alone(run), by_event, "{name}-{language}: {line}");
        let (ending, _) = &by_event.ended[0];
        assert!(ending.starts_with(ends), "{name}-{language}: {line}\nends in {ending}, not in {ends}");
    }
    let faults = rows.iter().any(|row| faulting(&row));
    let calm: Vec<Try> =
        tries(|_| None).into_iter().zip(rows).filter(|(_, row)| !faulting(row)).map(|(run, _)| run).collect();
    let batches = [
        (calm, false),
        (tries(|_| None), faults),
        // Two neighbours share a lane, so that the second does not run where the first fails. A row that faults is a
        // lane's first.
        (tries(|offset| Some((offset / 2).unsigned_abs())), faults),
    ];
    for (batch, faults) in batches {
        let (_, fault) = compare(&subject, &batch, name);
        assert_eq!(fault.is_some(), faults, "{name}-{language}: {fault:?}");
    }
}

#[test]
fn order_projection() {
    check(
        "order-projection",
        "events = [\"*\"]\n",
        &[
            row(
                r#"{"type":"OrderCreated","value":{"order_id":"o-1","currency":"EUR","items":[{"quantity":2,"price_cents":150}]}}"#,
                "ack",
            ),
            row(
                r#"{"type":"OrderCreated","value":{"order_id":"o-2","currency":"EUR","items":[{"quantity":1,"price_cents":5}]}}"#,
                "ack",
            ),
            row(
                r#"{"type":"OrderCreated","value":{"order_id":"o-3","currency":"EUR","items":[]}}"#,
                "error empty_order",
            ),
            row(
                r#"{"type":"OrderCreated","value":{"order_id":"o-4","currency":"EUR","items":[{"quantity":2,"price_cents":18446744073709551615}]}}"#,
                "error order_too_large",
            ),
            row(r#"{"type":"OrderCancelled","value":{"order_id":"o-1","reason":"too late"}}"#, "ack"),
            row(r#"{"type":"OrderCancelled","value":{"order_id":"o-1"}}"#, "error bad_json"),
            row(r#"{"type":"OrderCreated","value_text":"{"}"#, "error bad_json"),
            row(r#"{"type":"OrderCreated","value_base64":"/w=="}"#, "error bad_json"),
            row(r#"{"type":"OrderCreated","key":"o-1"}"#, "error tombstone"),
            row(r#"{"type":"OrderShipped","value":{}}"#, "skip"),
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
            row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-1","amount_cents":3000,"currency":"EUR","installments":3,"provider":"alpha","card_last4":"4242"}}"#,
                "ack",
            ),
            row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-2","amount_cents":3000,"currency":"EUR","installments":3,"provider":"beta","card_last4":"4242"}}"#,
                "retry after 50ms",
            ),
            row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-3","amount_cents":3000,"currency":"EUR","installments":3,"provider":"alpha","card_last4":"0002"}}"#,
                "dead-letter \"card refused: declined (payment p-3)\"",
            ),
            row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-4","amount_cents":3000,"currency":"EUR","installments":3,"provider":"alpha","card_last4":"0069"}}"#,
                "dead-letter \"card refused: expired (payment p-4)\"",
            ),
            row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-5","amount_cents":3000,"currency":"EUR","installments":0,"provider":"alpha","card_last4":"4242"}}"#,
                "fault trap",
            )
            .but("go", "error panic"),
            row(
                r#"{"type":"PaymentRequested","value":{"payment_id":"p-6","amount_cents":3000,"currency":"EUR","installments":3,"provider":"alpha","card_last4":"9979"}}"#,
                "dead-letter \"card refused: reported stolen (payment p-6)\"",
            ),
            row(r#"{"type":"PaymentSettled","value_text":"{"}"#, "skip"),
            row(r#"{"type":"PaymentRequested","value":{"payment_id":"p-7"}}"#, "error bad_json"),
            row(r#"{"type":"PaymentRequested"}"#, "error tombstone"),
            row(
                r#"{"type":"PaymentRequested","value_text":"{\"payment_id\":\"p-8\",\"payment_id\":\"p-9\",\"amount_cents\":1,\"currency\":\"EUR\",\"installments\":1,\"provider\":\"alpha\",\"card_last4\":\"4242\"}"}"#,
                "error bad_json",
            )
            .but("go", "ack"),
        ],
    );
}

#[test]
fn notify() {
    let rows = [
        row(r#"{"type":"OrderCreated","headers":{"event_id":"e-1"},"value":{"order_id":"o-1"}}"#, "ack"),
        row(r#"{"type":"OrderShipped","value":{"order_id":"o-1"}}"#, "ack"),
        row(r#"{"type":"OrderCancelled","value":{"order_id":"o-1"}}"#, "ack"),
        row(r#"{"type":"OrderReturned","value_text":"{"}"#, "skip"),
        row(r#"{"type":"OrderCreated"}"#, "error tombstone"),
        row(r#"{"type":"OrderCreated","value":{}}"#, "error bad_json"),
    ];
    check("notify", "[handler.config]\ntopic = \"out\"\n[handler.grants]\npublish = [\"out\"]\n", &rows);
    let created = rows[0].line;
    check("notify", "[handler.config]\ntopic = \"out\"\n", &[row(created, "error denied")]);
    // The handler is made with its first event; one that cannot be made is made again for the next.
    check("notify", "", &[row(created, "error missing_config"), row(created, "error missing_config")]);
}

#[test]
fn audit() {
    check(
        "audit",
        "",
        &[
            row(r#"{"type":"A","headers":{"tenant_id":"acme","actor_id":"jo"},"value_text":"x"}"#, "ack"),
            row(
                r#"{"type":"A","headers":[["tag","a"],["tenant_id","acme"],["tag","b"],["signature",{"base64":"3q2+7w=="}],["tenant_id","other"]]}"#,
                "ack",
            ),
            row(r#"{"type":"A","headers":{"tenant_id":""}}"#, "ack"),
            row(r#"{"type":"A","headers":{"tenant":"acme"}}"#, "skip"),
            row(r#"{"type":"A"}"#, "skip"),
            row(r#"{"type":"A","headers":{"tenant_id":null}}"#, "error missing_header"),
            row(r#"{"type":"A","headers":{"tenant_id":{"base64":"/w=="}}}"#, "error bad_header"),
            row(r#"{"type":"A","headers":{"tenant_id":"acme","tag":null}}"#, "error missing_header"),
            row(r#"{"type":"A","headers":{"tenant_id":"acme","tag":{"base64":"/w=="}}}"#, "error bad_header"),
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
            row(r#"{"type":"E","value":{"customer":"c","items":[{"sku":"s","quantity":2,"price_cents":3}]}}"#, "ack"),
            row(r#"{"type":"E","value":{"customer":"c","items":[]}}"#, "ack"),
            row(r#"{"type":"E","value":{"customer":"d","items":[]}}"#, "ack"),
            row(r#"{"type":"E","value":{}}"#, "error bench"),
            row(r#"{"type":"bench.end","value_text":"r"}"#, "ack"),
            row(r#"{"type":"bench.end","value_text":"another"}"#, "ack"),
        ],
    );
    check("bench", &keys.replace("json", "nothing"), &[row(r#"{"type":"E"}"#, "error bad_config")]);
    let noop = keys.replace("json", "noop");
    check("bench", &noop, &[row(r#"{"type":"E"}"#, "ack"), row(r#"{"type":"E","value_text":""}"#, "ack")]);
    let publish =
        format!("{}topic = \"out\"\n[handler.grants]\npublish = [\"out\"]\n", keys.replace("json", "publish"));
    let forwarded = row(r#"{"type":"E","key":"","headers":[["a",null],["a","b"]],"value_text":""}"#, "ack");
    check("bench", &publish, &[forwarded, row(r#"{"type":"E"}"#, "ack")]);
    let wait = format!("{}wait_ms = \"2\"\n", keys.replace("json", "wait"));
    check("bench", &wait, &[row(r#"{"type":"E"}"#, "ack"), row(r#"{"type":"E"}"#, "ack")]);
}
