//! The pages of docs/getting-started, followed word for word: one shell in an empty folder runs their commands in order,
//! and what each prints is what the page shows. docs/getting-started/README.md has the rules.
//!
//! Kafka is the shared one. The page's topics, group and admin port are this test's own, by the variables that go before
//! a configuration; in what is shown, the topics have the names that the page gives them.

mod page;
mod shown;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sandbus_tests::host::built;
use sandbus_tests::process::run_to_end;
use sandbus_tests::{Connection, Topic, names, ports};

use page::{Block, Page};

/// All of a page, the first build of its dependencies included, on a machine that does more besides.
const FOLLOWED: Duration = Duration::from_secs(900);
/// Between what two blocks print. No command prints it.
const BORDER: char = '\u{1e}';
/// The prefix of topics in a new project.
const PREFIX: &str = "events";

/// Each page, by the name of its file: one line to add.
macro_rules! pages {
    ($($language:ident)*) => {
        const PAGES: &[&str] = &[$(stringify!($language)),*];

        $(#[test]
        fn $language() {
            follow(stringify!($language));
        })*
    };
}

pages! {
    rust
    javascript
    typescript
    python
    go
    c
}

#[test]
fn every_page_is_followed() {
    let mut files: Vec<_> = fs::read_dir(folder())
        .expect("there is a folder of pages")
        .map(|file| file.expect("an entry").file_name().into_string().expect("a name"))
        .filter_map(|file| file.strip_suffix(".md").map(str::to_owned))
        .filter(|name| name != "README")
        .collect();
    files.sort_unstable();
    let mut pages = PAGES.to_vec();
    pages.sort_unstable();
    assert_eq!(files, pages, "pages, and those that a test follows");
}

#[test]
fn what_pages_show_of_files_is_what_stands_there() {
    let mut excerpts = 0;
    for name in PAGES {
        let text = fs::read_to_string(folder().join(format!("{name}.md"))).expect("it is there");
        for (file, excerpt) in page::excerpts(&text) {
            let path = folder().join("../..").join(&file);
            let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(source.contains(&excerpt), "{name}.md shows what is not in {file}:\n{excerpt}");
            excerpts += 1;
        }
    }
    assert!(excerpts > 0, "no page shows any file: is the mark another?");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/getting-started")
}

/// Does what the page of a language says. With `UPDATE_DOCS=1` it writes down what was printed where that differs.
#[track_caller]
fn follow(language: &str) {
    let file = folder().join(format!("{language}.md"));
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let page = Page::read(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let printed = run(&page, language);
    let differs = |(block, printed): &(&Block, &String)| {
        block.expected(&text).is_some_and(|expected| !shown::is_shown(&expected, printed))
    };
    let wrong: Vec<_> = page.blocks.iter().zip(&printed).filter(differs).collect();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, page.with(&text, &wrong)).expect("the page can be written");
        return;
    }
    let wrong: Vec<_> = wrong
        .into_iter()
        .map(|(block, printed)| {
            let (line, expected) = (block.line, block.expected(&text).unwrap_or_default());
            format!("line {line}:\n{}--- the page shows\n{expected}--- printed was\n{printed}", block.script)
        })
        .collect();
    assert!(wrong.is_empty(), "{}, {}", file.display(), wrong.join("\n"));
}

/// Runs all blocks in one shell, and answers what each printed.
#[track_caller]
fn run(page: &Page, language: &str) -> Vec<String> {
    let empty = tempfile::Builder::new().prefix("sandbus-started-").tempdir().expect("an empty folder");
    let connection = Connection::shared();
    let prefix = names::unique(language);
    // Where the page has its reader start a Kafka, that makes a topic as soon as somebody writes to it.
    let _topic = Topic::create_named(&connection, &format!("{prefix}.stream"), 1);

    // Whatever happens, nothing that was started in the background outlives the shell.
    let mut script = String::from("exec 2>&1\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n");
    for block in &page.blocks {
        script.push_str(&block.script);
        script.push_str(&format!("printf '{BORDER}'\n"));
    }
    let mut command = Command::new("sh");
    command.args(["-e", "-c", &script]).current_dir(empty.path());
    environment(&mut command, &connection, &prefix);
    let finished = run_to_end(command, b"", FOLLOWED);
    let printed = finished.stdout.replace(&prefix, PREFIX);
    let mut parts: Vec<_> = printed.split(BORDER).map(str::to_owned).collect();
    let last = parts.pop().unwrap_or_default();
    if let Some(block) = page.blocks.get(parts.len()) {
        let (line, status) = (block.line, finished.status);
        let log = fs::read_to_string(empty.path().join("order-totals/host.log")).unwrap_or_default();
        panic!(
            "line {line} of the page ends with {status}:\n{}--- printed was\n{last}--- host.log\n{log}",
            block.script
        );
    }
    parts
}

/// What the shell of a reader has, and what tells this test's Kafka and names from all others.
fn environment(command: &mut Command, connection: &Connection, prefix: &str) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        // With make's own it would take that of a page for its child, and say where it enters and leaves.
        if text != "SANDBUS_CACHE"
            && ["SANDBUS_", "OTEL_", "RUST_LOG", "MAKE", "MFLAGS"].iter().any(|start| text.starts_with(start))
        {
            command.env_remove(&name);
        }
    }
    let binaries = built::sandbus().parent().expect("a file has a folder").to_owned();
    let mut path = binaries.clone().into_os_string();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    command
        .env("PATH", path)
        .env("SANDBUS_KAFKA__BOOTSTRAP_SERVERS", connection.bootstrap())
        .env("SANDBUS_KAFKA__TOPIC_PREFIX", prefix)
        .env("SANDBUS_KAFKA__CONSUMER_GROUP", prefix)
        .env("SANDBUS_ADMIN__LISTEN", format!("127.0.0.1:{}", ports::free()))
        .env_remove("CARGO_TARGET_DIR")
        // Compiled dependencies stay from run to run; what is built of them stands in the project all the same.
        .env("CARGO_BUILD_BUILD_DIR", binaries.with_file_name("projects").join("started"))
        .env("CARGO_TERM_COLOR", "never");
}
