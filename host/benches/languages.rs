//! What a component costs the host, as one line of JSON: `make languages` runs it for the probe of each language.
//!
//! `cargo bench -p sandbus --bench languages -- FILE`. Every figure is a median. The event has a key, three headers and a
//! value of 1 KiB, and the probe acknowledges it without a step.
//!
//! - `compile_ms`: from the file to code that can be instantiated, on all processors, and being asked what it wants;
//! - `fresh_us`: one event in an instance of its own, made and thrown away for it;
//! - `typed_us`, `packed_us`: one event in an instance that is there, by either way in;
//! - `batch_us`: one of [`BATCH`] events of one frame;
//! - `memory_bytes`: the instance's memories after all of that.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sandbus::app::handlers;
use sandbus::config::Config;
use sandbus::delivery::ports::Try;
use sandbus::delivery::scheduler::DeliveryId;
use sandbus::delivery::verdict::Ending;
use sandbus::event::{Event, RecordBuilder};
use sandbus::sandbox::Sandbox;
use sandbus::sandbox::component::Component;
use sandbus::sandbox::pool::Worker;
use sandbus::sandbox::ports::{GuestMetric, GuestSink, LogLevel, Refusal};
use sandbus::sandbox::state::HandlerSettings;
use serde_json::json;

/// Events of a frame.
const BATCH: u64 = 256;
/// For each figure, at most; and at least so many measurements.
const TIME: Duration = Duration::from_secs(2);
const LEAST: usize = 20;
/// A component is compiled so often.
const COMPILED: usize = 3;

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let Some(file) = std::env::args().skip(1).find(|argument| argument != "--bench") else {
        eprintln!("usage: languages FILE; `make languages` measures all");
        return;
    };
    let file = Path::new(&file);
    let [reuse, fresh] = ["reuse", "fresh"].map(|isolation| configuration(file, isolation));
    let mut compiled = Vec::new();
    for _ in 0..COMPILED {
        let start = Instant::now();
        load(&reuse).await;
        compiled.push(start.elapsed());
    }
    let component = load(&reuse).await;
    let (packed, batch, memory) = measure(&component, &reuse, false).await;
    let (typed, _, _) = measure(&component, &reuse, true).await;
    let mut worker = Worker::new(component.clone(), settings(&fresh, false));
    let fresh = times(&mut worker, 1).await.0;
    let figures = json!({
        "component_bytes": std::fs::metadata(file).unwrap().len(),
        "compile_ms": ms(median(compiled)),
        "fresh_us": us(fresh),
        "typed_us": us(typed),
        "packed_us": us(packed),
        "batch_us": us(batch) / BATCH as f64,
        "memory_bytes": memory,
    });
    println!("{figures}");
}

fn configuration(file: &Path, isolation: &str) -> Config {
    let component = toml::Value::String(std::path::absolute(file).unwrap().to_str().unwrap().to_owned());
    let text = format!(
        "[handlers]\n[[handler]]\nname = \"measured\"\ncomponent = {component}\nisolation = {isolation:?}\n\
         timeout = \"1m\"\n"
    );
    let config = Config::from_text(&text, Path::new("/nowhere"), std::iter::empty::<(String, String)>());
    config.unwrap_or_else(|error| panic!("{error}"))
}

fn settings(config: &Config, typed: bool) -> Arc<HandlerSettings> {
    let handler = config.handlers.first().unwrap();
    Arc::new(HandlerSettings { typed, ..HandlerSettings::new(handler, Arc::new(Silent)) })
}

/// In a sandbox of its own, which knows no component yet.
async fn load(config: &Config) -> Arc<Component> {
    let sandbox = Sandbox::without_reserve(2, 20_000).unwrap();
    let handler = config.handlers.first().unwrap();
    let loaded = handlers::load_one(&sandbox, handler, settings(config, false)).await;
    loaded.unwrap_or_else(|error| panic!("{error}")).component
}

/// One event at a time, and one of a frame of many; and the instance's memory.
async fn measure(component: &Arc<Component>, config: &Config, typed: bool) -> (Duration, Duration, u64) {
    let settings = settings(config, typed);
    assert_eq!(component.is_packed(&settings), !typed, "a probe has both ways in");
    let mut worker = Worker::new(component.clone(), settings);
    let (one, _) = times(&mut worker, 1).await;
    let (batch, memory) = times(&mut worker, BATCH).await;
    (one, batch, memory)
}

/// How long a call with so many events takes.
async fn times(worker: &mut Worker, events: u64) -> (Duration, u64) {
    let mut batch: Vec<Try> = (0..events).map(one).collect();
    let (mut times, mut memory) = (Vec::new(), 0);
    let begin = Instant::now();
    while times.len() < LEAST || begin.elapsed() < TIME {
        let start = Instant::now();
        let ran = worker.run(batch).await;
        times.push(start.elapsed());
        assert!(ran.tried.iter().all(|tried| tried.ending == Some(Ending::Ack)), "{:?}", ran.fault);
        memory = ran.tried.first().map_or(0, |tried| tried.memory);
        batch = ran.tried.into_iter().map(|tried| tried.run).collect();
    }
    (median(times), memory)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn us(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn one(number: u64) -> Try {
    let key = format!("{number:036}");
    let mut record = RecordBuilder::new("measured".into(), 0, i64::try_from(number).unwrap(), 0)
        .timestamp(Some(1_700_000_000_000))
        .key(Some(key.as_bytes()))
        .value(Some(&[b'x'; 1024]));
    record.header(b"event_type", Some(b"measured.event"));
    record.header(b"event_id", Some(key.as_bytes()));
    record.header(b"tenant_id", Some(b"tenant-1"));
    let event = Event::decode(record.build()).unwrap();
    Try { id: DeliveryId::none(), attempt: 1, lane: Some(number), event }
}

struct Silent;

impl GuestSink for Silent {
    fn log(&self, _: Option<&Try>, _: LogLevel, _: &str) {}

    fn metric(&self, _: &GuestMetric<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}
