//! `/api/v1`: one table of routes, of which the router is made and the document that describes it ([`openapi`]).
//!
//! Whatever is asked of handlers runs on a thread that may wait: a reload compiles.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Json, Router, middleware};
use http_body_util::BodyExt as _;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use super::control::{Control, ControlError, HandlerStatus, Reloaded};
use super::problem::Problem;
use super::{Admin, guard, openapi};
use crate::telemetry::partitions::PartitionStatus;

/// How long the bytes of a component may take to come.
const UPLOAD: Duration = Duration::from_secs(300);

/// How long no more of them may come.
const SILENCE: Duration = Duration::from_secs(10);

/// Questions about handlers that are being answered at once.
pub const ASKING: usize = 32;

/// The methods that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Shows.
    Get,
    /// Changes.
    Post,
    /// Puts something in a place.
    Put,
}

impl Method {
    fn filter(self) -> MethodFilter {
        match self {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
        }
    }
}

/// One thing that can be asked.
pub struct Route {
    /// How.
    pub method: Method,
    /// Where, below `/api/v1`.
    pub path: &'static str,
    /// A name for it.
    pub id: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What else there is to know.
    pub description: &'static str,
    /// What its body is, if it takes one.
    pub takes: Option<&'static str>,
    /// What it answers when all is well.
    pub answer: fn(&mut SchemaGenerator) -> Schema,
    /// What it answers otherwise, besides what every route may.
    pub refusals: &'static [(StatusCode, &'static str)],
    /// What carries it out.
    serve: fn(MethodFilter) -> MethodRouter<Admin>,
}

const LOADING: (StatusCode, &str) =
    (StatusCode::SERVICE_UNAVAILABLE, "Handlers are still being loaded, it stops, or it has too much to answer.");
const UNKNOWN: (StatusCode, &str) = (StatusCode::NOT_FOUND, "There is no such handler.");
const REFUSED: (StatusCode, &str) = (StatusCode::CONFLICT, "Refused, and nothing has changed.");

