//! The admin server: `/metrics`, `/healthz`, `/readyz`. None of them needs a token.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::telemetry::Telemetry;

pub mod health;

pub use health::Health;

#[derive(Clone)]
struct Admin {
    health: Arc<Health>,
    telemetry: Arc<Telemetry>,
}

/// Listens, and serves for as long as the runtime lives. Answers the address that it got.
///
/// # Errors
/// Where the address cannot be listened on.
pub async fn serve(listen: SocketAddr, health: Arc<Health>, telemetry: Arc<Telemetry>) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; choose another address in admin.listen"))?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .with_state(Admin { health, telemetry });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the admin server ended");
        }
    });
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
