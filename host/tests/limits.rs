//! Each limit of the sandbox stops a guest that passes it, in a fault that names it.
//!
//! No toolchain makes such guests, so they are written by hand: core modules that misbehave in the packed way in. What
//! the probe can do (logs, publishes, answers, time) is tested with it, in `tests/suite/cli_test/faults.rs`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use sandbus::delivery::verdict::{Ending, FaultKind};
use sandbus::sandbox::Sandbox;

#[path = "limits/guest.rs"]
mod guest;
#[path = "limits/isolation.rs"]
mod isolation;
#[path = "limits/publishing.rs"]
mod publishing;

use guest::{guest, load};

const MEMORY: &str = r#"(memory (export "memory") 4)"#;

/// Grows this by so much, until it cannot; then it traps, as a language's runtime does.
fn grow(what: &str) -> String {
    format!("(loop $more (br_if $more (i32.ne ({what}) (i32.const -1)))) unreachable")
}

fn ending(bytes: &[u8], keys: &str) -> Ending {
    let sandbox = Sandbox::without_reserve(4, 20_000).unwrap();
    load(&sandbox, bytes, keys).unwrap_or_else(|error| panic!("{error}")).run()
}

#[track_caller]
fn stopped(bytes: &[u8], keys: &str, expected: FaultKind) -> String {
    match ending(bytes, keys) {
        Ending::Fault { kind, message } if kind == expected => message,
        other => panic!("{expected}: {other:?}"),
    }
}

#[test]
fn a_guest_that_does_nothing_wrong_is_none_of_these() {
    assert_eq!(ending(&guest(MEMORY, "", ""), ""), Ending::Ack);
}

#[test]
fn all_memories_together_are_bounded() {
    let page = "memory.grow (i32.const 1)";
    let message = stopped(&guest(MEMORY, "", &grow(page)), "memory = \"1MiB\"", FaultKind::Memory);
    assert!(message.contains("the limit of 1.0 MiB"), "{message}");
    // Half of the limit in each of two.
    let second = r#"(memory $second 1)"#;
    let both = "(drop (memory.grow (i32.const 100))) (drop (memory.grow $second (i32.const 200)))";
    stopped(&guest(MEMORY, second, both), "memory = \"16MiB\"", FaultKind::Memory);
    assert_eq!(ending(&guest(MEMORY, second, both), "memory = \"20MiB\""), Ending::Ack);
    // All at once, beyond what 32 bits address.
    stopped(
        &guest(MEMORY, "", &grow("memory.grow (i32.const 65535)")),
        "concurrency = 1\nmemory = \"4GiB\"",
        FaultKind::Memory,
    );
}

#[test]
fn a_guest_that_passes_its_own_maximum_is_out_of_memory_too() {
    let own = r#"(memory (export "memory") 4 10)"#;
    let message = stopped(&guest(own, "", &grow("memory.grow (i32.const 1)")), "", FaultKind::Memory);
    assert!(message.contains("640.0 KiB that the component allows"), "{message}");
}

#[test]
fn all_tables_together_are_bounded() {
    let tables = "(table $a 1 funcref) (table $b 1 funcref)";
    let row = |table: &str, rows: u32| format!("table.grow ${table} (ref.null func) (i32.const {rows})");
    stopped(&guest(MEMORY, tables, &grow(&row("a", 100))), "", FaultKind::Table);
    let both = format!("(drop ({})) (drop ({}))", row("a", 600), row("b", 600));
    stopped(&guest(MEMORY, tables, &both), "limits.table_elements = 1000", FaultKind::Table);
    assert_eq!(ending(&guest(MEMORY, tables, &both), "limits.table_elements = 2000"), Ending::Ack);
}

#[test]
fn handles_are_bounded() {
    let forever = "(loop $more (drop (call $subscribe (i64.const 1000000000))) (br $more))";
    stopped(&guest(MEMORY, "", forever), "", FaultKind::Handles);
    let ten = "(call $subscribe (i64.const 1000000000)) drop ".repeat(10);
    assert_eq!(ending(&guest(MEMORY, "", &ten), "limits.handles = 20"), Ending::Ack);
    stopped(&guest(MEMORY, "", &ten), "limits.handles = 5", FaultKind::Handles);
}

#[test]
fn what_the_host_does_for_a_guest_is_none_of_its_cpu() {
    let memory = r#"(memory (export "memory") 64)"#;
    // The host escapes a million control characters, for longer than they take to be read.
    let log = "(loop $more (call $log (i32.const 0) (i32.const 1048576) (i32.const 1000000)) (br $more))";
    let keys = "cpu_time = \"50ms\"\ntimeout = \"2s\"\nlimits.logs = 1000000\nlimits.log_bytes = \"1GiB\"";
    stopped(&guest(memory, "", log), keys, FaultKind::Timeout);
    // What it does itself is.
    stopped(&guest(memory, "", "(loop $more (br $more))"), keys, FaultKind::CpuTime);
}

