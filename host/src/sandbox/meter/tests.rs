#![allow(clippy::unwrap_used, reason = "a test stops")]

use std::pin::pin;
use std::time::{Duration, Instant};

use super::{Meter, Metered};

const LONG: Duration = Duration::from_secs(3600);

/// What a call came to under a meter, with that and the time that it took.
async fn metered<T>(call: impl Future<Output = T>, timeout: Duration) -> (Option<T>, Meter, Duration) {
    let (meter, started) = (Meter::default(), Instant::now());
    let (answer, ended) = Metered::new(&meter, pin!(call), started, timeout).await;
    (answer, meter, ended - started)
}

fn compute(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[tokio::test]
async fn a_call_that_waits_too_long_is_given_up() {
    let timeout = Duration::from_millis(20);
    let (answer, _, took) = metered(std::future::pending::<()>(), timeout).await;
    assert_eq!(answer, None);
    assert!(took >= timeout, "{took:?}");
}

#[tokio::test]
async fn a_call_that_never_gives_its_thread_away_for_long_is_given_up_too() {
    let call = async {
        loop {
            compute(Duration::from_millis(1));
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(metered::<()>(call, Duration::from_millis(20)).await.0, None);
}

/// What tokio lets one poll do does not keep it from seeing that the time is over.
#[tokio::test]
async fn a_call_that_uses_up_its_budget_is_given_up_too() {
    let call = async {
        loop {
            tokio::task::coop::consume_budget().await;
        }
    };
    assert_eq!(metered::<()>(call, Duration::from_millis(20)).await.0, None);
}

#[tokio::test]
async fn a_call_that_is_over_at_once_is_never_too_late() {
    let call = async {
        compute(Duration::from_millis(3));
        7
    };
    let (answer, meter, took) = metered(call, Duration::ZERO).await;
    assert_eq!(answer, Some(7));
    assert!(took >= Duration::from_millis(3), "{took:?}");
    assert!(meter.used() <= took, "{:?} of {took:?}", meter.used());
}

#[tokio::test]
async fn cpu_is_counted_over_all_polls_and_waiting_is_not() {
    let call = async {
        for _ in 0..3 {
            compute(Duration::from_millis(4));
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    let (answer, meter, took) = metered(call, LONG).await;
    assert_eq!(answer, Some(()));
    assert!(took >= Duration::from_millis(100), "{took:?}");
    // Another process may have had the core meanwhile.
    assert!(meter.used() > Duration::ZERO && meter.used() < took / 2, "{:?} of {took:?}", meter.used());
}

#[tokio::test]
async fn a_time_that_no_clock_reaches_is_no_limit() {
    // Pending once, so that a timer is looked for.
    let call = tokio::task::yield_now();
    assert_eq!(metered(call, Duration::MAX).await.0, Some(()));
}
