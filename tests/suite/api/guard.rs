//! Who may ask.

use super::*;

#[test]
fn with_a_token_nothing_is_done_without_it() {
    let stage = stage();
    let mut host = stage.deploy().env("SANDBUS_ADMIN__TOKEN", "open-sesame").start();
    host.wait_ready(SOON);
    for token in [None, Some("open-sesam"), Some("open-sesame2"), Some("")] {
        for path in ["/api/v1/handlers/probe/pause", "/api/v1/reload", "/api/v1/no-such-thing"] {
            let question = host.ask("POST", path);
            let question = match token {
                Some(token) => question.token(token),
                None => question,
            };
            let answer = question.send().unwrap().json(401);
            assert!(answer["error"].as_str().unwrap().contains("Authorization: Bearer"), "{answer}");
        }
        assert_eq!(host.get("/api/v1/openapi.json").unwrap().status, 401);
    }
    let all = host.get_with_token("/api/v1/handlers", "open-sesame").unwrap().json(200);
    assert_eq!(all["handlers"][0]["state"], "running", "{all}");
    // By whatever name and from whatever page: whoever has the token may.
    let paused = post(&host, "pause").token("open-sesame").header("Host", "sandbus.example.com");
    let paused = paused.header("Origin", "https://ops.example.com").send().unwrap().json(200);
    assert_eq!(paused["state"], "paused");
    assert_eq!(host.get("/metrics").unwrap().status, 200);
}

#[test]
fn without_a_token_web_pages_are_kept_out() {
    let stage = stage();
    let host = stage.start();
    let own = host.admin().to_string();
    for origin in ["https://example.com", "http://localhost:3000", "null"] {
        let answer = post(&host, "pause").header("Origin", origin).send().unwrap().json(403);
        assert!(answer["error"].as_str().unwrap().contains(origin), "{answer}");
    }
    for method in ["GET", "POST"] {
        let answer = host.ask(method, "/api/v1/handlers").header("Host", "rebound.example.com").send().unwrap();
        let answer = answer.json(403);
        assert!(answer["error"].as_str().unwrap().contains("rebound.example.com"), "{answer}");
    }
    assert_eq!(probe(&host)["state"], "running");
    for path in ["/metrics", "/healthz", "/readyz"] {
        let answer = host.ask("GET", path).header("Host", "sandbus.example.com").send().unwrap();
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let same = post(&host, "pause").header("Origin", &format!("http://{own}")).send().unwrap().json(200);
    assert_eq!(same["state"], "paused");
}

#[test]
fn what_is_not_there_is_answered_as_json() {
    let stage = stage();
    let host = stage.start();
    for path in ["/api/v1/no-such-thing", "/api/v1/handlers/probe/explode", "/api/v1/handlers/%FF"] {
        let answer = host.get(path).unwrap();
        assert!([400, 404].contains(&answer.status), "{path}: {answer:?}");
        assert!(answer.json(answer.status)["error"].is_string(), "{path}: {answer:?}");
    }
    for (method, path) in
        [("POST", "/api/v1/handlers"), ("GET", "/api/v1/handlers/probe/pause"), ("PUT", "/api/v1/reload")]
    {
        let answer = host.ask(method, path).send().unwrap().json(405);
        assert!(answer["error"].is_string(), "{path}: {answer}");
    }
    assert_eq!(probe(&host)["state"], "running");
}
