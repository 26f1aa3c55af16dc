use std::sync::{Mutex, PoisonError};

use opentelemetry::{Context, Key};
use opentelemetry_sdk::error::OTelSdkResult;
use slotmap::KeyData;

use super::*;
use crate::config::{HttpOrigin, Scheme};
use crate::delivery::partition::DeliveryKey;
use crate::delivery::scheduler::{Assignment, DeliveryId};
use crate::delivery::verdict::{Ending, ErrorKind};
use crate::event::{Event, RecordBuilder};

const REMOTE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Bytes of an attribute here.
const LONGEST: usize = 100;

/// Keeps spans in place of exporting them.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl Kept {
    fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

struct Bench {
    tracer: GroupTracer,
    kept: Kept,
    queue: Arc<Queue>,
}

fn bench(parent_based: bool, root: Sampler) -> Bench {
    let (kept, queue) = (Kept::default(), Queue::new(Signal::Traces, 4));
    let export = Export::new(queue.clone(), Box::new(kept.clone()), LONGEST);
    let spans = Spans::sampled(Sampling { parent_based, root }, Some(export));
    Bench { tracer: tracer(spans), kept, queue }
}

fn tracer(spans: Spans) -> GroupTracer {
    GroupTracer::new(Arc::new(spans), "g", vec!["first".into(), "second".into()])
}

fn run(traceparent: Option<&str>, delivery: u64, attempt: u32) -> Try {
    let mut record = RecordBuilder::new("t".into(), 3, 42, 0);
    record.header(b"event_type", Some(b"OrderCreated"));
    record.header(b"event_id", Some(b"e-1"));
    if let Some(traceparent) = traceparent {
        record.header(b"traceparent", Some(traceparent.as_bytes()));
        record.header(b"tracestate", Some(b"vendor=1"));
    }
    let id = DeliveryId { assignment: Assignment(1), key: DeliveryKey::from(KeyData::from_ffi(delivery)) };
    Try { id, attempt, lane: None, event: Event::decode(record.build()).unwrap() }
}

fn tried(run: Try, ending: Ending, wall: Duration) -> Tried {
    Tried { ending: Some(ending), wall, ..Tried::not_run(run) }
}

fn ran(tried: Vec<Tried>) -> Ran {
    Ran { tried, ..Ran::default() }
}

fn outgoing(headers: &[(&str, &str)]) -> Outgoing {
    let headers = headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec())));
    Outgoing { topic: "out".into(), key: None, value: None, headers: headers.collect(), timestamp: None }
}

fn attribute(span: &SpanData, key: &'static str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == Key::new(key));
    found.map_or_else(String::new, |found| found.value.to_string())
}

fn parent_of(record: &Outgoing) -> Option<TraceParent> {
    let mut values = record.headers.iter().filter(|(name, _)| name == b"traceparent");
    assert!(values.clone().count() <= 1, "one alone: {record:?}");
    values.next().and_then(|(_, value)| TraceParent::parse(value.as_deref()?))
}

