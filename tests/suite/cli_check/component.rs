//! One file, which should be a component and mostly is not.

use std::fs;

use sandbus_tests::host::built;
use sandbus_tests::{Deployment, hostile};
use serde_json::json;

use super::{Outcome, check};

/// Text of WebAssembly, as the file that a compiler would make of it.
#[track_caller]
fn assembled(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

/// What is said of these bytes: as a component by path, and within a configuration.
#[track_caller]
fn wrong(name: &str, bytes: impl AsRef<[u8]>) {
    let config = "[[handler]]\nname = \"subject\"\ncomponent = \"handlers/subject.wasm\"\n";
    let deployment = Deployment::new(config).write("handlers/subject.wasm", bytes);
    let by_path = check(&deployment, &["handlers/subject.wasm"]).expect(1);
    assert_eq!(by_path.stdout, "", "{by_path}");
    by_path.snapshot(&format!("cli-check-component-{name}"));
    let configured = check(&deployment, &[]).expect(2);
    assert_eq!(configured.stdout, "", "{configured}");
    // By its path it is absolute, in a configuration it is as it stands there.
    let same = by_path.stderr.replace(&format!("{}/", deployment.directory().display()), "");
    assert_eq!(configured.stderr, same, "the same fault in other words");
    let as_json = check(&deployment, &["--json", "handlers/subject.wasm"]).expect(1);
    assert_eq!(as_json.stdout, "", "{as_json}");
}

/// What it logs before it fails is what its author needs.
#[test]
fn one_that_fails_when_it_is_made_is_heard() {
    let text = "(import \"sandbus:handler/logging@0.1.0\" \"log\" (func $log (param i32 i32 i32)))
        (data (i32.const 1024) \"nobody has registered\")
        (func (export \"sandbus:handler/descriptor@0.1.0#describe\") (result i32)
          (call $log (i32.const 4) (i32.const 1024) (i32.const 21))
          unreachable)";
    let component = hostile::component(text).expect("a component");
    let config = "[[handler]]\nname = \"subject\"\ncomponent = \"handlers/subject.wasm\"\n";
    let deployment = Deployment::new(config).write("handlers/subject.wasm", component).write("events.jsonl", "");
    for outcome in [
        check(&deployment, &["handlers/subject.wasm"]).expect(1),
        check(&deployment, &[]).expect(2),
        Outcome::of(&deployment, &["test", "handlers/subject.wasm", "--events", "events.jsonl"]).expect(1),
    ] {
        assert!(outcome.stderr.ends_with("\n    log error: nobody has registered\n"), "{outcome}");
    }
}

#[test]
fn what_is_no_file_is_told_from_what_is_not_there() {
    let deployment = Deployment::new("");
    for (path, said) in [
        ("/dev/null", "/dev/null is not a file, but a pipe or a device"),
        ("/dev/null/subject.wasm", "/dev/null/subject.wasm: Not a directory (os error 20)"),
        ("subject.wasm", "there is no file subject.wasm"),
    ] {
        let outcome = check(&deployment, &[path]).expect(1);
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", format!("sandbus: {said}\n").as_str()));
    }
}

#[test]
fn a_right_one_is_shown() {
    let deployment = Deployment::new("this is not read = [").handler("probe", "probe-rust");
    let outcome = check(&deployment, &["handlers/probe.wasm"]).expect(0);
    assert_eq!(outcome.stderr, "", "{outcome}");
    outcome.snapshot("cli-check-component-right");
}

#[test]
fn as_json_it_says_the_same() {
    let deployment = Deployment::new("").handler("probe", "probe-rust");
    let checked = check(&deployment, &["--json", "handlers/probe.wasm"]).expect(0).json();
    let handlers = checked["handlers"].as_array().unwrap();
    assert_eq!(handlers.len(), 1, "{checked}");
    assert_eq!(handlers[0]["name"], "probe");
    assert_eq!(handlers[0]["events"], json!(["*"]));
}

#[test]
fn neither_environment_nor_other_handlers_matter() {
    let deployment = Deployment::new("")
        .handler("probe", "probe-rust")
        .write("handlers/other.wasm", "not a component")
        .env("SANDBUS_DELIVERY__WINDOW", "none");
    check(&deployment, &["handlers/probe.wasm"]).expect(0);
}

#[test]
fn a_name_of_any_kind_will_do() {
    let bytes = fs::read(built::component("probe-rust")).unwrap();
    for name in ["ordré ☃.wasm", "\"quoted\".wasm", "-dash.wasm", "...", "☃"] {
        let deployment = Deployment::new("").write(name, &bytes);
        check(&deployment, &["--", name]).expect(0);
    }
}

#[test]
fn a_file_that_is_not_there() {
    check(&Deployment::new(""), &["nowhere.wasm"]).expect(1).snapshot("cli-check-component-absent");
}

#[test]
fn a_folder() {
    let deployment = Deployment::new("").write("folder.wasm/file", "");
    check(&deployment, &["folder.wasm"]).expect(1).snapshot("cli-check-component-folder");
}

#[test]
fn a_text() {
    wrong("text", "print('hello')\n");
}

/// What the host says of a file by that name.
#[track_caller]
fn named(file: &str, bytes: impl AsRef<[u8]>, words: &str) {
    let deployment = Deployment::new("").write(file, bytes);
    let outcome = check(&deployment, &[file]).expect(1);
    assert!(outcome.stderr.contains(words), "{words:?} is not in {outcome}");
    assert_eq!(outcome.stdout, "", "{outcome}");
}

#[test]
fn source_of_each_language_is_told_to_be_built() {
    let advice = ", not a WebAssembly component; `sandbus build` in the folder of its project makes one";
    let sources = [
        ("src/lib.rs", "fn main() {}\n", "Rust source"),
        ("handler.js", "export function handle() {}\n", "JavaScript source"),
        ("handler.ts", "export function handle(): void {}\n", "TypeScript source"),
        ("handler.py", "def handle(event):\n    pass\n", "Python source"),
        ("main.go", "package main\n", "Go source"),
        ("handler.c", "#include \"sandbus.h\"\n", "C source"),
    ];
    for (file, source, what) in sources {
        named(file, source, &format!("this is {what}{advice}"));
    }
    named(
        "Cargo.toml",
        "[package]\n",
        "this is the manifest of a project, not a WebAssembly component; `sandbus build`",
    );
}

#[test]
fn other_files_are_told_what_they_are() {
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    named("handler.zip", b"PK\x03\x04\x14\0", "this is a zip archive, not a WebAssembly component; unpack it");
    named("handler.tar.gz", b"\x1f\x8b\x08\0", "this is a gzip archive");
    named("handler.tar", tar, "this is a tar archive");
    named("handler.wasm", "<!DOCTYPE html><title>404</title>", "this is an HTML page");
    named("handler.wit", "package a:b;\ninterface c {}\n", "this is WIT, the description of an interface");
    named("handler.wasm", [0xff; 64], "this is a binary of an unknown kind");
}

/// What this machine's own compiler makes, and this very test.
#[test]
fn native_code_is_told_what_it_is() {
    let own = fs::read(std::env::current_exe().unwrap()).unwrap();
    named(
        "handler",
        &own,
        "this is a native library (or program), not a WebAssembly component; a handler is built for",
    );
    let library = fs::read_dir("/lib/x86_64-linux-gnu").or_else(|_| fs::read_dir("/usr/lib64")).ok();
    let library = library.and_then(|mut files| {
        files.find_map(|file| file.ok().map(|file| file.path()).filter(|path| path.ends_with("libc.so.6")))
    });
    if let Some(library) = library {
        named("handler.so", fs::read(library).unwrap(), "this is a native library (or program)");
    }
}

#[test]
fn webassembly_text() {
    wrong("webassembly-text", "(module)\n");
}

#[test]
fn a_native_library() {
    let mut library = b"\x7fELF\x02\x01\x01\x00".to_vec();
    library.resize(4096, 0);
    wrong("native", library);
}

#[test]
fn an_empty_file() {
    wrong("empty", "");
}

#[test]
fn a_truncated_file() {
    let whole = assembled(r#"(component (core module (func (export "a")) (func (export "b")) (memory 1)))"#);
    // In the middle, where a copy may have stopped; and in the first four bytes.
    wrong("truncated", &whole[..whole.len() / 2]);
    wrong("truncated-magic", &whole[..3]);
}

#[test]
fn a_core_module_that_says_nothing_of_its_interface() {
    wrong("core-module", assembled("(module (func (export \"handle\")))"));
}

#[test]
fn a_program_of_its_own() {
    let command = r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))) (memory (export "memory") 1)
        (func (export "_start")))"#;
    wrong("core-command", assembled(command));
}

