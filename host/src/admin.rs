//! The admin server: `/metrics`, `/healthz` and `/readyz`, which need no token and may be asked by any name, and
//! `/api/v1`, which asks for a token where one is configured, and keeps web pages out where none is
//! (`admin/guard.rs`).

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::config;
use crate::telemetry::Telemetry;

mod api;
mod connections;
pub mod control;
mod guard;
pub mod health;
mod openapi;
mod problem;
mod token;

pub use health::Health;

use control::Slot;
use token::Token;

#[derive(Clone)]
struct Admin {
    token: Option<Token>,
    health: Arc<Health>,
    telemetry: Arc<Telemetry>,
    handlers: Arc<Slot>,
    /// Whether components are taken.
    upload: bool,
    /// One at a time, for each is held in memory.
    uploading: Arc<Semaphore>,
    /// Questions about handlers, each of which may wait for a compiler. The connections that are left are for the pages of
    /// health.
    asking: Arc<Semaphore>,
}

/// Listens, and serves for as long as the runtime lives. Answers the address that it got.
///
/// # Errors
/// Where the address cannot be listened on.
pub async fn serve(
    config: &config::Admin,
    health: Arc<Health>,
    telemetry: Arc<Telemetry>,
    handlers: Arc<Slot>,
) -> anyhow::Result<SocketAddr> {
    let listen = config.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; choose another address in admin.listen"))?;
    let address = listener.local_addr()?;
    let token = config.token.as_ref().map(Token::new);
    let (uploading, asking) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(api::ASKING)));
    let admin = Admin { token, health, telemetry, handlers, upload: config.upload, uploading, asking };
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .nest("/api/v1", api::routes(&admin))
        .with_state(admin);
    tokio::spawn(connections::serve(listener, routes));
    Ok(address)
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    match admin.telemetry.prometheus() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    }
}

async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    match admin.health.ready() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}
