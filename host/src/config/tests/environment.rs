//! Environment variables: what they set, what they go before, and what is said of wrong ones.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

use super::Folder;
use crate::config::Config;

#[test]
fn a_property_is_found_whatever_parts_its_words() {
    let folder = Folder::new();
    for (variable, property) in [
        ("SASL_PASSWORD", "sasl.password"),
        ("FETCH_WAIT_MAX_MS", "fetch.wait.max.ms"),
        ("LOG_LEVEL", "log_level"),
        ("SSL_KEY_PASSWORD", "ssl.key.password"),
    ] {
        let variable = format!("SANDBUS_KAFKA__PROPERTIES__{variable}");
        let config = folder.read("", &[(&variable, "7")]).unwrap();
        assert_eq!(config.kafka.properties.get(property), Some("7"), "{variable}");
    }
}

#[test]
fn the_environment_goes_before_the_file() {
    let folder = Folder::new();
    let text = "[kafka]\ntopics = [\"t\"]\n[kafka.properties]\nsasl.username = \"file\"\n\
                [handlers.config]\ndb-host = \"file\"\nzone = \"file\"\n\
                [[handler]]\nname = \"a\"\ncomponent = \"a.wasm\"\nconfig = { zone = \"own\" }\n";
    let environment = [
        ("SANDBUS_KAFKA__TOPICS", ""),
        ("SANDBUS_KAFKA__TOPIC_PREFIX", "p"),
        ("SANDBUS_KAFKA__PROPERTIES__SASL_USERNAME", "env"),
        ("SANDBUS_HANDLERS__CONFIG__DB_HOST", "env"),
        ("SANDBUS_HANDLERS__CONFIG__ZONE", "env"),
        ("SANDBUS_HANDLERS__CONFIG__NEW_KEY", "env"),
    ];
    let config = folder.read(text, &environment).unwrap();
    assert_eq!(config.kafka.topics[0].as_str(), "p.stream");
    assert_eq!(config.kafka.properties.get("sasl.username"), Some("env"));
    let values = format!("{:?}", config.handlers[0].config);
    assert_eq!(values, r#"{"db-host": "env", "new_key": "env", "zone": "own"}"#);
}

#[test]
fn either_form_of_a_secret_replaces_either_form_in_the_file() {
    let folder = Folder::new();
    folder.write("one", "from-file\n");
    folder.write("two", "from-env-file\r\n");
    for in_file in ["token = \"direct\"", "token_file = \"one\""] {
        for (variable, value, expected) in [
            ("SANDBUS_ADMIN__TOKEN", "from-env", "from-env"),
            ("SANDBUS_ADMIN__TOKEN__FILE", "two", "from-env-file"),
            ("SANDBUS_ADMIN__TOKEN_FILE", "two", "from-env-file"),
        ] {
            let text = format!("[admin]\n{in_file}\n");
            let config = folder.read(&text, &[(variable, value)]).unwrap();
            let token = config.admin.token.unwrap();
            assert_eq!(token.expose(), expected, "{in_file} {variable}");
        }
    }
    let file = "[kafka.properties]\n\"sasl.password\" = \"direct\"\n";
    let variable = "SANDBUS_KAFKA__PROPERTIES__SASL_PASSWORD__FILE";
    let config = folder.read(file, &[(variable, "two")]).unwrap();
    assert_eq!(config.kafka.properties.get("sasl.password"), Some("from-env-file"));
}

#[test]
fn other_variables_are_not_read() {
    let folder = Folder::new();
    let environment = [
        ("SANDBUS", "x"),
        ("SANDBUS_HOME", "x"),
        ("SANDBUS_LOG_FORMAT", "x"),
        ("OTHER__KEY", "x"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "x"),
    ];
    assert_eq!(folder.read("", &environment).unwrap(), folder.good(""));
}

#[test]
fn compiled_code_is_kept_where_the_user_keeps_what_may_be_lost() {
    let folder = Folder::new();
    let cache = |text: &str, environment: &[(&str, &str)]| {
        let cache = folder.read(text, environment).unwrap().sandbox.cache;
        cache.map(|cache| cache.to_str().unwrap().replace(folder.path().to_str().unwrap(), "<folder>"))
    };
    let of_home = Some("/home/u/.cache/sandbus/compiled".to_owned());
    let home = ("HOME", "/home/u");
    assert_eq!(cache("", &[home, ("XDG_CACHE_HOME", "/c")]), Some("/c/sandbus/compiled".to_owned()));
    assert_eq!(cache("", &[home]), of_home);
    // What is not absolute is as if it were not set.
    assert_eq!(cache("", &[home, ("XDG_CACHE_HOME", "")]), of_home);
    assert_eq!(cache("", &[home, ("XDG_CACHE_HOME", "c")]), of_home);
    assert_eq!(cache("", &[("HOME", "u")]), None);
    assert_eq!(cache("", &[]), None);
    let set = "[sandbox]\ncache = \"code\"\n";
    assert_eq!(cache(set, &[home]), Some("<folder>/code".to_owned()));
    assert_eq!(cache(set, &[home, ("SANDBUS_SANDBOX__CACHE", "/elsewhere")]), Some("/elsewhere".to_owned()));
    assert_eq!(cache("[sandbox]\ncache = \"\"\n", &[home]), None);
    assert_eq!(cache(set, &[home, ("SANDBUS_SANDBOX__CACHE", "")]), None);
}

#[test]
fn wrong_variables() {
    let folder = Folder::new();
    let cases: &[&[(&str, &str)]] = &[
        &[("SANDBUS_KAFKA__TOPIC", "a")],
        &[("SANDBUS_KAFAK__TOPICS", "a")],
        &[("SANDBUS_DELIVERY__CONSUMER_GROUP", "a")],
        &[("SANDBUS_ADMIN__TOKN", "hunter2")],
        &[("SANDBUS_KAFKA__PROPERTIES__SASL_PASWORD", "hunter2")],
        &[("SANDBUS_KAFKA__PROPERTIES__CLIENT_ID__FILE", "a")],
        &[("SANDBUS_kafka__topics", "a")],
        &[("SANDBUS_HANDLERS__CONFIG__", "a")],
        &[("SANDBUS_HANDLER__TIMEOUT", "5s")],
        &[("SANDBUS_X__Y", "a"), ("SANDBUS___", "a")],
        &[("SANDBUS_KAFKA__PROPERTIES__GROUP_ID", "g")],
        &[("SANDBUS_DELIVERY__WINDOW", "many"), ("SANDBUS_DELIVERY__ENABLE_DLQ", "yes")],
        &[("SANDBUS_KAFKA__TOPICS", "a, b c"), ("SANDBUS_HANDLERS__EVENTS", "[\"a\", 3")],
        &[("SANDBUS_ADMIN__TOKEN", "two words")],
        &[("SANDBUS_ADMIN__TOKEN", "a"), ("SANDBUS_ADMIN__TOKEN__FILE", "b")],
        &[("SANDBUS_ADMIN__TOKEN_FILE", "a"), ("SANDBUS_ADMIN__TOKEN__FILE", "b")],
        &[("SANDBUS_ADMIN__LISTEN", "0.0.0.0:1")],
    ];
    let message = |case: &&[(&str, &str)]| {
        let lines: Vec<String> = case.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}\n>>> {}\n", lines.join("\n"), folder.faults("", case))
    };
    let messages: Vec<String> = cases.iter().map(message).collect();
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("environment", messages.join("\n"));
    });
}

#[test]
fn what_is_not_text_is_refused() {
    let folder = Folder::new();
    let bytes = || OsString::from_vec(vec![b'a', 0xff]);
    let read = |name: &str| {
        Config::from_text("", folder.path(), [(OsString::from(name), bytes())]).map_err(|error| error.to_string())
    };
    let message = read("SANDBUS_KAFKA__TOPICS").unwrap_err();
    assert!(message.contains("SANDBUS_KAFKA__TOPICS is not UTF-8"), "{message}");
    assert!(read("SANDBUS_OTHER").is_ok());
}
