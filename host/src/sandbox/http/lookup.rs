//! Names of servers, and how many of them are looked up at once.
//!
//! The system's resolver holds a thread for as long as it wants, and nobody can take it back: a lookup goes on when the
//! try that asked for it has ended. Who owns a name owns how long that takes. So each handler has a bound of its own,
//! over all of its generations, and the process one that takes many handlers to reach.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

/// Lookups at once of one handler.
const OF_HANDLER: usize = 4;

/// Lookups at once in this process.
const OF_ALL: usize = 64;

/// Those of this process.
pub static LOOKUPS: LazyLock<Lookups> = LazyLock::new(Lookups::default);

/// What is being looked up.
pub struct Lookups {
    all: Arc<Semaphore>,
    /// Of handlers that look something up, by their names.
    handlers: Mutex<HashMap<Arc<str>, Weak<Semaphore>>>,
}

impl Default for Lookups {
    fn default() -> Self {
        Lookups { all: Arc::new(Semaphore::new(OF_ALL)), handlers: Mutex::default() }
    }
}

impl Lookups {
    /// The addresses of a host, for a handler, when it is its turn.
    ///
    /// # Errors
    /// What the resolver says.
    pub async fn addresses(
        &self,
        handler: &Arc<str>,
        host: &str,
        resolve: impl FnOnce(&str) -> io::Result<Vec<IpAddr>> + Send + 'static,
    ) -> io::Result<Vec<IpAddr>> {
        let own = self.of_handler(handler).acquire_owned().await.map_err(io::Error::other)?;
        // After its own, so that nobody waits here but for those that are at work.
        let one = self.all.clone().acquire_owned().await.map_err(io::Error::other)?;
        let host = host.to_owned();
        let lookup = tokio::task::spawn_blocking(move || {
            let _both = (own, one);
            resolve(&host)
        });
        lookup.await.map_err(io::Error::other)?
    }

    fn of_handler(&self, handler: &Arc<str>) -> Arc<Semaphore> {
        let mut handlers = self.handlers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = handlers.get(handler).and_then(Weak::upgrade) {
            return own;
        }
        handlers.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(OF_HANDLER));
        handlers.insert(handler.clone(), Arc::downgrade(&own));
        own
    }
}

/// The system's resolver.
///
/// # Errors
/// What it says.
pub fn system(host: &str) -> io::Result<Vec<IpAddr>> {
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_handler_whose_lookups_do_not_end_holds_up_no_other() {
        let lookups = Arc::new(Lookups::default());
        let (slow, other): (Arc<str>, Arc<str>) = ("slow".into(), "other".into());
        let begun = Arc::new(AtomicUsize::new(0));
        let mut ends = Vec::new();
        for _ in 0..3 * OF_ALL {
            let (end, ended) = channel::<()>();
            ends.push(end);
            let (lookups, slow, begun) = (lookups.clone(), slow.clone(), begun.clone());
            let asked = tokio::spawn(async move {
                let resolve = move |_: &str| {
                    begun.fetch_add(1, Ordering::SeqCst);
                    let _ = ended.recv();
                    Ok(Vec::new())
                };
                lookups.addresses(&slow, "slow.example", resolve).await
            });
            // As a try that is over: what it had begun to look up goes on.
            tokio::task::yield_now().await;
            asked.abort();
            assert!(asked.await.is_err_and(|error| error.is_cancelled()));
        }
        let address = IpAddr::from([192, 0, 2, 1]);
        let quick = lookups.addresses(&other, "other.example", move |host| {
            assert_eq!(host, "other.example");
            Ok(vec![address])
        });
        let found = tokio::time::timeout(Duration::from_secs(30), quick).await.expect("it is not held up");
        assert_eq!(found.unwrap(), [address]);
        assert!(begun.load(Ordering::SeqCst) <= OF_HANDLER, "{begun:?} at once");
        // They end: the handler has its own back, and nothing is kept of it.
        drop(ends);
        let again = lookups.addresses(&slow, "slow.example", |_| Ok(Vec::new()));
        tokio::time::timeout(Duration::from_secs(30), again).await.expect("a turn").unwrap();
        let all = lookups.all.acquire_many(u32::try_from(OF_ALL).unwrap());
        tokio::time::timeout(Duration::from_secs(30), all).await.expect("all of them end").unwrap().forget();
        let _ = lookups.of_handler(&other);
        assert_eq!(lookups.handlers.lock().unwrap().len(), 1, "of handlers that look nothing up");
    }
}