/// Everything that can be asked.
pub const ROUTES: &[Route] = &[
    Route {
        method: Method::Get,
        path: "/handlers",
        id: "listHandlers",
        summary: "All handlers, by name",
        description: "State, generation and digest of each, what it can go back to, and what was refused and why.",
        takes: None,
        answer: schema::<Handlers>,
        refusals: &[LOADING],
        serve: |method| on(method, list),
    },
    Route {
        method: Method::Get,
        path: "/handlers/{name}",
        id: "getHandler",
        summary: "One handler",
        description: "",
        takes: None,
        answer: schema::<HandlerStatus>,
        refusals: &[UNKNOWN, LOADING],
        serve: |method| on(method, show),
    },
    Route {
        method: Method::Post,
        path: "/handlers/{name}/reload",
        id: "reloadHandler",
        summary: "Take what a handler's file has now",
        description: "Also what was rolled back before. Answers when new deliveries go to the new generation; the old \
                      one goes on where the new one is refused. Where the file has what is at work, nothing changes.",
        takes: None,
        answer: schema::<HandlerStatus>,
        refusals: &[UNKNOWN, REFUSED, LOADING],
        serve: |method| on(method, reload_one),
    },
    Route {
        method: Method::Post,
        path: "/handlers/{name}/rollback",
        id: "rollBackHandler",
        summary: "Go back to the last good generation",
        description: "What is taken back comes again only by a changed file, a reload of the handler, or a restart.",
        takes: None,
        answer: schema::<HandlerStatus>,
        refusals: &[UNKNOWN, REFUSED, LOADING],
        serve: |method| on(method, roll_back),
    },
    Route {
        method: Method::Post,
        path: "/handlers/{name}/pause",
        id: "pauseHandler",
        summary: "Start no more tries of a handler",
        description: "Started tries end. Its events wait, and their partitions with them once the window is full, for \
                      every handler of the group. It ends with a resume or a restart; a reload does not end it.",
        takes: None,
        answer: schema::<HandlerStatus>,
        refusals: &[UNKNOWN, REFUSED, LOADING],
        serve: |method| on(method, pause),
    },
    Route {
        method: Method::Post,
        path: "/handlers/{name}/resume",
        id: "resumeHandler",
        summary: "Let a handler go on",
        description: "Ends a pause, and a quarantine.",
        takes: None,
        answer: schema::<HandlerStatus>,
        refusals: &[UNKNOWN, REFUSED, LOADING],
        serve: |method| on(method, resume),
    },
    Route {
        method: Method::Put,
        path: "/handlers/{name}/component",
        id: "uploadComponent",
        summary: "Give a handler another component",
        description: "Only with `upload = true` in `[admin]`. The component is checked under the handler's limits and \
                      grants; only then it replaces the handler's file, and is put to work as by a reload.",
        takes: Some("application/wasm"),
        answer: schema::<HandlerStatus>,
        refusals: &[
            UNKNOWN,
            REFUSED,
            LOADING,
            (StatusCode::FORBIDDEN, "Uploads are off."),
            (StatusCode::REQUEST_TIMEOUT, "The component took too long to come."),
            (StatusCode::PAYLOAD_TOO_LARGE, "The component is larger than any may be."),
        ],
        serve: |method| on(method, upload),
    },
    Route {
        method: Method::Post,
        path: "/reload",
        id: "reload",
        summary: "Read the configuration again",
        description: "Changes the handlers to what `[handlers]` and `[[handler]]` say now: all of them, or none. A \
                      change of `group` or of other sections is refused.",
        takes: None,
        answer: schema::<Reloaded>,
        refusals: &[REFUSED, LOADING],
        serve: |method| on(method, reload),
    },
    Route {
        method: Method::Get,
        path: "/partitions",
        id: "listPartitions",
        summary: "Assigned partitions, and who holds them",
        description: "As they were within the last second.",
        takes: None,
        answer: schema::<Partitions>,
        refusals: &[],
        serve: |method| on(method, partitions),
    },
    Route {
        method: Method::Get,
        path: "/openapi.json",
        id: "getDocument",
        summary: "This document",
        description: "",
        takes: None,
        answer: schema::<serde_json::Map<String, serde_json::Value>>,
        refusals: &[],
        serve: |method| on(method, document),
    },
];

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// All handlers.
#[derive(JsonSchema, Serialize)]
struct Handlers {
    /// By name.
    handlers: Vec<HandlerStatus>,
}

/// All assigned partitions.
#[derive(JsonSchema, Serialize)]
struct Partitions {
    /// By group, topic and partition.
    partitions: Vec<PartitionStatus>,
}

/// The router of the table.
pub fn routes(admin: &Admin) -> Router<Admin> {
    let empty = Router::new();
    let routes = ROUTES.iter().fold(empty, |routes, of| routes.route(of.path, (of.serve)(of.method.filter())));
    routes
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is nothing here: see /api/v1/openapi.json"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not by this method: see /api/v1/openapi.json")
        })
        .layer(middleware::from_fn_with_state(admin.clone(), guard::admit))
}

type Answer<T> = Result<Json<T>, Problem>;
/// Of a handler, from the path.
type Name = Result<Path<String>, PathRejection>;

fn text(name: Name) -> Result<String, Problem> {
    match name {
        Ok(Path(name)) => Ok(name),
        Err(error) => Err(Problem::new(error.status(), error.body_text())),
    }
}

impl Admin {
    /// Asks something of the handlers, on a thread that may wait.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn Control) -> Result<T, ControlError> + Send + 'static,
    ) -> Answer<T> {
        let unavailable = |reason| Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason);
        let control = self.handlers.get().map_err(unavailable)?;
        let one = self.asking.clone().try_acquire_owned().map_err(|_| {
            let busy = format!("{ASKING} other questions are being answered: try again when they are");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, busy)
        })?;
        let answer = move || {
            // Whether or not somebody still waits for the answer.
            let _one = one;
            ask(&*control)
        };
        match tokio::task::spawn_blocking(answer).await {
            Ok(answer) => Ok(Json(answer?)),
            Err(error) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("a bug in sandbus: {error}"))),
        }
    }
}

