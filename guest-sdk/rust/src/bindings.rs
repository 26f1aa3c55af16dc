//! Generated from the WIT packages: the `handler` world, and what the SDK takes from WASI.

/// The world that a handler implements.
#[allow(missing_docs, unsafe_code, clippy::allow_attributes_without_reason, reason = "generated code")]
pub mod handler {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "handler",
        pub_export_macro: true,
    });
}

/// Clocks and random, the few functions that the SDK uses.
#[allow(missing_docs, unsafe_code, clippy::allow_attributes_without_reason, reason = "generated code")]
pub(crate) mod wasi {
    wit_bindgen::generate!({
        path: "wit",
        world: "wasi",
        generate_all,
    });
}
