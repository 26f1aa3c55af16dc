//! What a user reads about each thing that can be wrong.

use super::Folder;
use crate::config::Config;

/// Each text, and what is said about it.
fn messages(cases: &[&str]) -> String {
    let folder = folder();
    let message = |text: &&str| format!("{}\n>>> {}\n", text.trim(), folder.faults(text, &[]));
    let messages: Vec<String> = cases.iter().map(message).collect();
    messages.join("\n")
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("empty", "");
    folder.write("two-words", "not visible\n");
    folder.write("found/a.wasm", "");
    folder.write("found/bad name.wasm", "");
    folder.write("found/.half-written.wasm", "");
    std::os::unix::fs::symlink("/nowhere", folder.path().join("found/dangling.wasm")).unwrap();
    folder
}

fn handler(lines: &str) -> String {
    format!("[[handler]]\nname = \"a\"\ncomponent = \"a.wasm\"\n{lines}\n")
}

macro_rules! snapshot {
    ($name:literal, $cases:expr) => {
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!($name, messages($cases));
        });
    };
}

#[test]
fn no_toml() {
    snapshot!(
        "no-toml",
        &[
            "[kafka]\nbootstrap_servers = localhost\ntopics = [\n",
            "[kafka]\ntopics = []\ntopics = [\"a\"]\n",
            "[delivery]\nwindow = 99999999999999999999\n",
        ]
    );
}

#[test]
fn unknown_keys() {
    snapshot!(
        "unknown-keys",
        &[
            "[kafak]\ntopics = []\n[[handlers]]\nname = \"a\"\n",
            "bootstrap_servers = \"b:1\"\n[extra]\n",
            "kafka = 3\n[handler]\nname = \"a\"\n",
            "[delivery]\nretry_jiter = 0.5\nmax-retries = 3\ntopic_prefix = \"a\"\nshard = 1\n",
            "[[handler]]\nname = \"a\"\ncomponent = \"a.wasm\"\ntimout = \"5s\"\nlimit.logs = 1\nwindow = 3\n\
         [handler.limits]\nlog = 1\n[handler.grants]\nhttps = []\n",
            "[handlers.limits]\nlog = 1\n[handlers]\nname = \"a\"\n",
        ]
    );
}

#[test]
fn kafka() {
    snapshot!(
        "kafka",
        &[
            "[kafka]\nbootstrap_servers = \"\"\ntopic_prefix = \"a b\"\ntopics = \"orders\"\n\
         consumer_group = \"a/b\"\nauto_offset_reset = \"earlist\"\n",
            "[kafka]\nbootstrap_servers = \"b1:9092,,b2\"\n",
            "[kafka]\nbootstrap_servers = \"b1:x\"\n",
            "[kafka]\nbootstrap_servers = \"sasl://user:hunter2@b1\"\n",
            "[kafka]\nbootstrap_servers = [\"b1:9092\"]\ntopics = [\"a\", 3, \"b c\", \"a\", \"..\"]\n",
            &format!("[kafka]\ntopics = [\"{}\"]\n", "t".repeat(245)),
            &format!("[kafka]\nconsumer_group = \"{}\"\n", "g".repeat(240)),
            "[kafka]\ntopics = [\"a\", \"a.dlq\"]\n",
            "[kafka]\ntopics = [\"a\", \"a.default.redrive\"]\n",
            "[kafka]\ntopics = [\"b.default.redrive\"]\n",
            "[kafka]\ntopics = [\"c\", \"c.default.redrive\"]\n[delivery]\nenable_dlq = false\n",
            "[delivery]\ndlq_topic_suffix = \".default.redrive\"\n",
        ]
    );
}

#[test]
fn properties() {
    snapshot!(
        "properties",
        &[
            "[kafka.properties]\n\"bootstrap.servers\" = \"b\"\n\"group.id\" = \"g\"\n\"enable.auto.commit\" = true\n\
         \"acks\" = 1\n\"plugin.library.paths\" = \"p.so\"\n\"enable.auto.whatever\" = 1\n\
         transactional.id = \"t\"\n",
            "[kafka.properties]\n\"sasl.pasword\" = \"hunter2\"\n\"no such\" = 1\n\"client.id_file\" = \"empty\"\n",
            "[kafka.properties]\n\"sasl.password\" = [\"hunter2\"]\n\"client.id\" = 1.5\n\"client.rack\" = \"a\\u0000\"\n\
         \"ssl.ca.location\" = \"ca.pem\"\n\"ssl.key.location\" = \".\"\n",
            "[kafka.properties]\n\"sasl.password\" = \"hunter2\"\n\"sasl.password_file\" = \"two-words\"\n\
         \"ssl.key.pem_file\" = \"missing\"\n\"ssl.key.password_file\" = \"empty\"\n",
            "[kafka.properties]\nsasl.username = \"u\"\n\"sasl.username\" = \"v\"\n",
            "[kafka.properties]\n\"session.timeout.ms\" = 8000\n\"max.poll.interval.ms\" = \"9s\"\n",
            "[kafka.properties]\n\"group.protocol\" = \"consumer\"\n\"session.timeout.ms\" = 8000\n",
        ]
    );
}

