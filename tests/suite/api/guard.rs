//! Who may ask, and how much of the host somebody may hold who only begins to.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use sandbus_tests::hostile::Resources;

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

/// Connections that begin a request and do not end it.
const HALF: usize = 300;
/// What a host may have open for them: docs/admin-api.md.
const MOST: usize = 64;
/// Connections to brokers, which come and go meanwhile.
const OTHERS: usize = 16;

#[track_caller]
fn files(host: &Host) -> usize {
    Resources::of(host.id()).unwrap().files
}

#[test]
fn requests_that_do_not_end_hold_a_bounded_number_of_files_and_no_page_of_health() {
    let stage = stage();
    let host = stage.start();
    let before = files(&host);
    let half: Vec<_> = (0..HALF)
        .map(|_| {
            let mut stream = TcpStream::connect(host.admin()).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").unwrap();
            stream
        })
        .collect();
    for path in ["/healthz", "/readyz", "/metrics", "/api/v1/handlers"] {
        assert_eq!(host.get(path).unwrap().status, 200, "{path}");
    }
    let during = files(&host);
    assert!(during <= before + MOST + OTHERS, "{before} files before, {during} with {HALF} half requests");
    // Those that are still there have their time.
    eventually("the files to be closed", SOON, || match files(&host) {
        now if now <= before + OTHERS => Ok(()),
        now => Err(format!("{before} before, {now} now")),
    });
    drop(half);
}

#[test]
fn an_upload_that_stops_coming_ends_and_lets_the_next_one_in() {
    const TOKEN: &str = "open-sesame";
    let stage = stage();
    let deployment = stage.deploy().env("SANDBUS_ADMIN__UPLOAD", "true").env("SANDBUS_ADMIN__TOKEN", TOKEN);
    let mut host = deployment.start();
    host.wait_ready(SOON);
    let mut stream = TcpStream::connect(host.admin()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "PUT /api/v1/handlers/probe/component HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n",
        host.admin()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // What says that it is under way.
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(go_on, *b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&[0; 1000]).unwrap();
    let next = || host.ask("PUT", "/api/v1/handlers/probe/component").token(TOKEN).body(other_probe("next"));
    let busy = next().send().unwrap().json(409);
    assert!(busy["error"].as_str().unwrap().contains("another component is being uploaded"), "{busy}");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("no more of the component came for 10 seconds"), "{answer}");
    assert_eq!(next().send().unwrap().json(200)["generation"]["number"], 2);
}
