//! What no handler should do, done so that no optimiser takes it away.

use std::hint::black_box;

use sandbus_sdk::log;

/// Smallest page that an operating system hands out, in bytes.
const PAGE: usize = 4_096;

/// Executes `unreachable`. Natively it panics.
#[cfg(target_arch = "wasm32")]
pub fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
pub fn trap() -> ! {
    panic!("trap");
}

/// Panics. Nothing of ours catches that.
pub fn throw(text: &str) -> ! {
    panic!("{text}");
}

/// Never ends, and calls nothing.
pub fn endless() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns).wrapping_add(1);
    }
}

/// Calls itself until the stack is full.
pub fn recurse() {
    black_box(descend(black_box(0), black_box(u64::MAX)));
}

/// One frame for each level. The rotation after the call keeps it from becoming a loop; arguments
/// live in locals, so it is the call stack that fills and not the memory's own.
#[inline(never)]
fn descend(level: u64, deepest: u64) -> u64 {
    if level >= deepest {
        return level;
    }
    descend(level.wrapping_add(1), deepest).rotate_left(7) ^ level
}

/// Takes so many bytes, writes to every page, and frees them.
pub fn alloc(bytes: usize) {
    let mut taken = vec![0_u8; bytes];
    for page in taken.chunks_mut(PAGE) {
        page.fill(1);
    }
    black_box(&taken);
}

/// Writes so many lines, each with its number from 1.
pub fn log_flood(lines: u64) {
    for line in 1..=lines {
        log::info!("log-flood {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::descend;

    #[test]
    fn recursion_goes_through_every_level() {
        let by_hand = ((3_u64.rotate_left(7) ^ 2).rotate_left(7)) ^ 1;
        assert_eq!(descend(1, 3), by_hand);
    }
}
