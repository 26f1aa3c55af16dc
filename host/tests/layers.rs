//! Holds the rooms apart: who may import whom stands in ARCHITECTURE.md, and this test reads it there.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Rooms = BTreeMap<String, BTreeSet<String>>;

/// The rows of the table whose first column is a room: `| `name` | may import | ... |`.
fn rooms() -> Rooms {
    let text = std::fs::read_to_string(root().join("../ARCHITECTURE.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let rooms: Rooms = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
            (names(cells[1]).pop_first().unwrap(), names(cells[2]))
        })
        .collect();
    assert!(rooms.len() >= 9, "the table of rooms is not where it was: {rooms:?}");
    rooms
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file with the room it is in.
fn sources() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(root().join("src")).unwrap().to_owned();
                let room = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
                found.push((room, path));
            }
        }
    }
    found.retain(|(room, _)| !["main", "lib"].contains(&room.as_str()));
    found
}

/// Lines of code: no comments.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn imported<'a>(code: &'a str, rooms: &'a Rooms) -> impl Iterator<Item = &'a str> {
    rooms.keys().map(String::as_str).filter(move |room| {
        code.match_indices(&format!("crate::{room}")).any(|(at, found)| {
            let next = code.get(at + found.len()..).and_then(|rest| rest.chars().next());
            !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    })
}

#[test]
fn each_room_imports_only_what_it_may() {
    let rooms = rooms();
    let mut wrong = Vec::new();
    for (room, path) in sources() {
        let Some(allowed) = rooms.get(&room) else {
            wrong.push(format!("{} is in no room of ARCHITECTURE.md", path.display()));
            continue;
        };
        let code = code(&path);
        // Within a `use crate::{...}` the check would have to parse Rust, so there is none.
        if code.contains("use crate::{") {
            wrong.push(format!("{}: write one `use crate::room::...` for each room", path.display()));
        }
        for import in imported(&code, &rooms) {
            if import != room && !allowed.contains(import) {
                wrong.push(format!("{}: `{room}` may not import `{import}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether code names something of a library, and not of a module whose name ends alike.
fn names(code: &str, library: &str) -> bool {
    code.match_indices(library).any(|(at, _)| {
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn librdkafka_and_wasmtime_each_stay_in_one_room() {
    let mut wrong = Vec::new();
    for (room, path) in sources() {
        let code = code(&path);
        for (library, home) in [("rdkafka::", "kafka"), ("wasmtime::", "sandbox"), ("wasmtime_wasi::", "sandbox")] {
            if room != home && names(&code, library) {
                wrong.push(format!("{}: `{library}` belongs into `{home}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
