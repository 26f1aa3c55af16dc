//! What the adapter for WASI preview 1 gives to modules that import it, function by function.
//!
//! Each guest is a core module with its interface, as Go's compiler or wasi-libc make them: it imports a few functions of
//! `wasi_snapshot_preview1`, calls them with each event, traps where they do not answer as they should, and else acks.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "what is not there fails the test")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sandbus::app::handlers;
use sandbus::config::Config;
use sandbus::delivery::ports::Try;
use sandbus::delivery::scheduler::DeliveryId;
use sandbus::delivery::verdict::{Ending, FaultKind};
use sandbus::event::{Event, RecordBuilder};
use sandbus::sandbox::Sandbox;
use sandbus::sandbox::component::componentize;
use sandbus::sandbox::pool::Worker;
use sandbus::sandbox::ports::{GuestMetric, GuestSink, LogLevel, Refusal};
use sandbus::sandbox::state::HandlerSettings;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Every function of preview 1, with its parameters: `i` is 32 bits, `l` is 64. All but `proc_exit` answer an errno.
const FUNCTIONS: [(&str, &str); 46] = [
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "ili"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("fd_advise", "illi"),
    ("fd_allocate", "ill"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "ill"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "il"),
    ("fd_filestat_set_times", "illi"),
    ("fd_pread", "iiili"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_prestat_get", "ii"),
    ("fd_pwrite", "iiili"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiili"),
    ("fd_renumber", "ii"),
    ("fd_seek", "ilii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiilli"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiillii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_exit", "i"),
    ("proc_raise", "i"),
    ("random_get", "ii"),
    ("sched_yield", ""),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

fn import(name: &str) -> String {
    let (_, parameters) = FUNCTIONS.into_iter().find(|(function, _)| *function == name).unwrap();
    let types: String = parameters.chars().map(|letter| if letter == 'i' { " i32" } else { " i64" }).collect();
    let result = if name == "proc_exit" { "" } else { "(result i32)" };
    format!(r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} (param{types}) {result}))"#)
}

/// A module that imports these functions and does this with each event, and then acks it. From 4096 on memory is free.
/// Its `cabi_realloc` takes the frame, and traps if it is called while the module is instantiated.
fn module(functions: &[&str], data: &str, code: &str) -> Vec<u8> {
    module_with("", functions, data, code)
}

/// The same, with one more import.
fn module_with(more: &str, functions: &[&str], data: &str, code: &str) -> Vec<u8> {
    allocating(more, functions, data, "", code)
}

/// The same, which does something in its `cabi_realloc`.
fn allocating(more: &str, functions: &[&str], data: &str, allocate: &str, code: &str) -> Vec<u8> {
    let answer = r"SBVD\01\00\18\00\20\00\00\00\01\00\00\00\38\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\ff\ff\ff\ff\00\00\00\00\ff\ff\ff\ff";
    let imports: String = functions.iter().map(|name| import(name)).collect();
    let text = format!(
        r#"(module
            {imports} {more}
            (memory (export "memory") 4)
            (global $up (mut i32) (i32.const 0))
            (func (export "_initialize") (global.set $up (i32.const 1)))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
              (if (i32.eqz (global.get $up)) (then unreachable))
              {allocate}
              (i32.const 65536))
            (func $expect (param $got i32) (param $wanted i32)
              (if (i32.ne (local.get $got) (local.get $wanted)) (then unreachable)))
            (func (export "sandbus:handler/packed@0.1.0#handle") (param i32 i32) (result i32) {code} (i32.const 16))
            (func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32) (i32.const 32))
            (data (i32.const 16) "\00\04\00\00\38\00\00\00")
            (data (i32.const 32) "\40\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
            (data (i32.const 64) "\48\00\00\00\01\00\00\00*")
            (data (i32.const 1024) "{answer}")
            {data})"#
    );
    let mut module = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = Resolve::default();
    resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")).unwrap();
    let world = "package test:guests; world guest { include sandbus:handler/packed-handler@0.1.0; }";
    let package = resolve.push_str("world.wit", world).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    module
}

