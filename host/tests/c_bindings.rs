//! `guest-sdk/c/sandbus.h` declares the imports and exports of the contract as `wit/` has them. The declarations stand
//! between two marks and are made here; `UPDATE_DOCS=1` writes them anew.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use std::path::Path;

use wit_parser::Resolve;

#[path = "c_bindings/declarations.rs"]
mod declarations;

const BEGIN: &str = "/* === generated from wit/ by host/tests/c_bindings.rs, not edited === */\n";
const END: &str = "/* === end of what is generated === */\n";

#[test]
fn the_header_declares_what_the_contract_has() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut resolve = Resolve::default();
    resolve.push_dir(root.join("wit")).unwrap();
    let (sdk, _) = resolve.push_dir(root.join("guest-sdk/wit")).unwrap();
    let world = resolve.select_world(&[sdk], Some("sdk")).unwrap();
    let made = declarations::declarations(&resolve, world);

    let file = root.join("guest-sdk/c/sandbus.h");
    let header = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = header.split_once(BEGIN).expect("the mark of the beginning");
    let (there, after) = rest.split_once(END).expect("the mark of the end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, [before, BEGIN, &made, END, after].concat()).unwrap();
        return;
    }
    assert!(there == made, "guest-sdk/c/sandbus.h is not what wit/ says: set UPDATE_DOCS=1 and run this test again");
}
