//! Requests by `wasi:http`: sent whole, and answered whole.

use crate::bindings::wasi::wasi::http::outgoing_handler::handle;
use crate::bindings::wasi::wasi::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use crate::bindings::wasi::wasi::io::streams::StreamError;
use crate::host::announce;
use crate::http::{Error, Request, Response, Url};

/// What may be written to a stream at once.
const PIECE: usize = 4096;

/// What is asked for at once of an answer.
const READ: u64 = 64 << 10;

pub(crate) fn http(request: Request) -> Result<Response, Error> {
    announce();
    let Url { scheme, authority, target } = request.parts()?;
    let Request { method, headers, body, timeout, .. } = &request;
    let fields = Fields::from_list(headers)
        .map_err(|error| Error::new("bad_header", format!("a header is not allowed: {error:?}")))?;
    let outgoing = OutgoingRequest::new(fields);
    let refused = |what: &'static str| move |()| Error::new("bad_request", format!("the {what} is not well formed"));
    outgoing.set_method(&method_of(method)).map_err(refused("method"))?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    outgoing.set_scheme(Some(&scheme)).map_err(refused("scheme"))?;
    outgoing.set_authority(Some(authority)).map_err(refused("host"))?;
    outgoing.set_path_with_query(Some(&target)).map_err(refused("path"))?;
    let sink = match body.is_empty() {
        true => None,
        false => Some(outgoing.body().map_err(refused("length"))?),
    };
    let options = timeout.map(|timeout| {
        let nanoseconds = u64::try_from(timeout.as_nanos()).ok();
        let options = RequestOptions::new();
        // Each of them is supported by the host, or the try's own time holds.
        let _ = options.set_connect_timeout(nanoseconds);
        let _ = options.set_first_byte_timeout(nanoseconds);
        let _ = options.set_between_bytes_timeout(nanoseconds);
        options
    });
    let answer = handle(outgoing, options).map_err(error)?;
    if let Some(sink) = sink {
        write(sink, body)?;
    }
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => read(&response),
        Some(Ok(Err(code))) => Err(error(code)),
        // It was waited for, and is asked for once.
        Some(Err(())) | None => Err(Error::new("internal_error", "there is no answer")),
    }
}

fn method_of(method: &str) -> Method {
    match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        _ => Method::Other(method.to_owned()),
    }
}

/// A server that does not want the rest says so in its answer, so that is no error here.
fn write(sink: OutgoingBody, body: &[u8]) -> Result<(), Error> {
    let Ok(stream) = sink.write() else { return Ok(()) };
    for piece in body.chunks(PIECE) {
        if stream.blocking_write_and_flush(piece).is_err() {
            return Ok(());
        }
    }
    drop(stream);
    OutgoingBody::finish(sink, None).map_err(error)
}

fn read(response: &IncomingResponse) -> Result<Response, Error> {
    let mut read = Response::new(response.status());
    for (name, value) in response.headers().entries() {
        read = read.with_header(name, value);
    }
    let (Ok(source), mut body) = (response.consume(), Vec::new()) else { return Ok(read) };
    let Ok(stream) = source.stream() else { return Ok(read) };
    loop {
        match stream.blocking_read(READ) {
            Ok(piece) => body.extend(piece),
            Err(StreamError::Closed) => return Ok(read.with_body(body)),
            Err(StreamError::LastOperationFailed(failed)) => {
                return Err(match http_error_code(&failed) {
                    Some(code) => error(code),
                    None => Error::new("http_response_incomplete", "the answer broke off"),
                });
            }
        }
    }
}

fn error(code: ErrorCode) -> Error {
    Error::new(name(&code), format!("the request failed: {code:?}"))
}

/// The interface's own word, as a metric takes it.
fn name(code: &ErrorCode) -> &'static str {
    use ErrorCode as E;

    match code {
        E::DnsTimeout => "dns_timeout",
        E::DnsError(_) => "dns_error",
        E::DestinationNotFound => "destination_not_found",
        E::DestinationUnavailable => "destination_unavailable",
        E::DestinationIpProhibited => "destination_ip_prohibited",
        E::DestinationIpUnroutable => "destination_ip_unroutable",
        E::ConnectionRefused => "connection_refused",
        E::ConnectionTerminated => "connection_terminated",
        E::ConnectionTimeout => "connection_timeout",
        E::ConnectionReadTimeout => "connection_read_timeout",
        E::ConnectionWriteTimeout => "connection_write_timeout",
        E::ConnectionLimitReached => "connection_limit_reached",
        E::TlsProtocolError => "tls_protocol_error",
        E::TlsCertificateError => "tls_certificate_error",
        E::TlsAlertReceived(_) => "tls_alert_received",
        E::HttpRequestDenied => "http_request_denied",
        E::HttpRequestLengthRequired => "http_request_length_required",
        E::HttpRequestBodySize(_) => "http_request_body_size",
        E::HttpRequestMethodInvalid => "http_request_method_invalid",
        E::HttpRequestUriInvalid => "http_request_uri_invalid",
        E::HttpRequestUriTooLong => "http_request_uri_too_long",
        E::HttpRequestHeaderSectionSize(_) => "http_request_header_section_size",
        E::HttpRequestHeaderSize(_) => "http_request_header_size",
        E::HttpRequestTrailerSectionSize(_) => "http_request_trailer_section_size",
        E::HttpRequestTrailerSize(_) => "http_request_trailer_size",
        E::HttpResponseIncomplete => "http_response_incomplete",
        E::HttpResponseHeaderSectionSize(_) => "http_response_header_section_size",
        E::HttpResponseHeaderSize(_) => "http_response_header_size",
        E::HttpResponseBodySize(_) => "http_response_body_size",
        E::HttpResponseTrailerSectionSize(_) => "http_response_trailer_section_size",
        E::HttpResponseTrailerSize(_) => "http_response_trailer_size",
        E::HttpResponseTransferCoding(_) => "http_response_transfer_coding",
        E::HttpResponseContentCoding(_) => "http_response_content_coding",
        E::HttpResponseTimeout => "http_response_timeout",
        E::HttpUpgradeFailed => "http_upgrade_failed",
        E::HttpProtocolError => "http_protocol_error",
        E::LoopDetected => "loop_detected",
        E::ConfigurationError => "configuration_error",
        E::InternalError(_) => "internal_error",
    }
}