#[test]
fn an_empty_component() {
    wrong("empty-component", assembled("(component)"));
}

#[test]
fn a_component_of_another_world() {
    let command = assembled(
        r#"
        (component
            (core module $code (func (export "run") (result i32) i32.const 0))
            (core instance $instance (instantiate $code))
            (func $run (result (result)) (canon lift (core func $instance "run")))
            (instance $run-interface (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $run-interface)))
        "#,
    );
    wrong("another-world", command);
}

/// A component with the handler's export in name alone, and with that import.
fn importing(interface: &str) -> Vec<u8> {
    assembled(&format!(
        r#"
        (component
            (import "{interface}" (instance))
            (instance $typed)
            (export "sandbus:handler/typed@0.1.0" (instance $typed)))
        "#
    ))
}

#[test]
fn a_component_that_wants_outgoing_http() {
    wrong("http", importing("wasi:http/outgoing-handler@0.2.0"));
}

#[test]
fn a_component_that_wants_to_be_a_web_server() {
    wrong("http-incoming", importing("wasi:http/incoming-handler@0.2.0"));
}

#[test]
fn a_component_that_wants_what_nobody_offers() {
    wrong("key-value", importing("wasi:keyvalue/store@0.2.0"));
}

#[test]
fn a_component_of_a_later_contract() {
    wrong("later-contract", importing("sandbus:handler/state@0.9.0"));
}

#[test]
fn a_component_that_wants_a_later_wasi() {
    let clock = r#"
        (component
            (import "wasi:clocks/monotonic-clock@0.3.0" (instance (export "now" (func (result u64)))))
            (instance $typed)
            (export "sandbus:handler/typed@0.1.0" (instance $typed)))
        "#;
    wrong("later-wasi", assembled(clock));
}

#[test]
fn a_component_that_exports_the_name_and_no_function() {
    wrong("hollow", importing("sandbus:handler/logging@0.1.0"));
}
