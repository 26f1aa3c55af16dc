//! Connections to the admin server: how many there may be, and how long each may keep it waiting.
//!
//! Whoever reaches the address may open one, before any token is asked for, and each costs a file descriptor of the
//! process that also needs them for Kafka. So there is room for [`MAX`]. Where another comes, the one is closed that has
//! sent no request for the longest time: so the pages of health answer, however many are held open by somebody who
//! sends half of a request. One whose request is being answered is not closed for another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, yield_now};
use tokio_io_timeout::TimeoutStream;

/// Connections at once.
pub const MAX: usize = 64;

/// How long the head of a request may take to come, the first as well as the next one.
const HEAD: Duration = Duration::from_secs(10);

/// How long somebody may take none of the answer's bytes.
const WRITE: Duration = Duration::from_secs(10);

/// Before it is tried again where no connection can be taken: the process may have no file descriptor left.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes connections for as long as it is polled.
pub async fn serve(listener: TcpListener, routes: Router) {
    let mut open = Open { connections: Vec::new(), freed: Arc::new(Notify::new()) };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => open.take(stream, routes.clone()).await,
            Err(error) => {
                tracing::warn!(%error, "the admin server cannot take a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

struct Open {
    connections: Vec<Connection>,
    /// Told when one ends, or has answered.
    freed: Arc<Notify>,
}

struct Connection {
    place: Arc<Place>,
    task: AbortHandle,
}

impl Open {
    async fn take(&mut self, stream: TcpStream, routes: Router) {
        self.make_room().await;
        let place = Arc::new(Place { doing: Mutex::new(Doing::Waits(Instant::now())), freed: self.freed.clone() });
        let task = tokio::spawn(answer(stream, routes, place.clone())).abort_handle();
        self.connections.push(Connection { place, task });
        // What has come with it is looked at before it may be closed for the next.
        yield_now().await;
    }

    async fn make_room(&mut self) {
        loop {
            self.connections.retain(|connection| !connection.task.is_finished());
            if self.connections.len() < MAX {
                return;
            }
            let waiting = self.connections.iter().enumerate();
            let waiting = waiting.filter_map(|(at, connection)| Some((connection.place.waits_since()?, at)));
            match waiting.min() {
                Some((_, at)) if self.connections.get(at).is_some_and(|connection| connection.place.close()) => {
                    self.connections.remove(at).task.abort();
                }
                // It was sent a request just now.
                Some(_) => {}
                None => self.freed.notified().await,
            }
        }
    }
}

/// What a connection does, as itself and whoever wants its place know it.
struct Place {
    doing: Mutex<Doing>,
    freed: Arc<Notify>,
}

#[derive(Clone, Copy)]
enum Doing {
    /// For a request, or for its answer to be taken.
    Waits(Instant),
    /// On an answer.
    Works,
    /// It is closed, and answers nothing more.
    Closed,
}

impl Place {
    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits_since(&self) -> Option<Instant> {
        match *self.doing() {
            Doing::Waits(since) => Some(since),
            Doing::Works | Doing::Closed => None,
        }
    }

    /// Closes it, if it waits.
    fn close(&self) -> bool {
        let mut doing = self.doing();
        let waits = matches!(*doing, Doing::Waits(_));
        if waits {
            *doing = Doing::Closed;
        }
        waits
    }

    /// A request has come.
    fn work(self: &Arc<Self>) -> Result<Work, Closed> {
        let mut doing = self.doing();
        if matches!(*doing, Doing::Closed) {
            return Err(Closed);
        }
        *doing = Doing::Works;
        Ok(Work(self.clone()))
    }
}

/// A request that is being answered.
struct Work(Arc<Place>);

impl Drop for Work {
    fn drop(&mut self) {
        *self.0.doing() = Doing::Waits(Instant::now());
        self.0.freed.notify_one();
    }
}

/// The connection was closed before its request was looked at.
#[derive(Debug, thiserror::Error)]
#[error("closed, for there are {MAX} others")]
struct Closed;

async fn answer(stream: TcpStream, routes: Router, place: Arc<Place>) {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE));
    let routes = TowerToHyperService::new(routes);
    let answer = service_fn(|request: http::Request<Incoming>| {
        let work = place.work();
        let answer = routes.call(request);
        async move {
            let _work = work?;
            let Ok(response) = answer.await;
            Ok::<_, Closed>(response)
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
    // Whatever ends it is the other side's doing.
    if let Err(error) = builder.serve_connection(TokioIo::new(Box::pin(stream)), answer).await {
        tracing::debug!(%error, "a connection to the admin server ended");
    }
    place.freed.notify_one();
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Semaphore;

    use super::*;

    async fn served(routes: Router) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, routes));
        address
    }

    async fn send(address: SocketAddr, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        // One that was closed with bytes unread ends so.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    fn request(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    }

    #[tokio::test]
    async fn the_one_that_waits_longest_makes_room_and_what_is_answered_does_not() {
        let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let slow = {
            let (gate, begun) = (gate.clone(), begun.clone());
            move || async move {
                begun.add_permits(1);
                let _opened = gate.acquire().await.unwrap();
                "slow"
            }
        };
        let address = served(Router::new().route("/slow", get(slow)).route("/", get(async || "quick"))).await;
        // The oldest of all, and at work.
        let at_work = send(address, &request("/slow")).await;
        begun.acquire().await.unwrap().forget();
        let mut half = Vec::new();
        for _ in 0..3 * MAX {
            half.push(send(address, "GET / HTTP/1.1\r\n").await);
        }
        assert!(rest(send(address, &request("/")).await).await.ends_with("quick"));
        // The first of them are closed, the last are not.
        assert_eq!(rest(half.remove(0)).await, "");
        let mut last = half.pop().unwrap();
        last.write_all(b"Host: h\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(rest(last).await.ends_with("quick"));
        gate.add_permits(1);
        assert!(rest(at_work).await.ends_with("slow"));
    }

    #[tokio::test]
    async fn another_waits_where_all_are_being_answered() {
        let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let slow = {
            let (gate, begun) = (gate.clone(), begun.clone());
            move || async move {
                begun.add_permits(1);
                gate.acquire().await.unwrap().forget();
                "slow"
            }
        };
        let address = served(Router::new().route("/slow", get(slow))).await;
        let mut all = Vec::new();
        for _ in 0..=MAX {
            all.push(send(address, &request("/slow")).await);
        }
        begun.acquire_many(u32::try_from(MAX).unwrap()).await.unwrap().forget();
        for _ in 0..100 {
            yield_now().await;
        }
        assert_eq!(begun.available_permits(), 0, "one too many is answered");
        gate.add_permits(MAX + 1);
        for stream in all {
            assert!(rest(stream).await.ends_with("slow"));
        }
    }
}
