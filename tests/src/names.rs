//! Names that no other test has.
//!
//! Tests share one broker; topics, groups and directories are told apart by their names alone.

/// Bytes of a test's name that are kept: a Kafka name has at most 249, and suffixes are added.
const KEPT: usize = 120;

/// The running test's name, as libtest gave it to its thread, reduced to what Kafka allows in a name.
///
/// Without a test's thread (`--test-threads=1`, or a thread that the test started) it is `test`.
#[must_use]
pub fn test_name() -> String {
    let thread = std::thread::current();
    let name = thread.name().filter(|name| *name != "main").unwrap_or("test");
    allowed(name)
}

/// `stem` with a random ending that tells this use of it apart from all others.
#[must_use]
pub fn unique(stem: &str) -> String {
    format!("{}-{:08x}", allowed(stem), fastrand::u32(..))
}

/// The characters that Kafka allows; `::` and all others become `-`. `.` goes too: Kafka's own metrics confuse it with `_`.
fn allowed(name: &str) -> String {
    let mut allowed = String::new();
    for c in name.replace("::", "-").chars().take(KEPT) {
        allowed.push(if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' });
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_named_after_its_path() {
        let handle = std::thread::Builder::new().name("delivery::retries_then_acks".into()).spawn(test_name).unwrap();
        assert_eq!(handle.join().unwrap(), "delivery-retries_then_acks");
    }

    #[test]
    fn two_uses_of_a_stem_differ() {
        let (one, other) = (unique("a b.ä"), unique("a b.ä"));
        assert_ne!(one, other);
        assert!(one.starts_with("a-b---"), "{one}");
    }
}
