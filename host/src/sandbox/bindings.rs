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

    /// The packed way in. Its imports but one are the typed way's.
    pub mod packed {
        wasmtime::component::bindgen!({
            path: "../wit",
            world: "sandbus:handler/packed-handler",
            ownership: Borrowing { duplicate_if_necessary: true },
            imports: { default: trappable },
            exports: { default: async },
            with: {
                "sandbus:handler/types": super::sandbus::handler::types,
                "sandbus:handler/logging": super::sandbus::handler::logging,
                "sandbus:handler/config": super::sandbus::handler::config,
                "sandbus:handler/publish": super::sandbus::handler::publish,
                "sandbus:handler/metrics": super::sandbus::handler::metrics,
            },
        });
    }
}
