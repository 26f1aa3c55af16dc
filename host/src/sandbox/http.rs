//! What guests send by `wasi:http`: which requests may leave, and how much of it there may be.
//!
//! The library has the interface's types; what a grant covers decides [`Grants`](crate::config::Grants). Here a
//! request is counted, bounded, held against the grants and handed to the `client`, and ends with the try that it
//! belongs to. A guest that asks for too much or for what is not granted is told so by the interface's own error
//! codes, which have no words; what a person should know is logged, once.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Uri, header, uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Sleep, sleep};
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, IoError};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks};

use super::ports::WebRequest;
use super::state::{GuestState, HandlerSettings, LogBook};
use crate::config::{HttpOrigin, Scheme};
use crate::delivery::ports::{HostCalls, Mark};

mod client;
mod lookup;

/// By which name requests are counted among the calls of the host. Their time is that until the answer begins.
pub const IMPORT: &str = "outgoing-handler.handle";

/// The interface, in the version that the library has.
const TYPES: &str = "wasi:http/types@0.2.12";

/// W3C's header.
const TRACEPARENT: &str = "traceparent";

/// Connections that an instance may have at once.
const MAX_OPEN: usize = 16;

/// Bytes of the fields that a guest makes, as they lie in the host's memory. Each handle may hold so many.
const MAX_FIELDS: usize = 16 << 10;

/// Bytes that a guest may write to a body at once. Two such pieces wait for the network.
const CHUNK: usize = 16 << 10;

/// Bounds of the library's own part.
pub fn context() -> WasiHttpCtx {
    let mut context = WasiHttpCtx::new();
    context.set_field_size_limit(MAX_FIELDS);
    context
}

