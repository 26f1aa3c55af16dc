//! Free TCP ports on loopback.
//!
//! A port is found by binding it and letting it go. It is taken from below the range that the kernel gives to outgoing
//! connections, so that it stays free while a broker that is to come back on it is down.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Below are the ports of well-known services.
const LOWEST: u16 = 12_000;
/// Bound on the search: a machine where this many random ports are taken has another problem.
const TRIES: usize = 200;

/// Ports given out by this process: tests run side by side and must not get the same one.
static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A port of 127.0.0.1 that nothing listens on and that this process has not given out before.
///
/// # Panics
/// When none is found.
#[must_use]
pub fn free() -> u16 {
    let range = outside_ephemeral();
    for _ in 0..TRIES {
        let port = match &range {
            Some(range) => fastrand::u16(range.clone()),
            None => 0,
        };
        if let Some(port) = bindable(port)
            && GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port)
        {
            return port;
        }
    }
    panic!("no free port on 127.0.0.1 after {TRIES} tries in {range:?}");
}

/// `port` when it is free, else a free one.
#[must_use]
pub fn preferably(port: u16) -> u16 {
    bindable(port).unwrap_or_else(free)
}

fn bindable(port: u16) -> Option<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    listener.local_addr().ok().map(|address| address.port())
}

/// The ports below the kernel's range for outgoing connections; `None` when there are too few.
fn outside_ephemeral() -> Option<Range<u16>> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let first = text.split_whitespace().next()?.parse::<u16>().ok()?;
    (first > LOWEST + 1000).then_some(LOWEST..first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_gives_a_port_twice() {
        let ports: HashSet<u16> = (0..50).map(|_| free()).collect();
        assert_eq!(ports.len(), 50);
    }

    #[test]
    fn avoids_a_port_in_use() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert_ne!(preferably(port), port);
    }
}
