//! `sandbus build`: a handler's project, built to a component.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{Done, Failure, print_line};
use crate::toolchain::{self, Built, Route};

/// Says which compiler is to be used.
const VARIABLE: &str = "SANDBUS_RUST_TOOLCHAIN";

/// Build a handler's project to a component
///
/// The component is written to components/NAME.wasm in the project's target folder, and its path
/// is printed. The compiler is the first of these that can build for wasm32-unknown-unknown:
///
///   cargo   the Rust in PATH
///   rustup  the same, after `rustup target add`
///   debian  Debian's packages rustc-web, cargo-web, rust-web-src and lld-19, by apt-get
///
/// What is installed already goes before what has to be. RUSTFLAGS are meant for programs of this
/// machine and not used: flags for handlers go to CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS or
/// to the project's .cargo/config.toml.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Environment:\n  SANDBUS_RUST_TOOLCHAIN  cargo, rustup or debian: use this compiler, and no other\n\n\
                  Examples:\n  sandbus build\n  sandbus build examples/audit/rust --output handlers/audit.wasm"
)]
pub struct Build {
    /// The project's folder
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Write the component to this file instead
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Build {
    pub(super) fn run(self) -> Done {
        let route = route()?;
        let built = toolchain::build(&self.directory, self.output.as_deref(), route, &|line| eprintln!("{line}"))
            .map_err(|error| Failure::Wrong(error.to_string()))?;
        if self.json {
            return print_line(
                &json!({
                    "name": built.name, "component": built.component, "bytes": built.bytes, "changed": built.changed,
                })
                .to_string(),
            );
        }
        print_line(&as_text(&built))
    }
}

fn route() -> Result<Option<Route>, Failure> {
    match std::env::var_os(VARIABLE) {
        None => Ok(None),
        Some(value) if value.is_empty() => Ok(None),
        Some(value) => {
            let route = value.to_string_lossy().parse::<Route>();
            route.map(Some).map_err(|error| Failure::Usage(format!("{VARIABLE}: {error}")))
        }
    }
}

fn as_text(built: &Built) -> String {
    // Short enough to be read, and to be typed.
    let here = std::env::current_dir().unwrap_or_default();
    let path: &Path = built.component.strip_prefix(&here).unwrap_or(&built.component);
    let same = if built.changed { "" } else { ", unchanged" };
    format!("{}  ({}{same})", path.display(), bytesize::ByteSize(built.bytes))
}