/// Links what the library has, and one function better: its own knows no error of a body by its code.
///
/// # Errors
/// Where a name is defined already.
pub fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    linker.instance(TYPES)?.func_wrap("http-error-code", |mut store, (error,): (Resource<IoError>,)| {
        let error = store.data_mut().ctx().table.get(&error)?;
        let own = error.downcast_ref::<Error>().and_then(code);
        Ok((own.or_else(|| error.downcast_ref::<ErrorCode>().cloned()),))
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

/// The errors that a body ends in.
fn code(error: &Error) -> Option<ErrorCode> {
    match error {
        Error::HttpResponseBodySize(size) => Some(ErrorCode::HttpResponseBodySize(*size)),
        Error::ConnectionReadTimeout => Some(ErrorCode::ConnectionReadTimeout),
        Error::ConnectionTerminated => Some(ErrorCode::ConnectionTerminated),
        Error::HttpResponseIncomplete => Some(ErrorCode::HttpResponseIncomplete),
        Error::HttpProtocolError => Some(ErrorCode::HttpProtocolError),
        _ => None,
    }
}

/// One instance's requests.
pub struct Web {
    settings: Arc<HandlerSettings>,
    log: Arc<LogBook>,
    open: Arc<Semaphore>,
    scope: Option<Scope>,
    calls: Arc<Mutex<HostCalls>>,
}

/// What ends with a batch, or with a try that is called alone.
struct Scope {
    /// Dropped, it ends the requests that are under way.
    over: watch::Sender<()>,
    /// What the events of the batch have used, by their places.
    spent: Vec<(usize, Arc<Spent>)>,
}

/// What one event has used.
#[derive(Debug, Default)]
struct Spent {
    requests: AtomicU32,
    bytes: AtomicU64,
}

impl Web {
    /// Of an instance that has sent nothing.
    pub fn new(settings: Arc<HandlerSettings>, log: Arc<LogBook>) -> Web {
        let open = Arc::new(Semaphore::new(MAX_OPEN));
        Web { settings, log, open, scope: None, calls: Arc::default() }
    }

    /// The batch, or the try that was called alone, is over, and with it what it has under way.
    pub fn end(&mut self) {
        self.scope = None;
    }

    /// The calls since this was last asked.
    pub fn take_calls(&mut self) -> HostCalls {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the event at this place has used, and when its batch is over.
    fn spent(&mut self, index: usize) -> (Arc<Spent>, watch::Receiver<()>) {
        let scope = self.scope.get_or_insert_with(|| Scope { over: watch::Sender::new(()), spent: Vec::new() });
        let over = scope.over.subscribe();
        if let Some((_, spent)) = scope.spent.iter().find(|(of, _)| *of == index) {
            return (spent.clone(), over);
        }
        let spent = Arc::<Spent>::default();
        scope.spent.push((index, spent.clone()));
        (spent, over)
    }

    /// Holds a request against grants and bounds.
    fn admit(&mut self, request: &Request<WasiBody>) -> Result<Admitted, Error> {
        let settings = self.settings.clone();
        let uri = request.uri();
        let Some((index, run)) = self.log.works_on() else {
            settings.say(|| format!("refused an HTTP request to {}: it belongs to no event", shown(uri)));
            return Err(Error::HttpRequestDenied);
        };
        let (spent, over) = self.spent(index);
        let limit = settings.limits.http_requests;
        if spent.requests.fetch_add(1, Ordering::Relaxed) >= limit {
            settings.say(|| format!("refused an HTTP request: one event may send {limit} (limits.http_requests)"));
            return Err(Error::ConnectionLimitReached);
        }
        if *request.method() == Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        let scheme = match uri.scheme() {
            Some(scheme) if *scheme == uri::Scheme::HTTP => Scheme::Http,
            _ => Scheme::Https,
        };
        let authority = uri.authority().map_or("", Authority::as_str);
        let origin = settings.grants.sends_to(scheme, authority, uri.path()).map_err(|denied| {
            settings.say(|| format!("refused an HTTP request to {}: {denied}", shown(uri)));
            Error::HttpRequestDenied
        })?;
        let open = self.open.clone().try_acquire_owned().map_err(|_| {
            settings.say(|| format!("refused an HTTP request: one instance may have {MAX_OPEN} open at once"));
            Error::ConnectionLimitReached
        })?;
        let (parent, mark) = settings.sink.requests(&run);
        let call = Call {
            settings,
            calls: self.calls.clone(),
            began: Instant::now(),
            mark,
            method: request.method().to_string(),
            path: uri.path().to_owned(),
            origin,
            ended: Err("cancelled".into()),
        };
        Ok(Admitted { call, parent, spent, over, open })
    }
}

/// A request as it is logged, without what may be secret in it.
fn shown(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", Authority::as_str);
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => format!("<credentials>@{host}"),
        None => authority.to_owned(),
    };
    let shown = format!("{}://{authority}{}", uri.scheme_str().unwrap_or_default(), uri.path());
    shown.chars().take(200).collect()
}

/// One request, which is counted and told of when its answer begins, or when nobody waits for it any more.
struct Call {
    settings: Arc<HandlerSettings>,
    calls: Arc<Mutex<HostCalls>>,
    began: Instant,
    mark: Option<Mark>,
    method: String,
    path: String,
    origin: HttpOrigin,
    ended: Result<u16, String>,
}

impl Drop for Call {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        match calls.first_mut() {
            Some((_, count, time)) => {
                *count += 1;
                *time += took;
            }
            None => calls.push((IMPORT, 1, took)),
        }
        drop(calls);
        if let Some(mark) = self.mark {
            let (method, server, path) = (&*self.method, &self.origin, &*self.path);
            let ended = self.ended.as_ref().map(|status| *status).map_err(|error| &**error);
            self.settings.sink.answered(mark, &WebRequest { method, server, path, began: self.began, ended });
        }
    }
}

/// The interface's own word for an error, as metrics and spans have words.
fn word(error: &Error) -> String {
    let debug = format!("{error:?}");
    let name = debug.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let mut word = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(character.to_ascii_lowercase());
    }
    word
}

