//! HTTPS is trusted as the system trusts it, to the name that was granted, and goes past any proxy.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, Stream};

use super::{component, get};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http").join(name)
}

/// Answers with the protocol that was agreed on, by a certificate for `localhost` and 127.0.0.1. Gives its port.
fn serve() -> u16 {
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut session) = (stream.unwrap(), ServerConnection::new(config.clone()).unwrap());
            let mut secured = Stream::new(&mut session, &mut stream);
            if secured.read(&mut [0; 4096]).is_ok() {
                let protocol = String::from_utf8(secured.conn.alpn_protocol().unwrap_or_default().to_vec()).unwrap();
                let _ = write!(secured, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{protocol}", protocol.len());
                secured.conn.send_close_notify();
                let _ = secured.flush();
            }
        }
    });
    port
}

/// What `sandbus test` shows of a request for this address.
fn requested(url: &str, trusted: Option<&Path>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events.jsonl");
    std::fs::write(&events, format!(r#"{{"type": "A", "value": {}}}"#, get(url))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbus"));
    command.arg("test").arg(component()).arg("--events").arg(&events).args(["--grant-http", url]);
    for proxy in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(proxy, "http://127.0.0.1:1");
    }
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    if let Some(trusted) = trusted {
        command.env("SSL_CERT_FILE", trusted);
    }
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[test]
fn certificates_are_trusted_as_the_system_trusts_them() {
    let url = format!("https://127.0.0.1:{}", serve());
    let trusted = requested(&url, Some(&file("server.pem")));
    assert!(trusted.contains("200, 8 bytes: http/1.1"), "{trusted}");
    let unknown = requested(&url, None);
    assert!(
        unknown.contains("error tls_certificate_error") || unknown.contains("error configuration_error"),
        "{unknown}"
    );
}

#[test]
fn a_certificate_for_another_name_is_none() {
    // All of 127.0.0.0/8 is this machine; the certificate has one of it.
    let listener = serve();
    let url = format!("https://127.0.0.1:{listener}");
    assert!(requested(&url, Some(&file("server.pem"))).contains(": 200"), "the server does not work");
    let port = forward(listener);
    let other = requested(&format!("https://127.0.0.2:{port}"), Some(&file("server.pem")));
    assert!(other.contains("error tls_certificate_error"), "{other}");
}

/// The same server at 127.0.0.2.
fn forward(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut here, mut there) = (stream.unwrap(), std::net::TcpStream::connect(("127.0.0.1", port)).unwrap());
            let (mut back, mut forth) = (here.try_clone().unwrap(), there.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut forth, &mut back));
            std::thread::spawn(move || std::io::copy(&mut here, &mut there));
        }
    });
    own
}
