//! What traces cost for each try, beside everything else: without a receiver, not sampled, and recorded; allocations are
//! counted.
//!
//! `cargo bench -p sandbus --bench traces`. Spans go to an address where nobody listens, so that the queue is full most of
//! the time: `recorded` is the cost of a host that records more than leaves.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]

use std::sync::Arc;

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use sandbus::config;
use sandbus::delivery::ports::{Ran, Tracer as _, Tried, Try};
use sandbus::delivery::scheduler::DeliveryId;
use sandbus::delivery::verdict::Ending;
use sandbus::event::{Event, RecordBuilder};
use sandbus::telemetry::Telemetry;
use sandbus::telemetry::spans::GroupTracer;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Tries of a batch, as many as a batch may have.
const BATCH: i64 = 512;

const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

fn main() {
    divan::main();
}

fn bench(bencher: Bencher<'_, '_>, sampler: Option<&str>, traceparent: Option<&str>) {
    let runtime = Runtime::new().unwrap();
    let _current = runtime.enter();
    // SAFETY: benchmarks run one after the other, and what earlier ones have started reads no variables.
    unsafe { std::env::set_var("OTEL_TRACES_SAMPLER", sampler.unwrap_or_default()) };
    let telemetry = Telemetry::start(&config::Telemetry {
        enable_metrics: false,
        enable_tracing: true,
        otlp_endpoint: sampler.map(|_| "http://127.0.0.1:1".to_owned()),
        otlp_protocol: None,
        export_logs: false,
    });
    let telemetry = telemetry.unwrap();
    let tracer = GroupTracer::new(telemetry.spans().clone(), "group", vec![Arc::from("handler")]);
    let tried = (0..BATCH).map(|offset| {
        let mut record = RecordBuilder::new("topic".into(), 0, offset, 0).value(Some(b"value"));
        record.header(b"event_type", Some(b"bench.event"));
        record.header(b"event_id", Some(b"id"));
        record.header(b"tenant_id", Some(b"tenant-1"));
        if let Some(traceparent) = traceparent {
            record.header(b"traceparent", Some(traceparent.as_bytes()));
        }
        let event = Event::decode(record.build()).unwrap();
        let run = Try { id: DeliveryId::none(), attempt: 1, lane: None, event };
        Tried { ending: Some(Ending::Ack), ..Tried::not_run(run) }
    });
    let ran = Ran { tried: tried.collect(), ..Ran::default() };
    bencher.counter(ItemsCount::new(BATCH as u64)).bench_local(|| tracer.ran(0, &ran));
    telemetry.shutdown();
}

/// No receiver: the default.
#[divan::bench]
fn off(bencher: Bencher<'_, '_>) {
    bench(bencher, None, Some(SAMPLED));
}

/// The trace came, and says that it is not recorded.
#[divan::bench]
fn came_unsampled(bencher: Bencher<'_, '_>) {
    bench(bencher, Some("parentbased_always_on"), Some(UNSAMPLED));
}

/// None came, and none begins here.
#[divan::bench]
fn none_begins(bencher: Bencher<'_, '_>) {
    bench(bencher, Some("parentbased_always_off"), None);
}

/// Every try is to be recorded.
#[divan::bench]
fn recorded(bencher: Bencher<'_, '_>) {
    bench(bencher, Some("always_on"), Some(SAMPLED));
}
