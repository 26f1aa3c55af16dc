//! Connections to granted servers: a name is looked up once, each address is held against the grants, and the
//! connection goes to one that passed. No proxy, no redirect, no connection that is used again.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::io::TokioIo;

use super::Counted;
use super::lookup::{self, LOOKUPS};
use crate::config::HttpOrigin;
use crate::sandbox::state::HandlerSettings;

/// Bytes of the head of an answer, and of what of it is read and not yet taken.
const MAX_HEAD: usize = 32 << 10;

/// Fields in the head of an answer.
const MAX_FIELDS: usize = 100;

/// Addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Trust, read when it is first needed.
static TLS: OnceCell<Result<TlsConnector, String>> = OnceCell::const_new();

/// What bytes pass through.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection to a server that is granted, within that time.
pub async fn connect(
    origin: &HttpOrigin,
    settings: &HandlerSettings,
    within: Duration,
) -> Result<Box<dyn Stream>, Error> {
    let connecting = async {
        let addresses = allowed(origin, addresses(origin, settings).await?, settings)?;
        // Addresses alone: nothing is looked up again.
        let stream = TcpStream::connect(&*addresses).await.map_err(|error| connect_error(&error))?;
        let _ = stream.set_nodelay(true);
        match origin.scheme {
            crate::config::Scheme::Http => Ok(Box::new(stream) as Box<dyn Stream>),
            crate::config::Scheme::Https => Ok(Box::new(secured(origin, stream).await?) as Box<dyn Stream>),
        }
    };
    timeout(within, connecting).await.map_err(|_| Error::ConnectionTimeout)?
}

async fn addresses(origin: &HttpOrigin, settings: &HandlerSettings) -> Result<Vec<IpAddr>, Error> {
    if let Some(address) = origin.address() {
        return Ok(vec![address]);
    }
    match LOOKUPS.addresses(&settings.name, &origin.host, lookup::system).await {
        Ok(found) if found.is_empty() => Err(Error::DestinationNotFound),
        Ok(found) => Ok(found),
        Err(error) => {
            tracing::debug!("cannot look up {}: {error}", origin.host);
            Err(Error::DnsError { rcode: None, info_code: None })
        }
    }
}

/// Those that the grants let it reach.
fn allowed(origin: &HttpOrigin, found: Vec<IpAddr>, settings: &HandlerSettings) -> Result<Vec<SocketAddr>, Error> {
    let reached = found.iter().filter(|address| settings.grants.reaches(origin, **address));
    let reached = reached.map(|address| SocketAddr::new(address.to_canonical(), origin.port));
    let reached: Vec<_> = reached.take(MAX_ADDRESSES).collect();
    if reached.is_empty() {
        settings.say(|| {
            let found: Vec<_> = found.iter().take(MAX_ADDRESSES).map(ToString::to_string).collect();
            format!(
                "refused an HTTP request to {origin}: {} leads to {}, which is not the public internet; if it is \
                 meant, grant it: grants.networks = [\"{}\"]",
                origin.host,
                found.join(", "),
                found.join("\", \"")
            )
        });
        return Err(Error::DestinationIpProhibited);
    }
    Ok(reached)
}

async fn secured(origin: &HttpOrigin, stream: TcpStream) -> Result<impl Stream + use<>, Error> {
    let connector = TLS.get_or_init(async || match tokio::task::spawn_blocking(trust).await {
        Ok(connector) => connector,
        Err(error) => Err(error.to_string()),
    });
    let connector = match connector.await {
        Ok(connector) => connector,
        Err(error) => {
            tracing::error!("no HTTPS request can be sent: {error}");
            return Err(Error::ConfigurationError);
        }
    };
    let name = match origin.address() {
        Some(address) => ServerName::from(address),
        None => ServerName::try_from(origin.host.clone()).map_err(|_| Error::HttpRequestUriInvalid)?,
    };
    connector.connect(name, stream).await.map_err(|error| tls_error(&error))
}

/// The system's certificates, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
fn trust() -> Result<TlsConnector, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(format!(
            "the system trusts no certificate; install its ca-certificates, or set SSL_CERT_FILE ({})",
            why.join(", ")
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What moves a connection, to its end.
pub type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Sends a request, and answers as soon as its answer begins, which it must within that time.
pub async fn send<B>(
    stream: Box<dyn Stream>,
    request: Request<Counted<B>>,
    within: Duration,
) -> Result<(Response<Incoming>, Connection), Error>
where
    Counted<B>: http_body::Body<Data = bytes::Bytes, Error = Error> + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD).max_headers(MAX_FIELDS);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(exchange_error)?;
    // What becomes of it, whoever waits for the answer is told as well.
    let mut connection: Connection = Box::pin(async {
        let _ = connection.await;
    });
    let response = {
        let mut answer = pin!(timeout(within, sender.send_request(request)));
        let mut is_open = true;
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => break answer,
                () = &mut connection, if is_open => is_open = false,
            }
            if !is_open {
                connection = Box::pin(std::future::ready(()));
                break answer.await;
            }
        }
    };
    let response = response.map_err(|_| Error::HttpResponseTimeout)?.map_err(exchange_error)?;
    Ok((response, connection))
}

fn connect_error(error: &io::Error) -> Error {
    match error.kind() {
        ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        ErrorKind::TimedOut => Error::ConnectionTimeout,
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => Error::DestinationUnavailable,
        _ => Error::ConnectionTerminated,
    }
}

fn tls_error(error: &io::Error) -> Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::TlsAlertReceived { alert_id: Some(u8::from(*alert)), alert_message: Some(format!("{alert:?}")) }
        }
        Some(_) => Error::TlsProtocolError,
        None => Error::ConnectionTerminated,
    }
}

/// What went wrong while bytes went to and fro.
pub fn exchange_error(error: hyper::Error) -> Error {
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(Error::HttpRequestBodySize(size)) = found.downcast_ref::<Error>() {
            return Error::HttpRequestBodySize(*size);
        }
        if let Some(error) = found.downcast_ref::<io::Error>() {
            return match error.kind() {
                ErrorKind::UnexpectedEof => Error::HttpResponseIncomplete,
                _ => Error::ConnectionTerminated,
            };
        }
        cause = found.source();
    }
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else if error.is_canceled() || error.is_closed() {
        Error::ConnectionTerminated
    } else {
        Error::HttpProtocolError
    }
}
