//! Runs handlers: everything that knows wasmtime, and nothing that knows Kafka.
//!
//! One [`Sandbox`] for the process holds the engine and what is linked into every guest. A file's [`code`] is compiled
//! once ([`mod@compile`]) and kept in a [`cache`]; with it the file becomes a [`component::Component`], a component becomes instances ([`instance::Instance`]), and a [`pool::Pool`]
//! keeps a handler's instances at work. A guest sees its imports ([`imports`]), granted web servers ([`http`]) and an empty WASI, within
//! bounds ([`limiter`], [`meter`]); what goes wrong in it is named in [`fault`].
//!
//! After any error the whole store is dropped: a trapped instance refuses to be entered again, and one
//! that answered nonsense would not.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use wasmtime::component::Linker;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

pub mod bindings;
pub mod cache;
pub mod clock;
pub mod code;
pub mod compile;
pub mod component;
mod contract;
pub mod core_module;
pub mod fault;
pub mod foreign;
pub mod frame;
pub mod http;
pub mod imports;
pub mod instance;
pub mod limiter;
pub mod lowered;
pub mod meter;
pub mod output;
pub mod pool;
pub mod ports;
pub mod preview1;
pub mod state;
pub mod text;

use cache::Cache;
use code::Known;
use compile::Compiler;
use state::GuestState;

/// How often a running guest lets others have its thread, and its CPU time is looked at.
pub const TICK: Duration = Duration::from_millis(5);

/// Instances beyond `sandbox.max_instances`, for components that are being loaded, and for what still runs in generations
/// that others have taken the place of: as many again, within bounds. Whoever finds none waits.
const RESERVE: std::ops::RangeInclusive<u32> = 32..=512;

/// Core instances of one component: the largest toolchain today (CPython) needs 38.
const CORE_INSTANCES: u32 = 64;

/// Memories of one component.
const MEMORIES: u32 = 4;

/// Tables of one component.
const TABLES: u32 = 16;

/// The engine, and what every guest is linked with.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<GuestState>,
    compiler: Compiler,
    cache: Option<Cache>,
    known: Known,
}

impl Sandbox {
    /// Room for `max_instances` at once besides those that are being loaded, and no more than `table_elements` in any
    /// table.
    ///
    /// # Errors
    /// Where the platform has no room for the pool, or the engine cannot be made.
    pub fn new(max_instances: u32, table_elements: u32) -> anyhow::Result<Sandbox> {
        let reserve = max_instances.clamp(*RESERVE.start(), *RESERVE.end());
        Sandbox::without_reserve(max_instances.saturating_add(reserve), table_elements)
    }

    /// Room for `instances` in all. Each takes 16 GiB of address space, of which a tool such as valgrind has little.
    ///
    /// # Errors
    /// As [`Sandbox::new`].
    pub fn without_reserve(instances: u32, table_elements: u32) -> anyhow::Result<Sandbox> {
        let engine = Engine::new(&engine_config(instances, table_elements)).map_err(anyhow::Error::from).context(
            "cannot reserve address space for the instances; is there a limit on virtual memory \
             (ulimit -v), or is sandbox.max_instances larger than needed?",
        )?;
        let mut linker = Linker::new(&engine);
        // Clocks and random are real; the rest of WASI is there, and empty: see `GuestState`.
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        linker.allow_shadowing(true);
        clock::add_to_linker(&mut linker)?;
        linker.allow_shadowing(false);
        // Linked into all; who has no grant is refused when it is loaded.
        http::add_to_linker(&mut linker)?;
        imports::add_to_linker(&mut linker)?;
        start_ticker(&engine).context("cannot start the thread that interrupts guests")?;
        Ok(Sandbox { engine, linker, compiler: Compiler::Here, cache: None, known: Known::default() })
    }

    /// Has components compiled by this one, rather than by this process.
    #[must_use]
    pub fn compiled_by(self, compiler: Compiler) -> Sandbox {
        Sandbox { compiler, ..self }
    }

    /// Keeps compiled code in this folder, at most `bound` bytes, if it may be used; what hinders that is logged.
    #[must_use]
    pub fn cached_in(self, folder: Option<&Path>, bound: u64) -> Sandbox {
        let cache = folder.map(|folder| Cache::open(folder, &self.engine, bound));
        let cache = match cache {
            Some(Ok(cache)) => Some(cache),
            Some(Err(refused)) => {
                tracing::warn!("compiled components are not kept: {refused}");
                None
            }
            None => {
                tracing::info!("compiled components are not kept: sandbox.cache is empty, or nothing says where");
                None
            }
        };
        Sandbox { cache, ..self }
    }
}

fn engine_config(instances: u32, table_elements: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES))
        // As many as all may have at once, so that nobody takes another's.
        .total_memories(instances.saturating_mul(MEMORIES))
        .total_tables(instances.saturating_mul(TABLES))
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_module(4)
        .max_memory_size(1 << 32)
        .table_elements(table_elements as usize)
        // Pages kept between uses: 20 instead of 30 microseconds for a fresh instance.
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(512 << 10);
    let mut config = settings();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// All that native code depends on. The pool is not part of it, so that whoever only compiles needs none.
fn settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // Calls cost 0.5 instead of 1.4 microseconds; components with the async ABI are refused.
        .concurrency_support(false)
        .wasm_backtrace_max_frames(std::num::NonZero::new(16))
        .wasm_relaxed_simd(false)
        // No toolchain makes it, and limits are looked at in 32 bits.
        .wasm_memory64(false);
    // `wasm_multi_memory` stays on: without it some components make the compiler panic.
    config
}

/// One thread for the engine, as long as the engine lives.
fn start_ticker(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    let ticker = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new().name("epoch".into()).spawn(ticker).map(drop)
}
