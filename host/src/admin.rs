//! The admin server: `/metrics`, `/healthz` and `/readyz`, which need no token, and `/api/v1`, which asks
//! for one where one is configured.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;

use crate::config;
use crate::telemetry::Telemetry;

pub mod control;
pub mod health;
mod token;

pub use health::Health;

use token::Token;

#[derive(Clone)]
struct Admin {
    token: Option<Token>,
    health: Arc<Health>,
    telemetry: Arc<Telemetry>,
}

/// Listens, and serves for as long as the runtime lives. Answers the address that it got.
///
/// # Errors
/// Where the address cannot be listened on.
pub async fn serve(
    config: &config::Admin,
    health: Arc<Health>,
    telemetry: Arc<Telemetry>,
) -> anyhow::Result<SocketAddr> {
    let listen = config.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}; choose another address in admin.listen"))?;
    let address = listener.local_addr()?;
    let admin = Admin { token: config.token.as_ref().map(Token::new), health, telemetry };
    let api = Router::new()
        .route("/partitions", get(partitions))
        .layer(middleware::from_fn_with_state(admin.clone(), authorized));
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .nest("/api/v1", api)
        .with_state(admin);
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

/// Lets a request for the API pass that has the token.
async fn authorized(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    match &admin.token {
        Some(token) if !token.is_in(given) => {
            let hint = "this needs the header \"Authorization: Bearer TOKEN\", with the token of [admin]\n";
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], hint).into_response()
        }
        _ => next.run(request).await,
    }
}

async fn partitions(State(admin): State<Admin>) -> impl IntoResponse {
    Json(serde_json::json!({ "partitions": admin.telemetry.partitions().all() }))
}

async fn ready(State(admin): State<Admin>) -> impl IntoResponse {
    match admin.health.ready() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}
