//! Generated from the WIT packages: both ways of the contract, and what the SDK takes from WASI.

/// The world that a handler implements. A component of the SDK can be called by either way, so it
/// runs on every host of the contract; which is better is the host's to know.
#[allow(missing_docs, unsafe_code, clippy::allow_attributes_without_reason, reason = "generated code")]
pub mod handler {
    wit_bindgen::generate!({
        path: ["../../wit", "../wit"],
        world: "sandbus:sdk/both-ways",
        generate_all,
        pub_export_macro: true,
    });
}

/// Clocks and random, the few functions that the SDK uses.
#[allow(missing_docs, unsafe_code, clippy::allow_attributes_without_reason, reason = "generated code")]
pub(crate) mod wasi {
    wit_bindgen::generate!({
        path: ["../../wit", "../wit"],
        world: "sandbus:sdk/wasi-with-http",
        generate_all,
    });
}
