//! Components in the folder: each is a handler, unless a `[[handler]]` names it.

use super::Folder;

fn names(folder: &Folder, text: &str) -> Vec<String> {
    let config = folder.good(text);
    config.handlers.iter().map(|handler| handler.name.to_string()).collect()
}

#[test]
fn components_are_found_by_name() {
    let folder = Folder::new();
    for file in ["z.wasm", "b.wasm", "y.wat", "notes.txt", ".hidden.wasm", "inner.wasm/x.wasm"] {
        folder.write(&format!("handlers/{file}"), "");
    }
    assert_eq!(names(&folder, ""), ["b", "z"]);
    assert_eq!(names(&folder, "[handlers]\nconcurrency = 1\n[handlers.config]\na = 1\n"), ["b", "z"]);
}

#[test]
fn what_a_handler_names_is_not_found_again() {
    let folder = Folder::new();
    folder.write("handlers/z.wasm", "");
    folder.write("handlers/y.wasm", "");
    for path in ["handlers/z.wasm", "./handlers/../handlers/z.wasm"] {
        let text = format!("[[handler]]\nname = \"other\"\ncomponent = \"{path}\"\n");
        assert_eq!(names(&folder, &text), ["other", "y"], "{path}");
    }
}

#[test]
fn one_component_may_serve_two_handlers() {
    let folder = Folder::new();
    let handler = |name| format!("[[handler]]\nname = \"{name}\"\ncomponent = \"a.wasm\"\n");
    assert_eq!(names(&folder, &(handler("x") + &handler("w"))), ["x", "w"]);
}

#[test]
fn the_default_folder_may_be_missing() {
    let folder = Folder::new();
    assert!(names(&folder, "").is_empty());
    assert_eq!(folder.good("").handlers_dir, folder.path().join("handlers"));
    let faults = folder.faults("[handlers]\ndir = \"handlers\"\n", &[]);
    assert!(faults.contains("there is no <folder>/handlers"), "{faults}");
    let faults = folder.faults("", &[("SANDBUS_HANDLERS__DIR", "handlers")]);
    assert!(faults.contains("there is no <folder>/handlers"), "{faults}");
}