/// A request that may leave.
struct Admitted {
    call: Call,
    /// What its `traceparent` is, unless the guest has set one.
    parent: Option<String>,
    spent: Arc<Spent>,
    over: watch::Receiver<()>,
    open: OwnedSemaphorePermit,
}

/// An answer that has begun, and what drives its connection.
type Answered = (http::Response<WasiBody>, Driver);
type Driver = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl Admitted {
    async fn send(self, request: Request<WasiBody>, options: RequestOptions) -> Result<Answered, Error> {
        let Admitted { mut call, parent, spent, mut over, open } = self;
        let (settings, origin) = (call.settings.clone(), call.origin.clone());
        // What takes longer than the try ends with it.
        let within = |asked: Option<Duration>| asked.unwrap_or(settings.timeout).min(settings.timeout);
        let limit = settings.limits.http_bytes;
        let request = rewritten(request, &origin, parent)?;
        let request = request.map(|body| Counted::new(body, &spent, limit, Error::HttpRequestBodySize, None));
        let exchange = async {
            let stream = client::connect(&origin, &settings, within(options.connect_timeout)).await?;
            client::send(stream, request, within(options.first_byte_timeout)).await
        };
        let answered = tokio::select! {
            answered = exchange => answered,
            _ = over.changed() => Err(Error::ConnectionTerminated),
        };
        call.ended = answered.as_ref().map(|(response, _)| response.status().as_u16()).map_err(word);
        drop(call);
        let (response, connection) = answered?;
        let quiet = within(options.between_bytes_timeout);
        let response = response.map(|body| {
            let body = body.map_err(client::exchange_error);
            Counted::new(body, &spent, limit, Error::HttpResponseBodySize, Some(quiet)).boxed_unsync()
        });
        let driver = async move {
            let _open = open;
            tokio::select! {
                () = connection => {}
                _ = over.changed() => {}
            }
            Ok(())
        };
        Ok((response, Box::new(driver)))
    }
}

/// The request as it goes to the server itself, over a connection of its own.
fn rewritten<B>(mut request: Request<B>, origin: &HttpOrigin, parent: Option<String>) -> Result<Request<B>, Error> {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}{query}", request.uri().path());
    *request.uri_mut() = target.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let host = HeaderValue::try_from(origin.authority()).map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(header::HOST, host);
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some(Ok(parent)) = parent.map(HeaderValue::try_from)
        && !request.headers().contains_key(TRACEPARENT)
    {
        request.headers_mut().insert(TRACEPARENT, parent);
    }
    Ok(request)
}

impl WasiHttpHooks for Web {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Answered, Error>> + Send> {
        let admitted = self.admit(&request);
        Box::new(async move { admitted?.send(request, options.unwrap_or_default()).await })
    }

    /// It is set to what was granted.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }
}

/// A body whose bytes count for an event, and which may not be silent for longer than it may.
struct Counted<B> {
    body: B,
    spent: Arc<Spent>,
    limit: u64,
    too_large: fn(Option<u64>) -> Error,
    quiet: Option<(Duration, Pin<Box<Sleep>>)>,
    ended: bool,
}

impl<B> Counted<B> {
    fn new(
        body: B,
        spent: &Arc<Spent>,
        limit: u64,
        too_large: fn(Option<u64>) -> Error,
        quiet: Option<Duration>,
    ) -> Self {
        let quiet = quiet.map(|quiet| (quiet, Box::pin(sleep(quiet))));
        Counted { body, spent: spent.clone(), limit, too_large, quiet, ended: false }
    }
}

impl<B: Body<Data = Bytes, Error = Error> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            let Some((_, silence)) = &mut self.quiet else { return Poll::Pending };
            ready!(silence.as_mut().poll(context));
            self.ended = true;
            return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
        };
        if let Some((quiet, silence)) = &mut self.quiet {
            silence.set(sleep(*quiet));
        }
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            let total = self.spent.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
            if total > self.limit {
                self.ended = true;
                return Poll::Ready(Some(Err((self.too_large)(Some(total)))));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
