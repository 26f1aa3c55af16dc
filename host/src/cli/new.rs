//! `sandbus new`: a handler's project that builds and passes its test at once.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Done, Failure, print_line};
use crate::toolchain::{self, Language, ProjectName};

/// Make a handler's project that builds and passes `sandbus test` at once
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sandbus new order-log --lang rust && cd order-log && sandbus build")]
pub struct New {
    /// Name of the handler, its component and its package: letters, digits, `-` and `_`
    name: String,
    /// Language to write it in
    #[arg(short, long, value_enum)]
    lang: Language,
    /// Folder to make; it must be missing or empty [default: ./NAME]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl New {
    pub(super) fn run(self) -> Done {
        let name = ProjectName::new(&self.name, self.lang).map_err(|error| Failure::Usage(error.to_string()))?;
        let directory = self.directory.unwrap_or_else(|| PathBuf::from(name.as_str()));
        let files =
            toolchain::create(&name, self.lang, &directory).map_err(|error| Failure::Wrong(error.to_string()))?;
        print_line(&format!("made {} in {}", name, directory.display()))?;
        for file in files {
            print_line(&format!("  {file}"))?;
        }
        print_line("  .sandbus/  the SDK that it is built with")?;
        print_line("next:")?;
        if directory != Path::new(".") {
            print_line(&format!("  cd {}", quoted(&directory)))?;
        }
        print_line("  sandbus build")?;
        print_line(&format!("  sandbus test target/components/{name}.wasm --events events.jsonl"))?;
        print_line("or all of it, at every save:\n  sandbus dev")
    }
}

/// As a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@".contains(c);
    if text.chars().all(plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted(Path::new("/tmp/order-log")), "/tmp/order-log");
        assert_eq!(quoted(Path::new("my handlers/it's")), r"'my handlers/it'\''s'");
    }
}