/// Remembers what guests log.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl GuestSink for Lines {
    fn log(&self, _: Option<&Try>, level: LogLevel, line: &str) {
        self.0.lock().unwrap().push(format!("{level:?}: {line}"));
    }

    fn metric(&self, _: &GuestMetric<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// How an event ends with this module, and what is logged.
fn run(module: &[u8]) -> (Ending, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guest.wasm");
    std::fs::write(&file, module).unwrap();
    let path = toml::Value::String(file.to_str().unwrap().to_owned());
    let text = format!("[handlers]\n[[handler]]\nname = \"guest\"\ncomponent = {path}\n");
    let config = Config::from_text(&text, &folder.path().join("none"), std::iter::empty::<(String, String)>());
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let handler = config.handlers.first().unwrap();
    let lines = Arc::new(Lines::default());
    let settings = Arc::new(HandlerSettings::new(handler, lines.clone()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sandbox = Sandbox::without_reserve(4, 20_000).unwrap();
    let loaded = runtime.block_on(handlers::load_one(&sandbox, handler, settings.clone()));
    let mut worker = Worker::new(loaded.unwrap_or_else(|error| panic!("{error}")).component, settings);
    let event = Event::decode(RecordBuilder::new("t".into(), 0, 0, 0).build()).unwrap();
    let ran = runtime.block_on(worker.run(vec![Try { id: DeliveryId::none(), attempt: 1, lane: None, event }]));
    let ending = ran.tried[0].ending.clone().unwrap();
    drop(worker);
    let lines = std::mem::take(&mut *lines.0.lock().unwrap());
    (ending, lines)
}

/// The event is acked: everything answered as the code wants it.
#[track_caller]
fn holds(functions: &[&str], data: &str, code: &str) -> Vec<String> {
    let (ending, lines) = run(&module(functions, data, code));
    assert_eq!(ending, Ending::Ack, "{lines:?}");
    lines
}

/// What a component imports, by its text.
fn imports(component: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0_u32;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            wasmparser::Payload::Version { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth -= 1,
            wasmparser::Payload::ComponentImportSection(section) if depth == 1 => {
                names.extend(section.into_iter().map(|import| import.unwrap().name.name.to_owned()));
            }
            _ => {}
        }
    }
    names.sort();
    names
}

#[test]
fn a_module_may_import_all_of_it() {
    let functions: Vec<_> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
    let module = module(&functions, "", "");
    let names = imports(&componentize(module.clone()).unwrap());
    assert_eq!(
        names,
        [
            "sandbus:handler/logging@0.1.0",
            "wasi:clocks/monotonic-clock@0.2.0",
            "wasi:clocks/wall-clock@0.2.0",
            "wasi:io/poll@0.2.0",
            "wasi:random/random@0.2.0",
        ]
    );
    assert_eq!(run(&module).0, Ending::Ack);
}

#[test]
fn what_a_module_does_not_import_the_component_does_not_either() {
    let names = |functions: &[&str]| imports(&componentize(module(functions, "", "")).unwrap());
    assert_eq!(names(&[]), [""; 0]);
    assert_eq!(names(&["fd_close", "path_open", "proc_raise", "environ_get"]), [""; 0]);
    assert_eq!(names(&["random_get"]), ["wasi:random/random@0.2.0"]);
    assert_eq!(names(&["fd_write"]), ["sandbus:handler/logging@0.1.0"]);
}

#[test]
fn a_module_may_take_wasi_of_its_own_beside_it() {
    let text = format!(
        r#"(module
            {} {}
            (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func (param i64) (result i32)))
            (import "wasi:clocks/wall-clock@0.2.0" "now" (func (param i32)))
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))"#,
        import("clock_time_get"),
        import("poll_oneoff")
    );
    let mut bytes = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // The package that the SDKs' world is in includes the contract.
    resolve.push_dir(root.join("wit")).unwrap();
    let (package, _) = resolve.push_dir(root.join("guest-sdk/wit")).unwrap();
    let world = resolve.select_world(&[package], Some("wasi")).unwrap();
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let names = imports(&componentize(bytes).unwrap());
    assert_eq!(names, ["wasi:clocks/monotonic-clock@0.2.0", "wasi:clocks/wall-clock@0.2.0", "wasi:io/poll@0.2.0"]);
}