#[test]
fn delivery() {
    snapshot!(
        "delivery",
        &[
            "[delivery]\nguarantee = \"exactly-once\"\nordering = \"keys\"\nmax_retries = -1\n\
         retry_base_delay = \"0s\"\nretry_max_delay = 60\nretry_jitter = 1.5\nenable_dlq = \"true\"\n\
         dlq_topic_suffix = \"\"\nmax_buffer = \"256 MB!\"\nwindow = 0\nquarantine_tries = \"20\"\n\
         quarantine_events = 0\ncommit_interval = \"1\"\ndrain_timeout = \"soon\"\nshutdown_timeout = \"2days\"\n",
            "[delivery]\nguarantee = \"at-most-once\"\nmax_buffer = 1000\ndlq_topic_suffix = \"/dlq\"\n",
            "[delivery]\nretry_base_delay = \"2m\"\n",
            "[delivery]\nretry_base_delay = \"2m\"\nretry_max_delay = \"1m\"\n",
            "[delivery]\nretry_max_delay = \"30s\"\n[handlers]\nretry_base_delay = \"40s\"\n",
            &(handler("retry_max_delay = \"500ms\"")
                + "[[handler]]\nname = \"b\"\ncomponent = \"b.wasm\"\nretry_base_delay = \"2h\"\n"),
            "[delivery]\ndrain_timeout = \"45s\"\n",
        ]
    );
}

#[test]
fn sections() {
    snapshot!(
        "sections",
        &[
            "[sandbox]\nmax_instances = 0\nmax_memory = \"1KiB\"\n",
            "[telemetry]\nenable_metrics = 1\nenable_tracing = \"yes\"\notlp_endpoint = \"otel:4317\"\notlp_protocol = \"gprc\"\n",
            "[telemetry]\notlp_endpoint = \"https://user:hunter2@otel\"\n",
            "[admin]\nlisten = \"localhost\"\ntoken = \"two words\"\n",
            "[admin]\nlisten = \"0.0.0.0:9464\"\n",
            "[admin]\nupload = true\n",
            "[admin]\nupload = \"yes\"\n",
            "[admin]\ntoken = 12345\n",
            "[admin]\ntoken = \"hunter2\"\ntoken_file = \"two-words\"\n",
            "[admin]\ntoken_file = \"two-words\"\n",
            "[admin]\ntoken_file = \"empty\"\n",
            "[admin]\ntoken_file = \"missing\"\n",
        ]
    );
}

#[test]
fn handlers() {
    snapshot!(
        "handlers",
        &[
            "[[handler]]\n",
            "handler = [3]\n",
            "[[handler]]\nname = \"-a\"\ncomponent = \"missing.wasm\"\n[[handler]]\nname = \"b\"\ncomponent = \"found\"\n",
            "[[handler]]\nname = \"b\"\ncomponent = \"b.wasm\"\n[[handler]]\nname = \"b\"\ncomponent = \"a.wasm\"\n",
            "[handlers]\ndir = \"found\"\n[[handler]]\nname = \"a\"\ncomponent = \"a.wasm\"\n",
            "[handlers]\ndir = \"nowhere\"\n",
            "[handlers]\ndir = \"a.wasm\"\n",
            &handler(
                "events = []\ngroup = \"mine\"\nconcurrency = 0\nisolation = \"reused\"\ntimeout = \"0s\"\n\
             cpu_time = \"1 fortnight\"\nmemory = \"5GiB\"\nrollback_after = 1.5\ntopics = []\n",
            ),
            &handler(&format!("events = [\"{}\", \"\", 3]\n", "e".repeat(257))),
            &handler("[handler.limits]\nresult = 0\nlogs = \"1000\"\nlog_bytes = -1\ntable_elements = 2e4\n"),
            &handler("[handler.config]\nlist = [1]\ntable = { a = 1 }\n\"\" = 1\n"),
            &handler(
                "[handler.grants]\npublish = [\"\"]\nhttp = [\"api.example.com\", \"https://\", \"https://a/b/../c\", \"https://a/b?c\", \"http://127.1\", \
             \"https://u:hunter2@a\", \"https://*.a\", \"https://a:0\", \"https://[::g]\", \"ftp://a\", \"https://a b\"]\n",
            ),
            &handler("[handler.grants]\nnetworks = [\"10.0.0.1/8\", \"inside\", \"::ffff:10.0.0.0/104\"]\n"),
            &handler(
                "[handler.grants]\npublish = [\"events.stream.dlq\", \"events.stream.default.redrive\", \"events.*\"]\n\
             http = [\"http://localhost:8080/v1\"]\n",
            ),
            &handler("concurrency = 300\nmemory = \"32MiB\"\n"),
            "[sandbox]\nmax_instances = 3\nmax_memory = \"100MiB\"\n[[handler]]\nname = \"a\"\ncomponent = \"a.wasm\"\n\
         [[handler]]\nname = \"b\"\ncomponent = \"b.wasm\"\nmemory = \"16MiB\"\n",
            &(handler("topics = [\"x.default\"]\n")
                + "[[handler]]\nname = \"default\"\ngroup = \"own\"\ntopics = [\"x\"]\ncomponent = \"a.wasm\"\n"),
        ]
    );
}

#[test]
fn the_file_itself() {
    let folder = Folder::new();
    folder.write("latin1.toml", "");
    std::fs::write(folder.path().join("latin1.toml"), b"[kafka]\n# caf\xe9\n").unwrap();
    let messages: Vec<String> = ["missing.toml", "latin1.toml", "."]
        .iter()
        .map(|name| {
            let error = Config::load(&folder.path().join(name)).unwrap_err();
            error.to_string().replace(&folder.path().display().to_string(), "<folder>")
        })
        .collect();
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("the-file-itself", messages.join("\n\n"));
    });
}
