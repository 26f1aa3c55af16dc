//! What deciding costs: key-ordered deliveries that succeed at once through the scheduler alone, without
//! Kafka and without guests, and how that grows with keys, window and handlers; allocations are counted.
//!
//! `cargo bench -p sandbus --bench engine`. Each figure is for [`EVENTS`] events: of each the record comes
//! in, the tries of all its handlers are started and end in `ack`, and the watermark passes it.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use sandbus::delivery::partition::HandlerIndex;

#[path = "engine/group.rs"]
mod group;

use group::Group;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Events of one sample.
const EVENTS: u64 = 100_000;

fn main() {
    divan::main();
}

fn bench(bencher: Bencher<'_, '_>, keys: u64, in_flight: usize, handlers: HandlerIndex) {
    let mut group = Group::new(keys, in_flight, handlers, 2 * EVENTS.max(keys));
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| group.deliver(EVENTS));
}

/// One handler, 256 instances.
#[divan::bench(args = [1, 1_000, 100_000, 1_000_000], sample_count = 30, sample_size = 1)]
fn keys(bencher: Bencher<'_, '_>, keys: u64) {
    bench(bencher, keys, 256, 1);
}

/// One handler, 100,000 keys.
#[divan::bench(args = [1, 16, 256, 4096], sample_count = 30, sample_size = 1)]
fn in_flight(bencher: Bencher<'_, '_>, in_flight: usize) {
    bench(bencher, 100_000, in_flight, 1);
}

/// 100,000 keys, 256 instances of each.
#[divan::bench(args = [1, 4, 16, 64], sample_count = 10, sample_size = 1)]
fn handlers(bencher: Bencher<'_, '_>, handlers: HandlerIndex) {
    bench(bencher, 100_000, 256, handlers);
}
