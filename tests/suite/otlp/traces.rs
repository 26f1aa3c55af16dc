//! One trace from the first producer through handlers and topics to the last consumer.

use sandbus_tests::collector::Span;
use sandbus_tests::{Collector, Record, StoredRecord, Topic, eventually, names};

use super::super::delivery::stage::{Probe, Stage, event};
use super::receivers::Receiver;
use super::{SOON, SPAN, TRACE, sending, traceparent};

const CONSUMER: u64 = 5;
const PRODUCER: u64 = 4;
const CLIENT: u64 = 3;
const ERROR: u64 = 2;

/// Waits for so many spans.
#[track_caller]
fn spans(collector: &Collector, count: usize) -> Vec<Span> {
    eventually(&format!("{count} spans"), SOON, || {
        let spans = collector.spans();
        if spans.len() >= count { Ok(spans) } else { Err(format!("{spans:#?}")) }
    })
}

#[track_caller]
fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let span = found.next().unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
    assert!(found.next().is_none(), "{name} twice in {spans:#?}");
    span
}

#[track_caller]
fn comes_from(record: &StoredRecord) -> &str {
    record.header("traceparent").unwrap_or_else(|| panic!("no traceparent in {record:?}"))
}

/// `notify` tells of orders in another topic, which the probe reads.
struct Chain {
    stage: Stage,
    told: Topic,
}

impl Chain {
    #[track_caller]
    fn new() -> Chain {
        let stage = Stage::new(1);
        let told = Topic::create_named(&stage.connection, &names::unique("told"), 1);
        let notify = format!(
            "\n[[handler]]\nname = \"notify\"\ncomponent = \"handlers/notify.wasm\"\n[handler.config]\ntopic = {0:?}\n[handler.grants]\npublish = [{0:?}]\n",
            told.name()
        );
        let probe = Probe::named("probe").line(&format!("topics = [{:?}]", told.name()));
        Chain { stage: stage.handler(&notify).probe(probe), told }
    }

