//! The OpenAPI document of `/api/v1`, made of the table of its routes and of the types of its answers.

use axum::http::StatusCode;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::api::{Method, ROUTES, Route};
use super::problem::Body;

/// What every route may answer.
const ANYWHERE: [(StatusCode, &str); 2] = [
    (StatusCode::UNAUTHORIZED, "The token of `[admin]` is missing or another."),
    (StatusCode::FORBIDDEN, "The request may come from a web page, and there is no token."),
];

/// The document: the same for every host of a version.
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for route in ROUTES {
        let method = match route.method {
            Method::Get => "get",
            Method::Post => "post",
            Method::Put => "put",
        };
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(method.to_owned(), operation(route, &mut generator));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sandbus admin API",
            "version": "1",
            "description": "What runs in a host, and what may be done to it while it runs.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/api/v1" }],
        "security": [{ "token": [] }, {}],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of `[admin]`. Where none is configured, none is needed.",
                },
            },
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".into(), route.id.into());
    operation.insert("summary".into(), route.summary.into());
    if !route.description.is_empty() {
        operation.insert("description".into(), route.description.into());
    }
    if route.path.contains("{name}") {
        let name = json!({
            "name": "name", "in": "path", "required": true, "description": "`handler.name`",
            "schema": { "type": "string" },
        });
        operation.insert("parameters".into(), json!([name]));
    }
    if let Some(media) = route.takes {
        operation.insert("requestBody".into(), json!({ "required": true, "content": { media: {} } }));
    }
    let mut responses = Map::new();
    let done =
        json!({ "description": "Done.", "content": { "application/json": { "schema": (route.answer)(generator) } } });
    responses.insert("200".into(), done);
    let error = generator.subschema_for::<Body>();
    let mut refusals: Vec<_> = ANYWHERE.iter().chain(route.refusals).collect();
    refusals.sort_by_key(|(status, _)| *status);
    // A status may have two reasons.
    for alike in refusals.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((status, _)) = alike.first() else { continue };
        let description = alike.iter().map(|(_, reason)| *reason).collect::<Vec<_>>().join(" ");
        let refusal = json!({ "description": description, "content": { "application/json": { "schema": error } } });
        responses.insert(status.as_str().to_owned(), refusal);
    }
    operation.insert("responses".into(), responses.into());
    operation.into()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_committed_document_is_current() {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
        let current = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&file, &current).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == current,
            "docs/openapi.json is not what the routes say: set UPDATE_DOCS=1 and run this test again"
        );
    }

    #[test]
    fn names_are_its_own() {
        let mut ids: Vec<_> = ROUTES.iter().map(|route| route.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ROUTES.len());
    }

    #[test]
    fn only_a_get_changes_nothing() {
        for route in ROUTES {
            let changes = ["reload", "rollback", "pause", "resume", "component"].iter();
            let changes = changes.into_iter().any(|word| route.path.ends_with(word));
            assert_eq!(changes, route.method != Method::Get, "{}", route.path);
        }
    }
}
