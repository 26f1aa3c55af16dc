//! How long a host with many handlers takes to start: from the process to all handlers loaded, and to `/readyz`.
//!
//! Prints JSON Lines, one for each start. Needs the Kafka of `with-kafka`, and nothing else to do on the machine.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use sandbus_tests::host::built;
use sandbus_tests::{Connection, Deployment, Group, Topic, names};
use serde_json::json;

/// For the slowest start, which compiles everything.
const PATIENCE: Duration = Duration::from_secs(600);

/// Starts a host with many handlers: once without compiled components, then with them.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many handlers there are
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    handlers: u32,

    /// The component that all of them are copies of
    #[arg(long, default_value = "probe-rust", value_name = "NAME|FILE")]
    component: String,

    /// All of them are the same file, instead of each a component of its own
    #[arg(long)]
    same: bool,

    /// How many starts there are with compiled components
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

fn main() {
    let arguments = Arguments::parse();
    let file = PathBuf::from(&arguments.component);
    let file = if file.is_file() { file } else { built::component(&arguments.component) };
    let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let connection = Connection::shared();
    let topic = Topic::create_named(&connection, &names::unique("start-time"), 4);
    let group = Group::unique(&connection);
    let mut config = format!(
        "[kafka]\nbootstrap_servers = {:?}\ntopics = [{:?}]\nconsumer_group = {:?}\n\
         [sandbox]\nmax_instances = {}\nmax_memory = \"1TiB\"\ncache = \"compiled\"\n",
        connection.bootstrap(),
        topic.name(),
        group.name(),
        2 * arguments.handlers,
    );
    for number in 0..arguments.handlers {
        let name = if arguments.same { 0 } else { number };
        config += &format!("[[handler]]\nname = \"h{number}\"\ncomponent = \"components/h{name}.wasm\"\n");
    }
    let files = if arguments.same { 1 } else { arguments.handlers };
    let deployment = (0..files).fold(Deployment::new(&config), |deployment, number| {
        // A custom section, which makes it another component.
        let bytes = [&bytes[..], &[0, 6, 1, b'n'], &number.to_le_bytes()].concat();
        deployment.write(&format!("components/h{number}.wasm"), bytes)
    });
    for round in 0..=arguments.rounds {
        let started = Instant::now();
        let mut host = deployment.start();
        let all = host
            .log_record("all handlers to be loaded", PATIENCE, |record| record["message"] == "all handlers are loaded");
        let loaded = started.elapsed();
        host.wait_ready(PATIENCE);
        let ready = started.elapsed();
        let code = host.log().join("\n").matches("\"code\":\"cached\"").count();
        let line = json!({
            "handlers": arguments.handlers, "distinct": files, "component": arguments.component,
            "component_bytes": bytes.len(), "round": round, "cached": code,
            "process_to_loaded_ms": millis(loaded), "loading_ms": all["took_ms"], "process_to_ready_ms": millis(ready),
            "peak_memory_bytes": host.peak_memory(),
        });
        println!("{line}");
        host.terminate(PATIENCE);
    }
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