    fn order() -> Record {
        Record::event("OrderCreated", r#"{"order_id":"o1"}"#).header("event_id", "e1")
    }
}

#[track_caller]
fn one_trace_by(protocol: &str) {
    let (collector, Chain { stage, told }) = (Collector::start(), Chain::new());
    let mut host = sending(&stage, &collector, protocol).start();
    host.wait_ready(SOON);
    let (parent, state) = (traceparent("01"), "vendor=1,other=2");
    stage.topic.write([Chain::order().header("traceparent", &parent).header("tracestate", state)]);

    let [topic, told_topic, results] = [&stage.topic, &told, &stage.results].map(|topic| topic.name().to_owned());
    let spans = spans(&collector, 4);
    let notify = named(&spans, &format!("process {topic}"));
    let tells = named(&spans, &format!("send {told_topic}"));
    let probe = named(&spans, &format!("process {told_topic}"));
    let reports = named(&spans, &format!("send {results}"));
    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
    assert_eq!(notify.parent, SPAN);
    assert_eq!(tells.parent, notify.id);
    assert_eq!(probe.parent, tells.id);
    assert_eq!(reports.parent, probe.id);
    assert_eq!([notify, tells, probe, reports].map(|span| span.kind), [CONSUMER, PRODUCER, CONSUMER, PRODUCER]);
    for span in &spans {
        assert!(span.start <= span.end && span.status == 0 && span.scope == "sandbus", "{span:#?}");
    }
    assert!(notify.end <= tells.end && tells.start <= probe.start, "{spans:#?}");
    let expected = [
        ("messaging.system", "kafka"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", &topic),
        ("messaging.destination.partition.id", "0"),
        ("messaging.kafka.offset", "0"),
        ("messaging.consumer.group.name", stage.group.name()),
        ("messaging.message.id", "e1"),
        ("event.type", "OrderCreated"),
        ("handler.name", "notify"),
        ("sandbus.attempt", "1"),
        ("sandbus.verdict", "ack"),
    ];
    for (name, value) in expected {
        assert_eq!(notify.attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    let records = told.read();
    let record = &records[0];
    assert_eq!(comes_from(record), format!("00-{TRACE}-{}-01", tells.id));
    assert_eq!(record.header("tracestate"), Some(state));
    assert!(host.terminate(SOON).success());
}

#[test]
fn one_trace_goes_through_two_handlers_by_grpc() {
    one_trace_by("grpc");
}

#[test]
fn one_trace_goes_through_two_handlers_by_http() {
    one_trace_by("http/protobuf");
}

/// `fetch` asks a server that keeps what it hears.
fn asking(stage: Stage, server: &Receiver) -> Stage {
    let grant = format!("http://127.0.0.1:{}/v1", server.port);
    stage.handler(&format!(
        "\n[[handler]]\nname = \"fetch\"\ncomponent = \"handlers/fetch.wasm\"\n[handler.grants]\nhttp = [{grant:?}]\n"
    ))
}

#[test]
fn a_handlers_request_is_below_its_try_and_the_server_hears_of_it() {
    let (collector, server) = (Collector::start(), Receiver::http(b"there".to_vec()));
    let stage = asking(Stage::new(1), &server);
    let mut host = sending(&stage, &collector, "grpc").start();
    host.wait_ready(SOON);
    let url = format!("http://127.0.0.1:{}/v1/orders", server.port);
    let body = format!(r#"[{{"url": "{url}?token=secret"}}, {{"url": "{url}", "headers": [["traceparent", "own"]]}}]"#);
    stage.topic.write([Record::event("Asked", &body).header("traceparent", traceparent("01"))]);

    let spans = spans(&collector, 3);
    let tried = named(&spans, &format!("process {}", stage.topic.name()));
    assert_eq!((&*tried.trace, &*tried.parent, tried.status), (TRACE, SPAN, 0), "{tried:#?}");
    let mut requests: Vec<_> = spans.iter().filter(|span| span.name == "GET").collect();
    requests.sort_by_key(|span| span.start);
    let heard: Vec<_> = server.heads().iter().map(|head| head.headers["traceparent"].clone()).collect();
    assert_eq!(heard, [format!("00-{TRACE}-{}-01", requests[0].id), "own".to_owned()]);
    for span in requests {
        assert_eq!((span.kind, &*span.trace, &*span.parent, span.status), (CLIENT, TRACE, &*tried.id, 0), "{span:#?}");
        assert!(tried.start <= span.start && span.start < span.end && span.end <= tried.end, "{span:#?} {tried:#?}");
        for (name, value) in [
            ("http.request.method", "GET"),
            ("url.full", &url),
            ("server.address", "127.0.0.1"),
            ("server.port", &server.port.to_string()),
            ("http.response.status_code", "200"),
            ("handler.name", "fetch"),
        ] {
            assert_eq!(span.attributes.get(name).map(String::as_str), Some(value), "{name} of {span:#?}");
        }
    }
    assert!(host.terminate(SOON).success());
}

#[test]
fn an_event_that_is_redriven_goes_on_in_its_trace() {
    let (collector, stage) = (Collector::start(), Stage::new(1));
    let mut again = Stage::with(&stage.connection, stage.topic.clone(), stage.results.clone());
    again.group = stage.group.clone();
    let stage = stage.probe(Probe::named("probe").line("max_retries = 0"));
    let mut host = sending(&stage, &collector, "grpc").start();
    host.wait_ready(SOON);
    stage.topic.write([event("a", "until:2:error:Broken:it").header("traceparent", traceparent("01"))]);
    stage.wait_final(1);
    assert!(host.terminate(SOON).success());

    // Its tries are counted anew.
    let deployment = sending(&again.probe(Probe::named("probe").line("max_retries = 1")), &collector, "grpc");
    let redriven = deployment.run(&["dlq", "redrive", "--all"], b"", SOON);
    assert!(redriven.status.success(), "{redriven:?}");
    let mut host = deployment.start();
    host.wait_ready(SOON);
    stage.wait_acks(1);
    // Three tries, the dead letter behind the first of them, and the report of the last.
    let spans = spans(&collector, 5);
    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
    let mut tries: Vec<_> = spans.iter().filter(|span| span.kind == CONSUMER).collect();
    tries.sort_by_key(|span| span.start);
    let shown: Vec<_> = tries
        .iter()
        .map(|span| {
            let [attempt, verdict, offset] =
                ["sandbus.attempt", "sandbus.verdict", "messaging.kafka.offset"].map(|name| &*span.attributes[name]);
            assert_eq!(span.name, format!("process {}", stage.topic.name()), "of the topic that it came from");
            (&*span.parent, attempt, verdict, offset)
        })
        .collect();
    let expected = [(SPAN, "1", "error", "0"), (SPAN, "1", "error", "0"), (SPAN, "2", "ack", "0")];
    assert_eq!(shown, expected, "{spans:#?}");
    assert_eq!(named(&spans, &format!("send {}", stage.topic.dead_letters().name())).parent, tries[0].id);
    assert_eq!(named(&spans, &format!("send {}", stage.results.name())).parent, tries[2].id);
    assert!(host.terminate(SOON).success());
}

#[test]
fn each_event_of_a_batch_has_a_span_in_the_trace_of_its_own() {
    const EVENTS: usize = 64;
    let (collector, stage) = (Collector::start(), Stage::new(1));
    let stage = stage.probe(Probe::named("probe").line("concurrency = 1"));
    let parent = |number: usize| (format!("{:032x}", number + 1), format!("{:016x}", number + 1));
    // There before the host is, so that they come together.
    stage.topic.write((0..EVENTS).map(|number| {
        let (trace, span) = parent(number);
        event(&format!("key-{number}"), "skip").header("traceparent", format!("00-{trace}-{span}-01"))
    }));
    let mut host = sending(&stage, &collector, "grpc").start();
    host.wait_ready(SOON);
    stage.wait_final(EVENTS as i64);
    let batches = host.metrics().sum("sandbus_handler_batches_total", &[("handler_name", "probe")]).unwrap();
    assert!(batches < EVENTS as f64 / 2.0, "{batches} batches of {EVENTS} events");
    let mut spans: Vec<_> = spans(&collector, EVENTS).into_iter().filter(|span| span.kind == CONSUMER).collect();
    spans.sort_by_key(|span| span.attributes["messaging.kafka.offset"].parse::<usize>().unwrap());
    let found: Vec<_> = spans.iter().map(|span| (span.trace.clone(), span.parent.clone())).collect();
    assert_eq!(found, (0..EVENTS).map(parent).collect::<Vec<_>>());
    // One after the other, as long as each other, but where a batch ends.
    let follow = spans.windows(2).filter(|pair| pair[0].end == pair[1].start).count();
    assert_eq!(follow as f64, EVENTS as f64 - batches, "{spans:#?}");
    assert!(host.terminate(SOON).success());
}

#[test]
fn a_ratio_decides_about_all_traces_or_about_those_that_begin_here() {
    // A trace that came and is recorded, one that came and is not, and one that begins here.
    for (sampler, share, recorded) in [
        ("traceidratio", "0", [false; 3]),
        ("traceidratio", "1", [true; 3]),
        ("parentbased_traceidratio", "0", [true, false, false]),
        ("parentbased_traceidratio", "1", [true, false, true]),
    ] {
        let (collector, stage) = (Collector::start(), Stage::new(1).probe(Probe::named("probe")));
        let mut host = sending(&stage, &collector, "grpc")
            .env("OTEL_TRACES_SAMPLER", sampler)
            .env("OTEL_TRACES_SAMPLER_ARG", share)
            .start();
        host.wait_ready(SOON);
        let came = ["01", "00"].map(|flags| event("a", "skip").header("traceparent", traceparent(flags)));
        stage.topic.write(came.into_iter().chain([event("a", "skip")]));
        stage.wait_final(3);
        // The end sends what is left.
        assert!(host.terminate(SOON).success());
        let spans = collector.spans();
        let mut offsets: Vec<_> = spans.iter().map(|span| &*span.attributes["messaging.kafka.offset"]).collect();
        offsets.sort_unstable();
        let expected: Vec<_> = ["0", "1", "2"].into_iter().zip(recorded).filter(|(_, recorded)| *recorded).collect();
        assert_eq!(offsets, expected.into_iter().map(|(offset, _)| offset).collect::<Vec<_>>(), "{sampler} {share}");
        assert!(spans.iter().all(|span| span.attributes["messaging.kafka.offset"] == "2" || span.trace == TRACE));
    }
}

#[test]
fn a_trace_begins_where_none_came_and_holds_every_try() {
    let collector = Collector::start();
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 1"));
    let mut host = sending(&stage, &collector, "grpc").start();
    host.wait_ready(SOON);
    stage.topic.write([
        event("a", "until:2:retry"),
        event("b", "error:Broken:the shelf is empty"),
        event("c", "until:2:trap"),
    ]);
    stage.wait_final(3);
    // Two tries of each, two reports, one dead letter.
    let spans = spans(&collector, 9);
    let tries = |offset: &str| {
        let mut tries: Vec<_> = spans
            .iter()
            .filter(|span| span.attributes.get("messaging.kafka.offset").is_some_and(|own| own == offset))
            .collect();
        tries.sort_by_key(|span| span.attributes["sandbus.attempt"].clone());
        let shown: Vec<_> = tries
            .iter()
            .map(|span| {
                let error = span.attributes.get("error.type").map_or("", String::as_str);
                (&*span.attributes["sandbus.attempt"], &*span.attributes["sandbus.verdict"], error, span.status)
            })
            .collect();
        assert!(tries.iter().all(|span| span.parent.is_empty() && span.trace == tries[0].trace), "{tries:#?}");
        (shown, tries[0].trace.clone(), tries.last().unwrap().id.clone(), tries[0].message.clone())
    };
    assert_eq!(tries("0").0, [("1", "retry", "retry", ERROR), ("2", "ack", "", 0)]);
    let broken = tries("1");
    assert_eq!(broken.0, [("1", "error", "Broken", ERROR), ("2", "error", "Broken", ERROR)]);
    assert_eq!(broken.3, "the shelf is empty");
    assert_eq!(tries("2").0, [("1", "fault", "trap", ERROR), ("2", "ack", "", 0)]);
    let traces = ["0", "1", "2"].map(|offset| tries(offset).1);
    assert!(traces[0] != traces[1] && traces[1] != traces[2], "{traces:?}");
    let letter = named(&spans, &format!("send {}", stage.topic.dead_letters().name()));
    assert_eq!((&letter.trace, &letter.parent), (&broken.1, &broken.2), "of the last try");
    assert!(host.terminate(SOON).success());
}

#[test]
fn a_guest_that_copies_all_headers_is_a_link_of_the_chain_all_the_same() {
    let (collector, stage) = (Collector::start(), Stage::new(1));
    let copies = Topic::create_named(&stage.connection, &names::unique("copies"), 1);
    let stage = stage.probe(Probe::named("probe").publishes(copies.name()));
    let mut host = sending(&stage, &collector, "grpc").start();
    host.wait_ready(SOON);
    stage.topic.write([event("a", &format!("publish:{}", copies.name())).header("traceparent", traceparent("01"))]);
    let spans = spans(&collector, 3);
    let send = named(&spans, &format!("send {}", copies.name()));
    assert_eq!(comes_from(&copies.read()[0]), format!("00-{TRACE}-{}-01", send.id));
    assert!(host.terminate(SOON).success());
}

#[test]
fn what_is_not_sampled_makes_no_span_and_the_next_hears_so() {
    let (collector, Chain { stage, told }) = (Collector::start(), Chain::new());
    let mut host = sending(&stage, &collector, "grpc").env("OTEL_TRACES_SAMPLER", "parentbased_always_off").start();
    host.wait_ready(SOON);
    let unsampled = traceparent("00");
    stage.topic.write([Chain::order().header("traceparent", &unsampled), Chain::order()]);
    stage.wait_acks(2);
    let told = told.read();
    assert_eq!(comes_from(&told[0]), unsampled);
    assert!(comes_from(&told[1]).ends_with("-00"), "{:?}", told[1]);
    // The end sends what is left.
    assert!(host.terminate(SOON).success());
    assert_eq!(collector.spans(), []);
}

#[test]
fn a_sampled_parent_is_followed_where_nothing_begins_by_itself() {
    let (collector, Chain { stage, .. }) = (Collector::start(), Chain::new());
    let mut host =
        sending(&stage, &collector, "http/protobuf").env("OTEL_TRACES_SAMPLER", "parentbased_always_off").start();
    host.wait_ready(SOON);
    stage.topic.write([Chain::order().header("traceparent", traceparent("01")), Chain::order()]);
    stage.wait_acks(2);
    assert!(host.terminate(SOON).success());
    let spans = collector.spans();
    assert!(spans.len() == 4 && spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
}

#[test]
fn without_tracing_there_are_no_spans_and_records_are_left_alone() {
    let (collector, Chain { stage, told }) = (Collector::start(), Chain::new());
    let mut host = sending(&stage, &collector, "grpc").env("SANDBUS_TELEMETRY__ENABLE_TRACING", "false").start();
    host.wait_ready(SOON);
    stage.topic.write([Chain::order().header("traceparent", traceparent("01"))]);
    stage.wait_acks(1);
    assert!(host.terminate(SOON).success());
    assert_eq!((collector.spans(), told.read()[0].header("traceparent")), (vec![], None));
}

#[test]
fn without_a_receiver_the_trace_is_passed_on() {
    let Chain { stage, told } = Chain::new();
    let _host = stage.start();
    stage.topic.write([Chain::order().header("traceparent", traceparent("01")), Chain::order()]);
    stage.wait_acks(2);
    let told = told.read();
    assert_eq!([told[0].header("traceparent"), told[1].header("traceparent")], [Some(&*traceparent("01")), None]);
}
