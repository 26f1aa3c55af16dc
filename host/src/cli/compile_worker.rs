//! `sandbus compile-worker`: what `sandbus` starts to have a component compiled. Nobody types it.

use clap::Args;

use crate::confine::worker::Bounds;
use crate::sandbox::compile::worker;

/// Compile one component from stdin to stdout, within bounds
#[derive(Debug, Args)]
pub struct CompileWorker {
    /// The process that wants it
    #[arg(long)]
    parent: u32,
    /// CPU time
    #[arg(long)]
    cpu_seconds: u64,
    /// Address space, in bytes
    #[arg(long)]
    memory: u64,
}

impl CompileWorker {
    pub(super) fn run(&self) -> ! {
        let bounds = Bounds { cpu: self.cpu_seconds, memory: self.memory, parent: self.parent };
        std::process::exit(worker::run(bounds).into())
    }
}
