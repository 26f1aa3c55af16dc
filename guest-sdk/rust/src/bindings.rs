//! Generated from the WIT packages: both ways of the contract, and what the SDK takes from WASI.

/// The world that a handler implements. A component of the SDK can be called by either way, so it
/// runs on every host of the contract; which is better is the host's to know.
#[allow(missing_docs, unsafe_code, clippy::allow_attributes_without_reason, reason = "generated code")]
pub mod handler {
    wit_bindgen::generate!({
        inline: "
            package sandbus:sdk-rust-handler@0.1.0;
            world both-ways {
                include sandbus:handler/handler@0.1.0;
                include sandbus:handler/packed-handler@0.1.0;
            }
        ",
        path: "../../wit",
        world: "sandbus:sdk-rust-handler/both-ways",
        generate_all,
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