#[test]
fn a_try_is_a_span_with_its_record_as_parent() {
    let Bench { tracer, kept, .. } = bench(true, Sampler::AlwaysOff);
    tracer.ran(1, &ran(vec![tried(run(Some(REMOTE), 1, 2), Ending::Ack, Duration::from_millis(5))]));
    let spans = kept.take();
    let [span] = &*spans else { panic!("{spans:?}") };
    assert_eq!(span.name, "process t");
    assert_eq!(span.span_kind, SpanKind::Consumer);
    assert_eq!(span.span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((span.parent_span_id.to_string().as_str(), span.parent_span_is_remote), ("b7ad6b7169203331", true));
    assert_eq!(span.end_time.duration_since(span.start_time).unwrap(), Duration::from_millis(5));
    assert_eq!(span.status, Status::Unset);
    for (key, value) in [
        ("messaging.system", "kafka"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "t"),
        ("messaging.destination.partition.id", "3"),
        ("messaging.kafka.offset", "42"),
        ("messaging.consumer.group.name", "g"),
        ("messaging.message.id", "e-1"),
        ("event.type", "OrderCreated"),
        ("handler.name", "second"),
        ("sandbus.attempt", "2"),
        ("sandbus.verdict", "ack"),
        ("error.type", ""),
    ] {
        assert_eq!(attribute(span, key), value, "{key}");
    }
}

#[test]
fn a_failure_is_an_error_and_says_why() {
    let Bench { tracer, kept, .. } = bench(true, Sampler::AlwaysOn);
    let ending = Ending::Error { kind: ErrorKind::from_guest("Broken"), message: "ä".repeat(2000) };
    tracer.ran(0, &ran(vec![tried(run(None, 1, 1), ending, Duration::ZERO)]));
    let spans = kept.take();
    assert_eq!(spans[0].status, Status::error("ä".repeat(1000)));
    assert_eq!(
        (attribute(&spans[0], "error.type"), attribute(&spans[0], "sandbus.verdict")),
        ("Broken".into(), "error".into())
    );
    assert_eq!(spans[0].parent_span_id, SpanId::INVALID);
}

#[test]
fn tries_of_a_record_share_a_trace_and_each_has_a_span_of_its_own() {
    let Bench { tracer, kept, .. } = bench(true, Sampler::AlwaysOn);
    let tries = vec![
        tried(run(None, 1, 1), Ending::Retry(None), Duration::from_millis(1)),
        tried(run(None, 1, 2), Ending::Ack, Duration::from_millis(2)),
        tried(run(None, 2, 1), Ending::Ack, Duration::from_millis(3)),
        Tried::not_run(run(None, 3, 1)),
    ];
    tracer.ran(0, &ran(tries));
    tracer.ran(1, &ran(vec![tried(run(None, 1, 1), Ending::Ack, Duration::ZERO)]));
    let spans = kept.take();
    assert_eq!(spans.len(), 4, "what did not run is no try");
    let mut ids: Vec<_> = spans.iter().map(|span| span.span_context.span_id().to_string()).collect();
    assert!(spans.iter().all(|span| span.span_context.trace_id() == spans[0].span_context.trace_id()));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(spans[0].end_time, spans[1].start_time, "one after the other");
    let trace = spans[0].span_context.trace_id().to_bytes();
    assert_ne!(trace[..8], trace[8..]);
}

#[test]
fn what_is_published_comes_from_its_try() {
    let Bench { tracer, kept, .. } = bench(true, Sampler::AlwaysOn);
    let run = run(Some(REMOTE), 1, 1);
    let mut record = outgoing(&[("event_type", "Told")]);
    let mark = tracer.leaves(0, &run, &mut record).unwrap();
    tracer.ran(0, &ran(vec![tried(run, Ending::Ack, Duration::ZERO)]));
    tracer.sent(0, mark, &"out".into(), Instant::now(), None);
    let spans = kept.take();
    let [process, send] = &*spans else { panic!("{spans:?}") };
    assert_eq!((&*send.name, &send.span_kind), ("send out", &SpanKind::Producer));
    assert_eq!(send.span_context.trace_id(), process.span_context.trace_id());
    assert_eq!((send.parent_span_id, send.parent_span_is_remote), (process.span_context.span_id(), false));
    let parent = parent_of(&record).unwrap();
    assert_eq!(SpanId::from(parent.span), send.span_context.span_id());
    assert!(parent.sampled);
    let states: Vec<_> = record.headers.iter().filter(|(name, _)| name == b"tracestate").collect();
    assert_eq!(states, [&(b"tracestate".to_vec(), Some(b"vendor=1".to_vec()))]);
}

#[test]
fn a_request_is_a_span_below_its_try() {
    let Bench { tracer, kept, .. } = bench(true, Sampler::AlwaysOn);
    let run = run(Some(REMOTE), 1, 1);
    let (told, mark) = tracer.spans.requests("first", &run);
    let (told, mark) = (told.unwrap(), mark.unwrap());
    assert!(told.sampled && told.span == mark.span && told.trace == mark.trace);
    tracer.ran(0, &ran(vec![tried(run, Ending::Ack, Duration::ZERO)]));
    let server = HttpOrigin { scheme: Scheme::Https, host: "api.example.com".into(), port: 443 };
    for ended in [Ok(200), Ok(503), Err("connection_refused")] {
        let request = WebRequest { method: "GET", server: &server, path: "/v1", began: Instant::now(), ended };
        tracer.spans.answered("first", mark, &request);
    }
    let spans = kept.take();
    let [process, good, bad, none] = &*spans else { panic!("{spans:?}") };
    assert_eq!((&*good.name, &good.span_kind), ("GET", &SpanKind::Client));
    assert_eq!((good.parent_span_id, good.parent_span_is_remote), (process.span_context.span_id(), false));
    assert_eq!(SpanId::from(told.span), good.span_context.span_id());
    let shown = ["url.full", "server.address", "server.port", "http.request.method", "http.response.status_code"];
    assert_eq!(
        shown.map(|key| attribute(good, key)),
        ["https://api.example.com/v1", "api.example.com", "443", "GET", "200"]
    );
    assert_eq!((attribute(good, "error.type"), &good.status), (String::new(), &Status::Unset));
    assert_eq!(
        (attribute(bad, "error.type"), attribute(none, "error.type")),
        ("503".into(), "connection_refused".into())
    );
    assert!(matches!((&bad.status, &none.status), (Status::Error { .. }, Status::Error { .. })));
}

#[test]
fn what_an_event_or_a_guest_makes_long_is_cut() {
    let Bench { tracer, kept, .. } = bench(true, Sampler::AlwaysOn);
    let mut record = RecordBuilder::new("t".into(), 3, 42, 0);
    record.header(b"event_id", Some("ä".repeat(500_000).as_bytes()));
    let run = Try { event: Event::decode(record.build()).unwrap(), ..run(None, 1, 1) };
    let (_, mark) = tracer.spans.requests("first", &run);
    tracer.ran(0, &ran(vec![tried(run, Ending::Ack, Duration::ZERO)]));
    let server = HttpOrigin { scheme: Scheme::Http, host: "a".into(), port: 80 };
    let (method, path) = ("M".repeat(5000), "/".repeat(5000));
    let request = WebRequest { method: &method, server: &server, path: &path, began: Instant::now(), ended: Ok(200) };
    tracer.spans.answered("first", mark.unwrap(), &request);
    let spans = kept.take();
    let [process, request] = &*spans else { panic!("{spans:?}") };
    assert_eq!(attribute(process, "messaging.message.id"), "ä".repeat(LONGEST / 2));
    assert_eq!(attribute(process, "messaging.kafka.offset"), "42", "a number is none");
    assert_eq!(attribute(request, "url.full").len(), LONGEST);
    assert_eq!((request.name.len(), attribute(request, "http.request.method").len()), (LONGEST, LONGEST));
}

#[test]
fn a_refused_record_is_an_error() {
    let Bench { tracer, kept, .. } = bench(true, Sampler::AlwaysOn);
    let mark = tracer.leaves(0, &run(None, 1, 1), &mut outgoing(&[])).unwrap();
    tracer.sent(0, mark, &"out".into(), Instant::now(), Some("no such topic"));
    let spans = kept.take();
    assert_eq!(spans[0].status, Status::error("no such topic"));
    assert_eq!(attribute(&spans[0], "error.type"), "publish_rejected");
}

#[test]
fn the_guests_own_word_stays_and_a_copy_does_not() {
    let Bench { tracer, .. } = bench(true, Sampler::AlwaysOn);
    let run = run(Some(REMOTE), 1, 1);
    let own = REMOTE.replace("b7ad", "c0de");
    let mut record = outgoing(&[("traceparent", &own), ("tracestate", "guest=1")]);
    let before = record.clone();
    assert!(tracer.leaves(0, &run, &mut record).is_some(), "it is sent all the same");
    assert_eq!(record, before);
    let mut record = outgoing(&[("a", "1"), ("traceparent", REMOTE), ("tracestate", "vendor=1"), ("b", "2")]);
    let mark = tracer.leaves(0, &run, &mut record).unwrap();
    assert_eq!(parent_of(&record).unwrap().span, mark.span);
    assert_eq!(record.headers.len(), 4);
}

#[test]
fn what_is_not_recorded_says_so_to_the_next_and_leaves_no_gap() {
    let Bench { tracer, kept, .. } = bench(true, Sampler::AlwaysOff);
    let unsampled = REMOTE.replace("-01", "-00");
    for (traceparent, told) in [(Some(&*unsampled), Some(&*unsampled)), (None, None)] {
        let run = run(traceparent, 1, 1);
        let mut record = outgoing(&[]);
        assert_eq!(tracer.leaves(0, &run, &mut record), None);
        tracer.ran(0, &ran(vec![tried(run, Ending::Ack, Duration::ZERO)]));
        let parent = parent_of(&record).unwrap();
        assert!(!parent.sampled);
        assert!(told.is_none_or(|told| parent.to_string() == told), "{parent}");
    }
    assert_eq!(kept.take(), []);
}

#[test]
fn a_sampler_that_does_not_ask_the_parent_decides_alone() {
    let Bench { tracer, kept, .. } = bench(false, Sampler::AlwaysOff);
    let run_of = |text: &str| tried(run(Some(text), 1, 1), Ending::Ack, Duration::ZERO);
    let mut record = outgoing(&[]);
    assert_eq!(tracer.leaves(0, &run(Some(REMOTE), 1, 1), &mut record), None);
    assert_eq!(parent_of(&record).unwrap().to_string(), REMOTE.replace("-01", "-00"));
    tracer.ran(0, &ran(vec![run_of(REMOTE)]));
    assert_eq!(kept.take(), []);
    let Bench { tracer, kept, .. } = bench(false, Sampler::AlwaysOn);
    tracer.ran(0, &ran(vec![run_of(&REMOTE.replace("-01", "-00"))]));
    assert_eq!(kept.take().len(), 1);
}

#[test]
fn without_a_receiver_what_came_is_passed_on_as_it_was() {
    let tracer = tracer(Spans::nowhere());
    let mut record = outgoing(&[]);
    assert_eq!(tracer.leaves(0, &run(Some(REMOTE), 1, 1), &mut record), None);
    assert_eq!(parent_of(&record).unwrap().to_string(), REMOTE);
    assert_eq!(record.headers.len(), 2);
    let before = record.clone();
    tracer.leaves(0, &run(Some(REMOTE), 1, 1), &mut record);
    assert_eq!(record, before, "a copy is left where it stands");
    let mut record = outgoing(&[]);
    tracer.leaves(0, &run(None, 1, 1), &mut record);
    assert_eq!(record.headers, []);
}

#[test]
fn what_there_is_no_room_for_is_dropped() {
    let Bench { tracer, kept, queue } = bench(true, Sampler::AlwaysOn);
    let tries = || (1..=6).map(|delivery| tried(run(None, delivery, 1), Ending::Ack, Duration::ZERO)).collect();
    tracer.ran(0, &ran(tries()));
    assert_eq!(kept.take().len(), 4);
    queue.left(2);
    tracer.ran(0, &ran(tries()));
    assert_eq!(kept.take().len(), 2);
}

#[test]
fn a_share_of_the_traces_is_recorded_and_all_agree_on_which() {
    let Bench { tracer, kept, queue } = bench(true, Sampler::TraceIdRatioBased(0.25));
    let mut recorded = 0;
    for offset in 0..2000 {
        let record = RecordBuilder::new("t".into(), 0, offset, 0).build();
        let run = Try { event: Event::decode(record).unwrap(), ..run(None, 1, 1) };
        let mut out = outgoing(&[]);
        let mark = tracer.leaves(0, &run, &mut out);
        let line = tracer.spans.attempt("first", &run).shown();
        tracer.ran(0, &ran(vec![tried(run, Ending::Ack, Duration::ZERO)]));
        let spans = kept.take();
        queue.left(spans.len());
        assert_eq!((mark.is_some(), line.is_some(), parent_of(&out).unwrap().sampled), [spans.len() == 1; 3].into());
        if let (Some(span), Some(line)) = (spans.first(), line) {
            assert_eq!(SpanId::from(line.span), span.span_context.span_id(), "the line belongs to the span");
        }
        recorded += spans.len();
    }
    assert!((350..650).contains(&recorded), "{recorded} of 2000");
}