#[test]
fn what_is_no_function_of_preview_1_is_named() {
    let text = r#"(module (import "wasi_snapshot_preview1" "path_teleport" (func)))"#;
    let mut bytes = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("world.wit", "package test:guests; world guest {}").unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8, false).unwrap();
    let error = componentize(bytes).unwrap_err().to_string();
    assert!(error.contains("path_teleport"), "{error}");
}

#[test]
fn clocks_are_real() {
    let year = 365 * 24 * 3600 * 1_000_000_000_u64;
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
    let code = format!(
        "(i64.store (i32.const 4088) (i64.const 0x1122334455667788))
         (call $expect (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 4096)) (i32.const 0))
         (if (i64.lt_u (i64.load (i32.const 4096)) (i64.const {from})) (then unreachable))
         (if (i64.gt_u (i64.load (i32.const 4096)) (i64.const {to})) (then unreachable))
         (; Nothing beside the result has changed. ;)
         (if (i64.ne (i64.load (i32.const 4088)) (i64.const 0x1122334455667788)) (then unreachable))
         (if (i64.ne (i64.load (i32.const 4104)) (i64.const 0)) (then unreachable))
         (call $expect (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 4096)) (i32.const 0))
         (call $expect (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 4104)) (i32.const 0))
         (if (i64.gt_u (i64.load (i32.const 4096)) (i64.load (i32.const 4104))) (then unreachable))
         (call $expect (call $clock_time_get (i32.const 2) (i64.const 1) (i32.const 4096)) (i32.const 28))
         (call $expect (call $clock_res_get (i32.const 1) (i32.const 4096)) (i32.const 0))",
        from = now,
        to = now + year,
    );
    holds(&["clock_time_get", "clock_res_get"], "", &code);
}

/// A subscription to a clock at this place: 48 bytes, of which most are 0.
fn clock(at: u32, userdata: u8, clock: u8, nanos: &str, absolute: u8) -> String {
    format!(
        r#"(data (i32.const {at}) "\{userdata:02x}\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\{clock:02x}\00\00\00\00\00\00\00{nanos}\00\00\00\00\00\00\00\00\{absolute:02x}")"#
    )
}

/// 30 ms and 20 s, in nanoseconds.
const SOON: &str = r"\80\c3\c9\01\00\00\00\00";
const LATE: &str = r"\00\c8\17\a8\04\00\00\00";

#[test]
fn waiting_is_real_and_the_first_clock_ends_it() {
    let data = [clock(4096, 1, 1, LATE, 0), clock(4144, 2, 1, SOON, 0), clock(4192, 3, 0, LATE, 0)].concat();
    let code = "(call $expect
            (call $poll_oneoff (i32.const 4096) (i32.const 8192) (i32.const 3) (i32.const 9000)) (i32.const 0))
        (call $expect (i32.load (i32.const 9000)) (i32.const 1))
        (call $expect (i32.load (i32.const 8192)) (i32.const 2))
        (call $expect (i32.load (i32.const 8200)) (i32.const 0))";
    let start = Instant::now();
    holds(&["poll_oneoff"], &data, code);
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_point_in_time_that_is_past_and_a_file_are_answered_at_once() {
    // The first is late, the second past since 1970, the third is a file that can be read.
    let file = r#"(data (i32.const 4192) "\07\00\00\00\00\00\00\00\01")"#;
    let data = [clock(4096, 1, 1, LATE, 0), clock(4144, 2, 0, SOON, 1), file.to_owned()].concat();
    let code = "(call $expect
            (call $poll_oneoff (i32.const 4096) (i32.const 8192) (i32.const 3) (i32.const 9000)) (i32.const 0))
        (call $expect (i32.load (i32.const 9000)) (i32.const 2))
        (call $expect (i32.load (i32.const 8192)) (i32.const 2))
        (call $expect (i32.load (i32.const 8224)) (i32.const 7))
        (call $expect (i32.load16_u (i32.const 8232)) (i32.const 8))
        (call $expect (i32.load8_u (i32.const 8234)) (i32.const 1))
        (call $expect
            (call $poll_oneoff (i32.const 4096) (i32.const 8192) (i32.const 0) (i32.const 9000)) (i32.const 28))";
    holds(&["poll_oneoff"], &data, code);
}