#[test]
fn what_a_guest_says_of_its_failure_is_bounded() {
    // Functions have the names that their author gives them.
    let name = "x".repeat(90_000);
    let parts = format!("(func ${name} unreachable)");
    let message = stopped(&guest(MEMORY, &parts, &format!("(call ${name})")), "", FaultKind::Trap);
    assert!(message.contains("unreachable") && message.contains(" in xxx") && message.len() < 1000, "{message}");
    let sandbox = Sandbox::without_reserve(4, 20_000).unwrap();
    let import = format!("(component (import \"{}\" (func)))", "a-".repeat(40_000));
    let refused = load(&sandbox, &wat::parse_str(import).unwrap(), "").err().unwrap();
    assert!(refused.len() < 2000, "{} bytes: {refused:.1000}", refused.len());
}

#[test]
fn no_socket_is_made() {
    // Each is refused, with `access-denied`: the error's place is 1, and so is its number.
    let refused = "(call $socket (i32.const 0) (i32.const 2048))
        (if (i32.ne (i32.load8_u (i32.const 2048)) (i32.const 1)) (then unreachable))
        (if (i32.ne (i32.load8_u (i32.const 2052)) (i32.const 1)) (then unreachable))";
    assert_eq!(ending(&guest(MEMORY, "", &refused.repeat(50)), ""), Ending::Ack);
}

#[test]
fn bytes_that_pass_to_the_host_are_bounded() {
    let memory = r#"(memory (export "memory") 400)"#;
    let log = "(call $log (i32.const 2) (i32.const 1048576) (i32.const 20000000))";
    stopped(&guest(memory, "", log), "", FaultKind::HostcallBytes);
    // Less than that, but more than may be logged.
    let log = "(call $log (i32.const 2) (i32.const 1048576) (i32.const 10000000))";
    stopped(&guest(memory, "", log), "", FaultKind::LogQuota);
}

#[test]
fn what_it_begins_with_is_bounded_when_it_is_loaded() {
    let sandbox = Sandbox::without_reserve(4, 20_000).unwrap();
    // A busy machine takes seconds of wall clock for one of CPU.
    let refused = |bytes: &[u8]| match load(&sandbox, bytes, "timeout = \"60s\"") {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error,
    };
    let large = refused(&guest(r#"(memory (export "memory") 65536)"#, "", ""));
    assert!(large.contains("asked what it wants: memory: 4.0 GiB"), "{large}");
    let endless = refused(&guest(MEMORY, "(func $start (loop $again (br $again))) (start $start)", ""));
    assert!(endless.contains("asked what it wants: cpu_time: "), "{endless}");
    let tables = refused(&guest(MEMORY, "(table 30000 funcref)", ""));
    assert!(tables.contains("table"), "{tables}");
}

/// A component of so many core instances, each with a memory or none.
fn crowd(instances: usize, memory: &str) -> Vec<u8> {
    let instances = "(core instance (instantiate $one))".repeat(instances);
    let text = format!(
        r#"(component
            (core module $one {memory})
            {instances}
            (instance $typed)
            (export "sandbus:handler/typed@0.1.0" (instance $typed)))"#
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn instances_and_memories_of_a_component_are_counted_before_it_runs() {
    let sandbox = Sandbox::without_reserve(4, 20_000).unwrap();
    let refused = |bytes: &[u8]| load(&sandbox, bytes, "").err().unwrap();
    let many = refused(&crowd(65, ""));
    assert!(many.contains("65 core module instances") && many.contains("64"), "{many}");
    let memories = refused(&crowd(5, "(memory 1)"));
    assert!(memories.contains("memories") && memories.contains('5') && memories.contains('4'), "{memories}");
}

#[test]
fn who_has_many_memories_takes_nobody_elses() {
    let three = "(memory $b 1) (memory $c 1) (memory $d 1) (table 1 funcref) (table 1 funcref) (table 1 funcref)";
    let sandbox = Sandbox::without_reserve(3, 20_000).unwrap();
    // Each is described in an instance of its own, which has to be gone before the next one is there.
    let mut guests: Vec<_> =
        (0..3).map(|_| load(&sandbox, &guest(MEMORY, three, ""), "").unwrap_or_else(|e| panic!("{e}"))).collect();
    for guest in &mut guests {
        // And keeps the one that it works in.
        assert_eq!(guest.run(), Ending::Ack);
    }
}