fn find(control: &dyn Control, name: String) -> Result<HandlerStatus, ControlError> {
    let found = control.handlers().into_iter().find(|handler| handler.name == name);
    found.ok_or(ControlError::Unknown(name))
}

async fn list(State(admin): State<Admin>) -> Answer<Handlers> {
    admin.ask(|control| Ok(Handlers { handlers: control.handlers() })).await
}

async fn show(State(admin): State<Admin>, name: Name) -> Answer<HandlerStatus> {
    let name = text(name)?;
    admin.ask(|control| find(control, name)).await
}

async fn reload_one(State(admin): State<Admin>, name: Name) -> Answer<HandlerStatus> {
    let name = text(name)?;
    admin.ask(move |control| control.reload_handler(&name)).await
}

async fn roll_back(State(admin): State<Admin>, name: Name) -> Answer<HandlerStatus> {
    let name = text(name)?;
    admin.ask(move |control| control.roll_back(&name)).await
}

async fn pause(State(admin): State<Admin>, name: Name) -> Answer<HandlerStatus> {
    let name = text(name)?;
    admin.ask(move |control| control.pause(&name)).await
}

async fn resume(State(admin): State<Admin>, name: Name) -> Answer<HandlerStatus> {
    let name = text(name)?;
    admin.ask(move |control| control.resume(&name)).await
}

async fn reload(State(admin): State<Admin>) -> Answer<Reloaded> {
    admin.ask(|control| control.reload()).await
}

async fn upload(State(admin): State<Admin>, name: Name, request: Request) -> Answer<HandlerStatus> {
    if !admin.upload {
        let hint = "uploads are off: set upload = true and a token in [admin], and restart the host";
        return Err(Problem::new(StatusCode::FORBIDDEN, hint));
    }
    let name = text(name)?;
    // Everything that can be known before the bytes are taken.
    let known = name.clone();
    let Json(largest) = admin.ask(move |control| find(control, known).map(|_| control.largest_component())).await?;
    let too_large = || {
        let limit = format!("the component is larger than {largest} bytes, which is the most that one may have");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, limit)
    };
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > largest) {
        return Err(too_large());
    }
    let one = admin.uploading.clone().try_acquire_owned().map_err(|_| {
        Problem::new(StatusCode::CONFLICT, "another component is being uploaded: try again when that is done")
    })?;
    let bytes = match tokio::time::timeout(UPLOAD, received(request.into_body(), largest)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(Unreceived::TooLarge)) => return Err(too_large()),
        Ok(Err(Unreceived::Broken(reason))) => return Err(Problem::new(StatusCode::BAD_REQUEST, reason)),
        Ok(Err(Unreceived::Silent)) => {
            let silent = format!("no more of the component came for {} seconds: upload it again", SILENCE.as_secs());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, silent));
        }
        Err(_) => {
            let late = format!("the component did not come within {} seconds", UPLOAD.as_secs());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, late));
        }
    };
    let take = move |control: &dyn Control| {
        // As long as the bytes are held, whether or not somebody still waits for the answer.
        let _one = one;
        control.upload(&name, &bytes)
    };
    admin.ask(take).await
}

/// Why a body is not there.
enum Unreceived {
    TooLarge,
    Silent,
    Broken(String),
}

/// The bytes of a body, of which there may be so many.
async fn received(mut body: Body, largest: u64) -> Result<Vec<u8>, Unreceived> {
    let mut bytes = Vec::new();
    loop {
        let frame = tokio::time::timeout(SILENCE, body.frame()).await.map_err(|_| Unreceived::Silent)?;
        let Some(frame) = frame else { return Ok(bytes) };
        let frame = frame.map_err(|error| Unreceived::Broken(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() as u64 + data.len() as u64 > largest {
            return Err(Unreceived::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
}

async fn partitions(State(admin): State<Admin>) -> Json<Partitions> {
    Json(Partitions { partitions: admin.telemetry.partitions().all() })
}

async fn document() -> Json<serde_json::Value> {
    Json(openapi::document())
}