#[test]
fn random_bytes_fill_what_was_asked_for_and_no_more() {
    // 13 bytes, twice: they differ, and those around them are still 0.
    let code = "(call $expect (call $random_get (i32.const 4097) (i32.const 13)) (i32.const 0))
        (call $expect (call $random_get (i32.const 8193) (i32.const 13)) (i32.const 0))
        (if (i64.eq (i64.load (i32.const 4097)) (i64.load (i32.const 8193))) (then unreachable))
        (if (i32.eq (i32.load (i32.const 4106)) (i32.load (i32.const 8202))) (then unreachable))
        (if (i32.eqz (i32.load (i32.const 4106))) (then unreachable))
        (call $expect (i32.load8_u (i32.const 4096)) (i32.const 0))
        (call $expect (i32.load (i32.const 4110)) (i32.const 0))
        (call $expect (call $random_get (i32.const 4110) (i32.const 0)) (i32.const 0))
        (call $expect (i32.load (i32.const 4110)) (i32.const 0))";
    holds(&["random_get"], "", code);
}

/// Writes these bytes, at their place from 8192 on, to a file.
fn write(fd: u32, from: u32, length: u32) -> String {
    format!(
        "(i32.store (i32.const 4096) (i32.const {}))
         (i32.store (i32.const 4100) (i32.const {length}))
         (call $expect
           (call $fd_write (i32.const {fd}) (i32.const 4096) (i32.const 1) (i32.const 4200)) (i32.const 0))
         (call $expect (i32.load (i32.const 4200)) (i32.const {length}))",
        8192 + from
    )
}

#[test]
fn output_becomes_log_lines() {
    let data = r#"(data (i32.const 8192) "one\n\ntwo\ngr\c3\bc\c3\9fe\nno\fftext\nlast")"#;
    let lines = holds(&["fd_write"], data, &(write(1, 0, 9) + &write(2, 9, 16) + &write(1, 25, 4)));
    // What is not UTF-8 is dropped: the module's memory is not for the adapter to mend.
    assert_eq!(lines, ["Info: one", "Info: two", "Warn: grüße", "Info: last"]);
}

#[test]
fn a_lent_buffer_makes_lines_of_pieces() {
    let lend = r#"(import "wasi_snapshot_preview1" "sandbus_line_buffer" (func $lend (param i32 i32)))"#;
    let data = r#"(data (i32.const 8192) "panic: out of\ff x\ngoroutine 1")"#;
    let code = [
        "(call $lend (i32.const 12000) (i32.const 8))".to_owned(),
        write(2, 0, 3),
        write(2, 3, 4),
        write(2, 7, 10),
        write(2, 17, 4),
        write(1, 21, 3),
    ];
    let (ending, lines) = run(&module_with(lend, &["fd_write"], data, &code.concat()));
    assert_eq!(ending, Ending::Ack);
    // Eight bytes at most; another level ends a line, and so does its end.
    assert_eq!(lines, ["Warn: panic: o", "Warn: ut of? x", "Warn: goro"]);
}

