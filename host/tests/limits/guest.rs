//! Guests that no toolchain makes: core modules written by hand, and what runs them.

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
use tokio::runtime::Runtime;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

struct Silent;

impl GuestSink for Silent {
    fn log(&self, _: Option<&Try>, _: LogLevel, _: &str) {}

    fn metric(&self, _: &GuestMetric<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// The few functions of WASI that guests here call.
const WASI: [&str; 2] = [
    "package wasi:sockets@0.2.0;
    interface network {
        enum ip-address-family { ipv4, ipv6 }
        enum error-code {
            unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict,
            not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use,
            remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large,
            name-unresolvable, temporary-resolver-failure, permanent-resolver-failure,
        }
    }
    interface tcp { resource tcp-socket; }
    interface tcp-create-socket {
        use network.{ip-address-family, error-code};
        use tcp.{tcp-socket};
        create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
    }",
    "package test:guests;
    world typed { include sandbus:handler/handler@0.1.0; }
    world guest {
        include sandbus:handler/packed-handler@0.1.0;
        import wasi:clocks/monotonic-clock@0.2.0;
        import wasi:sockets/tcp-create-socket@0.2.0;
    }",
];

/// An answer of one verdict, `ack`, as the text of WebAssembly has bytes.
pub const ANSWER: &str = r"SBVD\01\00\18\00\20\00\00\00\01\00\00\00\38\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\ff\ff\ff\ff\00\00\00\00\ff\ff\ff\ff";

/// A module that does this with an event, and then acks it. It may need further `parts`, and a first `memory`.
pub fn guest(memory: &str, parts: &str, code: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "sandbus:handler/logging@0.1.0" "log" (func $log (param i32 i32 i32)))
            (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
            (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $socket (param i32 i32)))
            {memory}
            {parts}
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
            (func (export "sandbus:handler/packed@0.1.0#handle") (param i32 i32) (result i32) {code} (i32.const 16))
            (func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32) (i32.const 32))
            (data (i32.const 16) "\00\04\00\00\38\00\00\00")
            (data (i32.const 32) "\40\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
            (data (i32.const 64) "\48\00\00\00\01\00\00\00*")
            (data (i32.const 1024) "{ANSWER}"))"#
    );
    module("guest", &text)
}

/// A core module for this world.
pub fn module(world: &str, text: &str) -> Vec<u8> {
    let mut module = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut resolve = Resolve::default();
    resolve.push_dir(root.join("wit")).unwrap();
    resolve.push_dir(root.join("guest-sdk/wit")).unwrap();
    let [sockets, worlds] = WASI;
    resolve.push_str("sockets.wit", sockets).unwrap();
    let package = resolve.push_str("world.wit", worlds).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    module
}

/// A loaded guest. The runtime ends last.
pub struct Guest {
    pub worker: Worker,
    pub runtime: Runtime,
}

/// Loads a guest under these keys of its handler.
pub fn load(sandbox: &Sandbox, bytes: &[u8], keys: &str) -> Result<Guest, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guest.wasm");
    std::fs::write(&file, bytes).unwrap();
    let path = toml::Value::String(file.to_str().unwrap().to_owned());
    let text = format!("[handlers]\n[[handler]]\nname = \"guest\"\ncomponent = {path}\n{keys}\n");
    let config = Config::from_text(&text, &folder.path().join("none"), std::iter::empty::<(String, String)>());
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let handler = config.handlers.first().unwrap();
    let settings = Arc::new(HandlerSettings::new(handler, Arc::new(Silent)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let loaded = runtime.block_on(handlers::load_one(sandbox, handler, settings.clone()))?;
    Ok(Guest { worker: Worker::new(loaded.component, settings), runtime })
}

impl Guest {
    pub fn run(&mut self) -> Ending {
        let event = Event::decode(RecordBuilder::new("t".into(), 0, 0, 0).build()).unwrap();
        let batch = vec![Try { id: DeliveryId::none(), attempt: 1, lane: None, event }];
        let ran = self.runtime.block_on(self.worker.run(batch));
        ran.tried[0].ending.clone().unwrap()
    }
}
