//! Work whose instructions are counted, which neither the clock nor a busy machine changes:
//! `scripts/check-instructions.sh` runs it under callgrind with so many events and with twice as many, and compares
//! the difference with what is kept in `instructions.txt`.
//!
//! - `engine`: deciding alone, as `engine.rs` has it, with one handler and 1,000 keys.
//! - `packed`, `typed`: crossing the border to the benchmark's component and back, in batches of [`BATCH`] events of
//!   1 KiB with 3 headers, which it only looks at.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]

use std::ffi::{c_int, c_void};
use std::path::Path;
use std::sync::Arc;

use sandbus::app::handlers;
use sandbus::config::Config;
use sandbus::delivery::ports::Try;
use sandbus::delivery::scheduler::DeliveryId;
use sandbus::delivery::verdict::Ending;
use sandbus::event::{Event, RecordBuilder};
use sandbus::sandbox::Sandbox;
use sandbus::sandbox::pool::Worker;
use sandbus::sandbox::ports::{GuestMetric, GuestSink, LogLevel, Refusal};
use sandbus::sandbox::state::HandlerSettings;

#[path = "engine/group.rs"]
mod group;

use group::Group;

/// Events of one call.
const BATCH: u64 = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let events = arguments.get(1).and_then(|events| events.parse().ok());
    match (arguments.first().map(String::as_str), events) {
        (Some("engine"), Some(events)) => Group::new(1_000, 256, 1, 2_000).deliver(events),
        (Some(way @ ("packed" | "typed")), Some(events)) => border(way == "typed", events),
        _ => eprintln!("usage: instructions engine|packed|typed EVENTS; see scripts/check-instructions.sh"),
    }
}

fn border(typed: bool, events: u64) {
    stand_in_for_the_vdso();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/components");
        let component = toml::Value::String(folder.join("bench-rust.wasm").to_str().unwrap().to_owned());
        // Time passes much slower under callgrind.
        let text = format!(
            "[handlers]\n[[handler]]\nname = \"bench\"\ncomponent = {component}\ncpu_time = \"10m\"\ntimeout = \"10m\"\n\
             [handler.config]\nmode = \"noop\"\nevery = \"1000000000\"\nrun = \"r\"\n"
        );
        let config = Config::from_text(&text, &folder.join("none"), std::iter::empty::<(String, String)>());
        let config = config.unwrap_or_else(|error| panic!("{error}\nrun `make build` first"));
        let handler = config.handlers.first().unwrap();
        let settings = Arc::new(HandlerSettings { typed, ..HandlerSettings::new(handler, Arc::new(Silent)) });
        let sandbox = Sandbox::without_reserve(2, 20_000).unwrap();
        let component = handlers::load_one(&sandbox, handler, settings.clone()).await.unwrap().component;
        assert_eq!(component.is_packed(&settings), !typed);
        let mut worker = Worker::new(component, settings);
        let mut batch: Vec<Try> = (0..BATCH).map(one).collect();
        for _ in 0..events / BATCH {
            let ran = worker.run(batch).await;
            assert!(ran.tried.iter().all(|tried| tried.ending == Some(Ending::Ack)));
            batch = ran.tried.into_iter().map(|tried| tried.run).collect();
        }
    });
}

fn one(number: u64) -> Try {
    let key = format!("{number:036}");
    let mut record = RecordBuilder::new("bench".into(), 0, i64::try_from(number).unwrap(), 0)
        .timestamp(Some(1_700_000_000_000))
        .key(Some(key.as_bytes()))
        .value(Some(&[b'x'; 1024]));
    record.header(b"event_type", Some(b"bench.event"));
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

/// Valgrind takes the kernel's page of clocks away, and `prctl` names its address all the same, where rustix then
/// looks for it when the CPU clock is first read. A page of zeros there has it go by system calls.
fn stand_in_for_the_vdso() {
    const PR_GET_AUXV: c_int = 0x4155_5856;
    const AT_SYSINFO_EHDR: usize = 33;
    const PROT_READ: c_int = 1;
    const MAP_PRIVATE_ANONYMOUS_FIXED_NOREPLACE: c_int = 0x2 | 0x20 | 0x10_0000;
    unsafe extern "C" {
        fn prctl(option: c_int, ...) -> c_int;
        fn mmap(at: *mut c_void, length: usize, protection: c_int, flags: c_int, file: c_int, from: i64)
        -> *mut c_void;
    }
    let mut entries = [[0_usize; 2]; 64];
    // SAFETY: it writes no more than so many bytes. Kernels that do not know it answer with an error and write none.
    unsafe { prctl(PR_GET_AUXV, entries.as_mut_ptr(), size_of_val(&entries), 0_usize, 0_usize) };
    if let Some([_, at]) = entries.iter().find(|[name, _]| *name == AT_SYSINFO_EHDR) {
        // SAFETY: nothing is mapped over. Where the page is there, as it is without valgrind, this fails.
        unsafe {
            let at = std::ptr::with_exposed_provenance_mut(*at);
            mmap(at, 4096, PROT_READ, MAP_PRIVATE_ANONYMOUS_FIXED_NOREPLACE, -1, 0)
        };
    }
}
