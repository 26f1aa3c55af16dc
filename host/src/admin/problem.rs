//! What the API answers when it did not do what was asked: a status, and a reason as JSON.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::control::ControlError;

/// Why the API did not do what was asked.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    reason: String,
}

/// What stands in the answer.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "Error")]
pub struct Body {
    /// What is wrong, and what to do about it.
    pub error: String,
}

impl Problem {
    /// With this status, for this reason.
    pub fn new(status: StatusCode, reason: impl Into<String>) -> Problem {
        Problem { status, reason: reason.into() }
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        let status = match &error {
            ControlError::Unknown(_) => StatusCode::NOT_FOUND,
            ControlError::Refused(_) => StatusCode::CONFLICT,
        };
        Problem::new(status, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Body { error: self.reason })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
