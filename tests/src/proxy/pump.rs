//! One connection through the proxy: two directions, each a loop of reading and writing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{CONNECT, Mode, Shared};

/// The most that is read at once, in bytes.
const PIECE: usize = 64 << 10;

/// Serves `client` until either side ends, then forgets it.
pub(super) fn connection(shared: &Arc<Shared>, id: u64, client: TcpStream) {
    if let Some(target) = connect(shared, id) {
        let back = (client.try_clone(), target.try_clone());
        if let (Ok(client), Ok(target)) = back {
            let shared = Arc::clone(shared);
            std::thread::spawn(move || direction(&shared, id, target, client));
        }
        direction(shared, id, client, target);
    } else {
        swallow(shared, id, client);
    }
}

/// The target's side; `None` when there is none, or when nothing is to be forwarded.
fn connect(shared: &Shared, id: u64) -> Option<TcpStream> {
    let spoilt = shared.state().connections.get(&id)?.spoilt;
    if spoilt {
        return None;
    }
    let Ok(target) = TcpStream::connect_timeout(&shared.target, CONNECT) else {
        close(shared, id);
        return None;
    };
    // Small requests that wait for answers: nothing is gained by collecting them.
    let _ = target.set_nodelay(true);
    let copy = target.try_clone().ok()?;
    shared.state().connections.get_mut(&id)?.streams.push(copy);
    Some(target)
}

/// Reads what nobody will get.
fn swallow(shared: &Shared, id: u64, mut client: TcpStream) {
    let mut piece = vec![0; PIECE];
    while client.read(&mut piece).is_ok_and(|read| read > 0) {}
    close(shared, id);
}

fn direction(shared: &Shared, id: u64, mut from: TcpStream, mut to: TcpStream) {
    let mut piece = vec![0; PIECE];
    let _ = to.set_nodelay(true);
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if passes(shared, id) && to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    close(shared, id);
}

/// Whether a piece may go on, after the delay that is due. The connection is spoilt if not.
fn passes(shared: &Shared, id: u64) -> bool {
    let start = Instant::now();
    let mut state = shared.state();
    loop {
        match state.mode {
            Mode::Pass => return true,
            Mode::Cut => return false,
            Mode::Blackhole => {
                if let Some(connection) = state.connections.get_mut(&id) {
                    connection.spoilt = true;
                }
                return false;
            }
            Mode::Delay(time) => {
                let left = time.saturating_sub(start.elapsed());
                if left == Duration::ZERO {
                    return true;
                }
                state = shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

fn close(shared: &Shared, id: u64) {
    if let Some(connection) = shared.state().connections.remove(&id) {
        connection.close();
    }
}