/// Which the allocator of a runtime may call that does not know that it must not.
#[test]
fn nothing_leaves_while_the_module_allocates() {
    let may = r#"(import "wasi_snapshot_preview1" "sandbus_may_leave" (func $may (param i32)))"#;
    let functions = ["clock_time_get", "poll_oneoff", "fd_write", "random_get"];
    let data = [clock(6000, 1, 1, LATE, 0), r#"(data (i32.const 8192) "lost")"#.to_owned()].concat();
    let calls = format!(
        "(call $expect (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 4096)) (i32.const 0))
         (call $expect (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 4104)) (i32.const 0))
         (call $expect
           (call $poll_oneoff (i32.const 6000) (i32.const 6100) (i32.const 1) (i32.const 6200)) (i32.const 0))
         (call $expect (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 4112)) (i32.const 0))
         (; Late is later by 20 s, and nobody has waited. ;)
         (if (i64.ne (i64.sub (i64.load (i32.const 4112)) (i64.load (i32.const 4096))) (i64.const 20000000000))
           (then unreachable))
         (call $expect (call $random_get (i32.const 4200) (i32.const 8)) (i32.const 6))
         {}",
        write(1, 0, 4).replace("4200", "4300").replace("4096", "4400").replace("4100", "4404")
    );
    let code = "(call $expect (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 4120)) (i32.const 0))
        (; It never goes back. ;)
        (if (i64.lt_u (i64.load (i32.const 4120)) (i64.load (i32.const 4112))) (then unreachable))
        (if (i64.eqz (i64.load (i32.const 4112))) (then unreachable))";
    let guarded = format!("(call $may (i32.const 0)) {calls} (call $may (i32.const 1)) ");
    let module = |allocate: &str| allocating(may, &functions, &data, allocate, code);
    assert_eq!(run(&module(&guarded)), (Ending::Ack, Vec::new()));
    // Without that word it is a trap.
    let (ending, _) = run(&module(&calls));
    assert!(matches!(ending, Ending::Fault { kind: FaultKind::Trap, .. }), "{ending:?}");
}

#[test]
fn there_are_no_arguments_variables_files_or_sockets() {
    let badf = "(i32.const 8)";
    let code = format!(
        "(i64.store (i32.const 4096) (i64.const -1))
         (call $expect (call $args_sizes_get (i32.const 4096) (i32.const 4100)) (i32.const 0))
         (if (i64.ne (i64.load (i32.const 4096)) (i64.const 0)) (then unreachable))
         (i64.store (i32.const 4096) (i64.const -1))
         (call $expect (call $environ_sizes_get (i32.const 4096) (i32.const 4100)) (i32.const 0))
         (if (i64.ne (i64.load (i32.const 4096)) (i64.const 0)) (then unreachable))
         (call $expect (call $fd_prestat_get (i32.const 3) (i32.const 4096)) {badf})
         (call $expect (call $path_open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 0)
           (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 4096)) {badf})
         (call $expect (call $sock_accept (i32.const 3) (i32.const 0) (i32.const 4096)) {badf})
         (call $expect (call $fd_write (i32.const 3) (i32.const 4096) (i32.const 0) (i32.const 4096)) {badf})
         (call $expect (call $fd_write (i32.const 0) (i32.const 4096) (i32.const 0) (i32.const 4096)) {badf})
         (call $expect (call $fd_read (i32.const 0) (i32.const 4096) (i32.const 0) (i32.const 4104)) (i32.const 0))
         (call $expect (call $fd_read (i32.const 1) (i32.const 4096) (i32.const 0) (i32.const 4104)) {badf})
         (call $expect (call $fd_seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 4104)) (i32.const 70))
         (call $expect (call $fd_close (i32.const 9)) {badf})
         (call $expect (call $fd_close (i32.const 1)) (i32.const 0))
         (call $expect (call $fd_fdstat_get (i32.const 1) (i32.const 4096)) (i32.const 0))
         (call $expect (i32.load (i32.const 4096)) (i32.const 2))
         (call $expect (call $fd_fdstat_get (i32.const 3) (i32.const 4096)) {badf})
         (call $expect (call $sched_yield) (i32.const 0))"
    );
    let functions = [
        "args_sizes_get",
        "environ_sizes_get",
        "fd_prestat_get",
        "path_open",
        "sock_accept",
        "fd_write",
        "fd_read",
        "fd_seek",
        "fd_close",
        "fd_fdstat_get",
        "sched_yield",
    ];
    holds(&functions, "", &code);
}

#[test]
fn an_exit_is_a_trap() {
    let (ending, _) = run(&module(&["proc_exit"], "", "(call $proc_exit (i32.const 0))"));
    assert!(matches!(ending, Ending::Fault { kind: FaultKind::Trap, .. }), "{ending:?}");
}
