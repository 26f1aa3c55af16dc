//! Asks a host's admin API, and says what is wrong where it does not answer as it should.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reqwest::blocking::{self, RequestBuilder};
use reqwest::{StatusCode, Url, redirect};
use serde_json::Value;

use super::super::Failure;
use crate::config::{Admin, Secret};
use crate::sandbox::text::plain;

/// Which host is asked.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Configuration file of the host [default: sandbus.toml, where there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of its admin server, instead of the configuration's
    #[arg(long, value_name = "URL", value_parser = url)]
    admin: Option<Url>,
    /// Print the host's answer as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// How long an answer may take.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    /// Nothing is compiled.
    Answer,
    /// Components may be.
    Compile,
}

impl Wait {
    fn limit(self) -> Duration {
        match self {
            Wait::Answer => Duration::from_secs(30),
            Wait::Compile => Duration::from_secs(900),
        }
    }
}

fn url(text: &str) -> Result<Url, String> {
    let wrong = "expected an address such as http://127.0.0.1:9464";
    let url = if text.contains("://") { text.parse() } else { format!("http://{text}").parse() };
    let url: Url = url.map_err(|error| format!("{error}; {wrong}"))?;
    let is_whole = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    if !is_whole || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong.to_owned());
    }
    Ok(url)
}

/// One host's API.
pub(super) struct Client {
    http: blocking::Client,
    base: Url,
    token: Option<Secret>,
    /// Where the address comes from.
    from: String,
}

impl Client {
    pub(super) fn new(place: &Place) -> Result<Client, Failure> {
        let default = Path::new("sandbus.toml");
        // Whoever names the host need not have its configuration.
        let default = Some(default).filter(|file| place.admin.is_none() && file.exists());
        let file = place.config.as_deref().or(default);
        let admin = Admin::load(file)?;
        let (base, from) = match &place.admin {
            Some(url) => (url.clone(), "--admin".to_owned()),
            None => {
                let file = file.map_or("the default".to_owned(), |file| file.display().to_string());
                (address(admin.listen)?, format!("admin.listen of {file}"))
            }
        };
        Ok(Client { http: http(&base)?, base, token: admin.token, from })
    }

    pub(super) fn get(&self, path: &[&str]) -> Result<Value, Failure> {
        self.answer(self.http.get(self.url(path)), Wait::Answer)
    }

    pub(super) fn post(&self, path: &[&str], wait: Wait) -> Result<Value, Failure> {
        self.answer(self.http.post(self.url(path)), wait)
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // An address with a host has a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        url
    }

    fn answer(&self, mut request: RequestBuilder, wait: Wait) -> Result<Value, Failure> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let answer = request.timeout(wait.limit()).send().map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let body = answer.bytes().map_err(|error| self.unreachable(&error))?;
        let body: Option<Value> = serde_json::from_slice(&body).ok();
        match (status, body) {
            (StatusCode::OK, Some(body)) => Ok(body),
            (StatusCode::UNAUTHORIZED, _) => Err(Failure::Usage(self.unauthorized())),
            (_, Some(body)) if body.get("error").is_some_and(Value::is_string) => {
                let reason = body.get("error").and_then(Value::as_str).unwrap_or_default();
                Err(Failure::Wrong(reason.lines().map(plain).collect::<Vec<_>>().join("\n")))
            }
            (status, _) => Err(Failure::Wrong(format!(
                "{} ({}) answers {status}, and not as a host of sandbus does; --admin URL names another address",
                self.shown(),
                self.from
            ))),
        }
    }

    fn shown(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let host = format!("{} ({})", self.shown(), self.from);
        if error.is_timeout() && !error.is_connect() {
            return Failure::Wrong(format!("the host at {host} has not answered in time"));
        }
        let mut reason: &dyn std::error::Error = error;
        while let Some(source) = reason.source() {
            reason = source;
        }
        Failure::Wrong(format!(
            "no host answers at {host}: {reason}; is `sandbus run` running there? \
             -c FILE names its configuration, --admin URL its address"
        ))
    }

    fn unauthorized(&self) -> String {
        let wrong = if self.token.is_some() { "another token" } else { "a token" };
        format!(
            "the host at {} ({}) asks for {wrong}: the one of [admin] in its configuration; give it with -c FILE or in \
             SANDBUS_ADMIN__TOKEN",
            self.shown(),
            self.from
        )
    }
}

/// Where to ask a host that listens there.
fn address(listen: SocketAddr) -> Result<Url, Failure> {
    if listen.port() == 0 {
        let hint = "admin.listen has port 0, which is any free one: name the address that the host logs at its start \
                    with --admin URL";
        return Err(Failure::Usage(hint.to_owned()));
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let text = format!("http://{}", SocketAddr::new(ip, listen.port()));
    text.parse().map_err(|error| Failure::Usage(format!("admin.listen = {listen}: {error}")))
}

fn http(base: &Url) -> Result<blocking::Client, Failure> {
    // Without one reqwest panics. A second one is refused, and not needed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A token goes to the host that was named, and to nobody whom it names.
    let builder = blocking::Client::builder().redirect(redirect::Policy::none()).no_proxy();
    let builder = builder.connect_timeout(Duration::from_secs(5));
    // The system's certificates are not looked for where none is needed.
    let builder = if base.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
    builder.build().map_err(|error| Failure::Wrong(format!("cannot make requests: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_listens_everywhere_is_asked_here() {
        for (listen, asked) in [
            ("127.0.0.1:9464", "http://127.0.0.1:9464/"),
            ("0.0.0.0:1", "http://127.0.0.1:1/"),
            ("[::]:1", "http://[::1]:1/"),
            ("10.1.2.3:9464", "http://10.1.2.3:9464/"),
        ] {
            assert_eq!(address(listen.parse().unwrap()).unwrap().as_str(), asked);
        }
        assert!(matches!(address("127.0.0.1:0".parse().unwrap()), Err(Failure::Usage(_))));
    }

    #[test]
    fn addresses_are_whole() {
        for right in ["http://h:1", "h:1", "127.0.0.1:9464", "[::1]:9464", "https://h/behind/a/proxy/"] {
            assert!(url(right).is_ok(), "{right}");
        }
        for wrong in ["", "ftp://h", "http://u:p@h", "http://h?q", "http://h#f", "http://"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_one_part_of_the_path() {
        let client = |base: &str| {
            let base = url(base).unwrap();
            Client { http: http(&base).unwrap(), base, token: None, from: String::new() }
        };
        let of = |base, name| client(base).url(&["handlers", name, "pause"]).to_string();
        assert_eq!(of("h:1", "a"), "http://h:1/api/v1/handlers/a/pause");
        assert_eq!(of("https://h/proxy/", "a/../b?c"), "https://h/proxy/api/v1/handlers/a%2F..%2Fb%3Fc/pause");
    }
}
