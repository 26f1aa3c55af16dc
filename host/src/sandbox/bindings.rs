//! What `wit/` says, as Rust types. One module for each released version of the package.

#![allow(missing_docs, reason = "generated; the documentation is in wit/")]

/// Version 0.1.
pub mod since_v0_1 {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "sandbus:handler/handler",
        ownership: Borrowing { duplicate_if_necessary: true },
        imports: { default: trappable },
        exports: { default: async },
    });
}
