//! A TCP proxy that can be told to misbehave.
//!
//! It forwards every connection to one address, both ways. [`Mode`] says what else it does, and may change at any time;
//! what [`Proxy::set`] says holds for all connections when it returns. Threads, because what is proxied here are some
//! dozens of connections. A half-closed connection is closed.

mod pump;

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For a connection to the target, which is on this machine.
const CONNECT: Duration = Duration::from_secs(5);

/// What the proxy does to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Forwards.
    Pass,
    /// Forwards each piece that it reads after this time; so it slows down what waits for answers most of all.
    Delay(Duration),
    /// Accepts connections and what they send, and forwards nothing. The next mode closes each connection that has lost
    /// something by that.
    Blackhole,
    /// Closes all connections and refuses new ones.
    Cut,
}

/// A running proxy; dropping it closes everything.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    listen: SocketAddr,
    target: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    mode: Mode,
    listening: bool,
    /// The proxy is dropped.
    ended: bool,
    next: u64,
    connections: HashMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    /// The client's, and the target's if there is one yet.
    streams: Vec<TcpStream>,
    /// Something was swallowed: what follows would make no sense.
    spoilt: bool,
}

impl Proxy {
    /// Listens, and forwards to `target`, where nobody needs to listen yet.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(listen: SocketAddr, target: SocketAddr) -> io::Result<Proxy> {
        let listener = TcpListener::bind(listen)?;
        let state = State { mode: Mode::Pass, listening: true, ended: false, next: 0, connections: HashMap::new() };
        let listen = listener.local_addr()?;
        let shared = Arc::new(Shared { listen, target, state: Mutex::new(state), changed: Condvar::new() });
        let acceptor = Arc::clone(&shared);
        std::thread::Builder::new().name("proxy".into()).spawn(move || acceptor.accept(listener))?;
        Ok(Proxy { shared })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.listen
    }

    /// Does this from now on.
    ///
    /// # Panics
    /// When the port was taken by another process while it was not listened on.
    pub fn set(&self, mode: Mode) {
        self.shared.set(|state| state.mode = mode);
        let mut state = self.shared.state();
        while state.listening == (mode == Mode::Cut) && !state.ended {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        assert!(!state.ended, "the proxy could not listen on {} again", self.shared.listen);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.set(|state| state.ended = true);
        // Who connects from now on is refused. Until then they might be let into the queue of a listener that is about to
        // close, and be cut off.
        let mut state = self.shared.state();
        while state.listening {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let all = state.mode == Mode::Cut || state.ended;
        for connection in state.connections.values() {
            if all || (connection.spoilt && state.mode != Mode::Blackhole) {
                connection.close();
            }
        }
        let wake = all && state.listening;
        drop(state);
        self.changed.notify_all();
        if wake {
            // The acceptor waits in `accept`; whether this arrives or it has left already is all the same.
            let _ = TcpStream::connect_timeout(&self.listen, CONNECT);
        }
    }

    /// Runs until the proxy ends. The listener is closed while connections are to be refused.
    fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut listener = Some(listener);
        loop {
            let mut state = self.state();
            if state.ended || state.mode == Mode::Cut {
                listener = None;
                state.listening = false;
                self.changed.notify_all();
                if state.ended {
                    return;
                }
                drop(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
                continue;
            }
            let Some(open) = listener.take().or_else(|| TcpListener::bind(self.listen).ok()) else {
                state.ended = true;
                self.changed.notify_all();
                return;
            };
            state.listening = true;
            self.changed.notify_all();
            drop(state);
            if let Ok((client, _)) = open.accept() {
                self.admit(client);
            }
            listener = Some(open);
        }
    }

    fn admit(self: &Arc<Self>, client: TcpStream) {
        let Ok(copy) = client.try_clone() else { return };
        let mut state = self.state();
        if state.ended || state.mode == Mode::Cut {
            return;
        }
        let spoilt = state.mode == Mode::Blackhole;
        let id = state.next;
        state.next += 1;
        state.connections.insert(id, Connection { streams: vec![copy], spoilt });
        drop(state);
        let shared = Arc::clone(self);
        std::thread::spawn(move || pump::connection(&shared, id, client));
    }
}

impl Connection {
    fn close(&self) {
        for stream in &self.streams {
            // Fails when the other side has closed it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests;
