//! Nothing of one handler reaches another, and nothing of one try the next under `fresh`: places for instances are used
//! again, with their memories and tables.

use sandbus::delivery::verdict::{Ending, FaultKind};
use sandbus::sandbox::Sandbox;

use super::MEMORY;
use super::guest::{guest, load};

const TABLE: &str = "(table $rows 1 funcref) (func $row) (elem declare func $row)";
/// To 16 MiB, and to a thousand rows.
const GROW: &str = "(if (i32.eq (memory.grow (i32.const 252)) (i32.const -1)) (then unreachable))
    (if (i32.eq (table.grow $rows (ref.null func) (i32.const 999)) (i32.const -1)) (then unreachable))";
/// All but the first two pages, where the guest has its own words and the event's.
const FILL: &str = "(memory.fill (i32.const 131072) (i32.const 255) (i32.const 16646144))
    (table.fill $rows (i32.const 0) (ref.func $row) (i32.const 1000))";
/// Traps where anything is there that it has not put there itself.
const LOOK: &str = "(local.set $at (i32.const 131072))
    (loop $word
        (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $word (i32.lt_u (local.get $at) (i32.const 16777216))))
    (local.set $at (i32.const 0))
    (loop $row
        (if (i32.eqz (ref.is_null (table.get $rows (local.get $at)))) (then unreachable))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $row (i32.lt_u (local.get $at) (i32.const 1000))))";

#[test]
fn the_next_handler_finds_an_empty_place() {
    // Room for one: the second is made where the first was.
    let sandbox = Sandbox::without_reserve(1, 20_000).unwrap();
    let keys = "memory = \"16MiB\"";
    let mut first = load(&sandbox, &guest(MEMORY, TABLE, &format!("{GROW} {FILL}")), keys).unwrap();
    assert_eq!(first.run(), Ending::Ack);
    drop(first);
    let mut second = load(&sandbox, &guest(MEMORY, TABLE, &format!("(local $at i32) {GROW} {LOOK}")), keys).unwrap();
    assert_eq!(second.run(), Ending::Ack);
}

#[test]
fn the_next_try_finds_one_under_fresh_and_not_under_reuse() {
    let sandbox = Sandbox::without_reserve(1, 20_000).unwrap();
    // It grows once: what it finds there at the second try is what it has left.
    let code = format!("(local $at i32) (if (i32.lt_u (memory.size) (i32.const 256)) (then {GROW})) {LOOK} {FILL}");
    let bytes = guest(MEMORY, TABLE, &code);
    let mut fresh = load(&sandbox, &bytes, "memory = \"16MiB\"\nisolation = \"fresh\"").unwrap();
    for _ in 0..3 {
        assert_eq!(fresh.run(), Ending::Ack);
    }
    drop(fresh);
    let mut again = load(&sandbox, &bytes, "memory = \"16MiB\"\nreuse_memory = 1.0").unwrap();
    assert_eq!(again.run(), Ending::Ack);
    assert!(matches!(again.run(), Ending::Fault { kind: FaultKind::Trap, .. }));
}
