//! Random numbers, always there and always real.

use crate::host;

/// A random number of all 64 bits: from the host's secure source in the sandbox, in native tests
/// good enough for tests.
pub fn u64() -> u64 {
    host::random_u64()
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_differ() {
        let numbers: std::collections::HashSet<u64> = (0..100).map(|_| super::u64()).collect();
        assert_eq!(numbers.len(), 100);
    }
}
