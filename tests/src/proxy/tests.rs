//! Each mode, against a server that sends back what it gets.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Instant;

use super::*;

/// For what takes moments on an idle machine.
const SOON: Duration = Duration::from_secs(10);
/// For what must not arrive.
const MOMENT: Duration = Duration::from_millis(200);

/// A server that echoes, behind a proxy.
fn proxied() -> Proxy {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = server.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut piece = [0; 1024];
                while let Ok(read @ 1..) = stream.read(&mut piece) {
                    if stream.write_all(&piece[..read]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    // Below the kernel's range for outgoing connections: it has to come back on the same port.
    let listen = SocketAddr::from(([127, 0, 0, 1], crate::ports::free()));
    Proxy::start(listen, target).unwrap()
}

fn client(proxy: &Proxy) -> TcpStream {
    let client = TcpStream::connect(proxy.address()).unwrap();
    client.set_read_timeout(Some(SOON)).unwrap();
    client
}

/// Sends a text and reads as much.
fn echo(client: &mut TcpStream, text: &str) -> io::Result<String> {
    client.write_all(text.as_bytes())?;
    let mut back = vec![0; text.len()];
    client.read_exact(&mut back)?;
    Ok(String::from_utf8(back).unwrap())
}

/// Whether the connection is at its end, in whatever way.
fn is_closed(client: &mut TcpStream) -> bool {
    match client.read(&mut [0; 16]) {
        Ok(read) => read == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn passes_both_ways() {
    let proxy = proxied();
    let (mut one, mut other) = (client(&proxy), client(&proxy));
    assert_eq!(echo(&mut one, "one").unwrap(), "one");
    assert_eq!(echo(&mut other, "other").unwrap(), "other");
    assert_eq!(echo(&mut one, &"long".repeat(50_000)).unwrap().len(), 200_000);
}

#[test]
fn delays_each_way() {
    let proxy = proxied();
    let mut client = client(&proxy);
    assert_eq!(echo(&mut client, "now").unwrap(), "now");
    proxy.set(Mode::Delay(Duration::from_millis(150)));
    let start = Instant::now();
    assert_eq!(echo(&mut client, "later").unwrap(), "later");
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());

    proxy.set(Mode::Delay(Duration::from_secs(3600)));
    client.write_all(b"held").unwrap();
    proxy.set(Mode::Pass);
    let mut back = [0; 4];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"held", "nothing waits longer than the mode holds");
}

#[test]
fn a_black_hole_takes_everything_and_answers_nothing() {
    let proxy = proxied();
    let (mut used, mut idle) = (client(&proxy), client(&proxy));
    for client in [&mut used, &mut idle] {
        assert_eq!(echo(client, "before").unwrap(), "before");
    }
    proxy.set(Mode::Blackhole);
    let mut new = client(&proxy);
    for client in [&mut used, &mut new] {
        client.set_read_timeout(Some(MOMENT)).unwrap();
        let error = echo(client, "into the hole").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "it was noticed: {error}");
        client.set_read_timeout(Some(SOON)).unwrap();
    }
    proxy.set(Mode::Pass);
    assert!(is_closed(&mut used), "what lost something may not go on");
    assert!(is_closed(&mut new), "likewise");
    assert_eq!(echo(&mut idle, "after").unwrap(), "after");
    assert_eq!(echo(&mut client(&proxy), "new").unwrap(), "new");
}

#[test]
fn a_cut_closes_all_and_refuses_until_it_is_healed() {
    let proxy = proxied();
    let mut old = client(&proxy);
    assert_eq!(echo(&mut old, "before").unwrap(), "before");
    for _ in 0..3 {
        proxy.set(Mode::Cut);
        assert!(is_closed(&mut old));
        let error = TcpStream::connect(proxy.address()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        proxy.set(Mode::Pass);
        old = client(&proxy);
        assert_eq!(echo(&mut old, "after").unwrap(), "after");
    }
}

#[test]
fn a_target_that_is_away_ends_the_connection_and_not_the_proxy() {
    let target = SocketAddr::from(([127, 0, 0, 1], crate::ports::free()));
    let listen = SocketAddr::from(([127, 0, 0, 1], crate::ports::free()));
    let proxy = Proxy::start(listen, target).unwrap();
    assert!(is_closed(&mut client(&proxy)));
    let server = TcpListener::bind(target).unwrap();
    std::thread::spawn(move || server.accept().unwrap().0.write_all(b"here").unwrap());
    let mut back = [0; 4];
    client(&proxy).read_exact(&mut back).unwrap();
    assert_eq!(&back, b"here");
}

#[test]
fn nothing_is_left_of_a_dropped_proxy() {
    let proxy = proxied();
    let mut old = client(&proxy);
    assert_eq!(echo(&mut old, "before").unwrap(), "before");
    let address = proxy.address();
    drop(proxy);
    assert!(is_closed(&mut old));
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
