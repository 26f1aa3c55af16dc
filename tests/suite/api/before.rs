//! Before the handlers are loaded.

use sandbus_tests::Deployment;

use super::*;

#[test]
fn the_api_says_that_they_are_being_loaded() {
    // Kafka does not matter, and all of these are compiled, one after the other on a small machine.
    let components = ["audit", "notify", "order-projection", "payment-check", "probe"];
    let empty = "[kafka]\nbootstrap_servers = \"127.0.0.1:9\"\n[sandbox]\ncache = \"\"\n";
    let deployment = components
        .iter()
        .fold(Deployment::new(empty), |deployment, name| deployment.handler(name, &format!("{name}-rust")));
    let host = deployment.start();
    let mut answers = Vec::new();
    eventually("the handlers to be loaded", SOON, || {
        let answer = host.get("/api/v1/handlers")?;
        answers.push(answer.clone());
        if answer.status == 200 { Ok(()) } else { Err(answer.body) }
    });
    let loading = answers.first().unwrap().json(503);
    assert!(loading["error"].as_str().unwrap().contains("still being loaded"), "{answers:?}");
    assert!(answers.iter().all(|answer| [200, 503].contains(&answer.status)), "{answers:?}");
    let handlers = answers.last().unwrap().json(200);
    assert_eq!(handlers["handlers"].as_array().map(Vec::len), Some(components.len()), "{handlers}");
}
