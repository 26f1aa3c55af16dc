//! The OpenAPI document is what the host answers, and what it answers is as the document says.

use std::collections::BTreeSet;

use boon::{Compiler, Draft, SchemaIndex, Schemas};

use super::super::delivery::stage::event;
use super::*;

const PLACE: &str = "file:///openapi.json";

/// The document of a host, and which of its answers have been seen.
struct Document {
    json: Value,
    seen: BTreeSet<String>,
}

impl Document {
    #[track_caller]
    fn of(host: &Host) -> Document {
        Document { json: host.get("/api/v1/openapi.json").unwrap().json(200), seen: BTreeSet::new() }
    }

    /// The answer to a question, if it is as the document says.
    #[track_caller]
    fn check(&mut self, host: &Host, method: &str, path: &str, name: &str, status: u16) -> Value {
        let asked = path.replace("{name}", name);
        let answer = host.ask(&method.to_uppercase(), &format!("/api/v1{asked}"));
        let answer = if method == "put" { answer.body("nothing good") } else { answer };
        let answer = answer.send().unwrap().json(status);
        let escaped = path.replace('/', "~1");
        let media = "content/application~1json/schema";
        let pointer = format!("/paths/{escaped}/{method}/responses/{status}/{media}");
        assert!(self.json.pointer(&pointer).is_some(), "{pointer} is not in the document");
        let (schemas, index) = self.schema(&pointer);
        if let Err(error) = schemas.validate(&answer, index) {
            panic!("{method} {asked} answers {answer}\n{error:#}");
        }
        self.seen.insert(format!("{method} {path}"));
        answer
    }

    fn schema(&self, pointer: &str) -> (Schemas, SchemaIndex) {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource(PLACE, self.json.clone()).expect("the document is JSON");
        let pointer = pointer.replace('{', "%7B").replace('}', "%7D");
        let index = compiler.compile(&format!("{PLACE}#{pointer}"), &mut schemas);
        let index = index.unwrap_or_else(|error| panic!("{pointer}: {error:#}"));
        (schemas, index)
    }
}

#[test]
fn every_answer_is_as_the_document_says() {
    let stage = stage();
    let host = stage.start();
    let mut document = Document::of(&host);
    stage.topic.write([event("a", "until:2:retry:300s")]);
    wait_probe(&host, "an event to hold its partition", |_| {
        host.partition(stage.topic.name(), 0).is_some_and(|partition| partition["held_by"][0]["handler"] == "probe")
    });
    document.check(&host, "get", "/partitions", "", 200);
    document.check(&host, "get", "/openapi.json", "", 200);
    document.check(&host, "post", "/reload", "", 200);
    document.check(&host, "get", "/handlers", "", 200);
    document.check(&host, "post", "/handlers/{name}/rollback", "probe", 409);

    replace(&host, other_probe("second"));
    let second = document.check(&host, "post", "/handlers/{name}/reload", "probe", 200);
    assert!(second["previous"].is_object(), "{second}");
    let back = document.check(&host, "post", "/handlers/{name}/rollback", "probe", 200);
    assert!(back["refused"].is_object(), "{back}");
    document.check(&host, "post", "/handlers/{name}/pause", "probe", 200);
    document.check(&host, "get", "/handlers/{name}", "probe", 200);
    document.check(&host, "post", "/handlers/{name}/resume", "probe", 200);
    document.check(&host, "put", "/handlers/{name}/component", "probe", 403);
    for what in ["reload", "rollback", "pause", "resume"] {
        document.check(&host, "post", &format!("/handlers/{{name}}/{what}"), "no-such", 404);
    }
    document.check(&host, "get", "/handlers/{name}", "no-such", 404);

    let operations = document.json["paths"].as_object().unwrap().iter().flat_map(|(path, operations)| {
        operations.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
    });
    assert_eq!(operations.collect::<BTreeSet<_>>(), document.seen, "not all of the document was asked for");
}

#[test]
fn a_wrong_answer_is_not_as_the_document_says() {
    let stage = stage();
    let host = stage.start();
    let document = Document::of(&host);
    let (schemas, index) = document.schema("/components/schemas/HandlerStatus");
    let right = probe(&host);
    schemas.validate(&right, index).unwrap();
    let wrong: [(&str, Value); 4] = [
        ("/state", "excited".into()),
        ("/generation/number", "1".into()),
        ("/generation/since", "yesterday".into()),
        ("/generation/digest", "abc".into()),
    ];
    for (place, value) in wrong {
        let mut answer = right.clone();
        *answer.pointer_mut(place).unwrap() = value;
        assert!(schemas.validate(&answer, index).is_err(), "{place} may be anything");
    }
}
