//! Handlers in C: zig's compiler, which brings linker and C library, or any other that makes WebAssembly, compiles the
//! project's files in one call.
//!
//! A project is a folder with a `handler.c`. Its other `*.c` files belong to it too, but `test.c` and `*_test.c`, which
//! are native programs. The SDK is one header: the project's own in `.sandbus`, else the host's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::build::BuildError;
use super::language::Language;
use super::project::{Module, ProjectError};
use super::readiness::Readiness;
use super::tools::Tools;
use super::{ProjectName, command, interface, pip, sdk};

/// Instead of zig: a compiler with its first arguments, such as `clang-19 --target=wasm32-wasi`.
const COMPILER: &str = "SANDBUS_CC";

const TOOLS: Tools = Tools {
    name: "c",
    pins: &[(pip::REQUIREMENTS, include_str!("../../toolchains/c/requirements.txt"))],
    description: "zig 0.15.2, which compiles C, by pip (94 MB to fetch, 440 MB on disk)",
};

/// After the compiler, before the project's own `CFLAGS`. Assertions stay on: a handler that is wrong is to stop. The
/// stack lies first in memory, where what overflows it traps.
const FLAGS: [&str; 8] =
    ["-std=gnu11", "-Os", "-UNDEBUG", "-Wall", "-Wextra", "-mexec-model=reactor", "-s", "-Wl,-z,stack-size=262144"];

/// What is compiled once at installation: zig makes its C library for the target then, and not in the first build.
const FIRST: &str = "#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\n\
    __attribute__((export_name(\"first\"))) int first(char *text, double number) {\n\
    return snprintf(text, 9, \"%f\", sqrt(number)) + (malloc(9) != NULL);\n}\n";

/// What a linker calls five times an undefined symbol, or not at all.
const UNREGISTERED: &str = "no file says what handles events; below the handler's function write\n  \
    SANDBUS_HANDLER(.name = \"orders\", .version = \"1.0.0\", .events = SANDBUS_EVENTS(\"*\"), .handle = handle);\n\
    and above `#include \"sandbus.h\"` in that file `#define SANDBUS_IMPLEMENTATION`";

/// Builds the project in `folder`, which is absolute.
pub(super) fn build(folder: &Path, say: &dyn Fn(&str)) -> Result<Module, BuildError> {
    let name = project_name(folder)?;
    let sources = sources(folder).map_err(|error| BuildError::File("cannot read", folder.to_owned(), error))?;
    let compiler = Compiler::choose(say)?;
    say(&format!("building {name} with {}", compiler.describe()));

    let target_directory = folder.join("target");
    let work = target_directory.join("c");
    let header = header(folder, &work)?;
    let module = work.join(format!("{name}.core.wasm"));
    let mut cc = compiler.command(&work);
    cc.args(FLAGS).arg("-I").arg(header).args(own_flags()).args(&sources).arg("-o").arg(&module).current_dir(folder);
    match command::show(&mut cc) {
        Ok(true) => {}
        Ok(false) if unregistered(folder) => {
            return Err(BuildError::Explained(compiler.tool(), name, UNREGISTERED.into()));
        }
        Ok(false) => return Err(BuildError::Tool(compiler.tool(), name)),
        Err(error) => return Err(BuildError::Start(compiler.tool(), error)),
    }
    let mut bytes = fs::read(&module).map_err(|error| BuildError::File("cannot read", module, error))?;
    if !interface::is_exported(&bytes) {
        let why = if unregistered(folder) { UNREGISTERED } else { "it exports nothing of sandbus:handler" };
        return Err(BuildError::NoHandler(name, why.into()));
    }
    interface::embed(&mut bytes).map_err(|error| BuildError::NoHandler(name.clone(), format!("{error:#}")))?;
    Ok(Module { name, target_directory, bytes })
}

/// What a build would take now.
pub(super) fn readiness() -> Readiness {
    if let Some(compiler) = Compiler::named() {
        return Readiness::Ready(compiler.describe());
    }
    match (TOOLS.installed(), pip::find()) {
        (Some(_), _) => Readiness::Ready(Compiler::Zig(PathBuf::new()).describe()),
        (None, Ok(())) => Readiness::Installs(TOOLS.description.into()),
        (None, Err(missing)) => Readiness::Missing(missing),
    }
}

/// That of the folder: C has no manifest.
fn project_name(folder: &Path) -> Result<String, ProjectError> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    match ProjectName::new(&name, Language::C) {
        Ok(name) => Ok(name.to_string()),
        Err(error) => Err(ProjectError::BadManifest(folder.to_owned(), format!("{error}; rename the folder"))),
    }
}

/// The files to compile, sorted, by their names in the folder.
fn sources(folder: &Path) -> io::Result<Vec<OsString>> {
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let file = entry?.file_name();
        let name = file.to_string_lossy();
        if name.ends_with(".c") && name != "test.c" && !name.ends_with("_test.c") {
            // A name may begin with a dash.
            files.push([OsString::from("./"), file].into_iter().collect());
        }
    }
    files.sort();
    Ok(files)
}

/// Whether the project takes the SDK, and registers no handler with it.
fn unregistered(folder: &Path) -> bool {
    let (mut taken, mut registered) = (false, false);
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        if Path::new(&entry.file_name()).extension().is_some_and(|extension| extension == "c" || extension == "h") {
            let text = fs::read(entry.path()).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            taken |= text.contains("sandbus.h");
            registered |= text.contains("SANDBUS_HANDLER");
        }
    }
    taken && !registered
}

/// The folder of `sandbus.h`.
fn header(folder: &Path, work: &Path) -> Result<PathBuf, BuildError> {
    let cannot = |path: &Path, error| BuildError::File("cannot write", path.to_owned(), error);
    fs::create_dir_all(work).map_err(|error| cannot(work, error))?;
    let own = folder.join(".sandbus/guest-sdk/c");
    if own.join("sandbus.h").is_file() {
        return Ok(own);
    }
    let file = work.join("sandbus.h");
    fs::write(&file, sdk::C_HEADER).map_err(|error| cannot(&file, error))?;
    Ok(work.to_owned())
}

/// As make has it: words parted by spaces, after the host's own.
fn own_flags() -> Vec<String> {
    words(&std::env::var("CFLAGS").unwrap_or_default())
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What compiles C here.
enum Compiler {
    /// The folder of the tools.
    Zig(PathBuf),
    /// A program with its first arguments.
    Named(String, Vec<String>),
}

impl Compiler {
    fn choose(say: &dyn Fn(&str)) -> Result<Self, BuildError> {
        if let Some(named) = Self::named() {
            return Ok(named);
        }
        // Before it is said that something is installed.
        let ready = if TOOLS.installed().is_some() { Ok(()) } else { pip::find() };
        let tools = ready.and_then(|()| TOOLS.install(say, install));
        tools.map(Self::Zig).map_err(|why| BuildError::NoTools(Language::C, why))
    }

    fn named() -> Option<Self> {
        let mut words = words(&std::env::var(COMPILER).ok()?).into_iter();
        Some(Self::Named(words.next()?, words.collect()))
    }

    fn tool(&self) -> &'static str {
        match self {
            Self::Zig(_) => "zig",
            Self::Named(..) => COMPILER,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Zig(_) => "zig 0.15.2".into(),
            Self::Named(program, arguments) => {
                let words: Vec<&str> = std::iter::once(program).chain(arguments).map(String::as_str).collect();
                format!("{} ({COMPILER})", words.join(" "))
            }
        }
    }

    /// Without what is to be compiled. What the compiler keeps of this project goes to `work`.
    fn command(&self, work: &Path) -> Command {
        match self {
            Self::Zig(tools) => {
                let mut zig = Command::new(tools.join(pip::SITE).join("ziglang/zig"));
                zig.args(["cc", "-target", "wasm32-wasi"]);
                zig.env("ZIG_GLOBAL_CACHE_DIR", tools.join("cache")).env("ZIG_LOCAL_CACHE_DIR", work.join("cache"));
                zig
            }
            Self::Named(program, arguments) => {
                let mut cc = Command::new(program);
                cc.args(arguments);
                // Zig's linker does so anyway, and does not know the word for it.
                if Path::new(program).file_stem().is_none_or(|name| name != "zig") {
                    cc.arg("-Wl,--stack-first");
                }
                cc
            }
        }
    }
}

/// Fills the folder of the tools.
fn install(tools: &Path) -> Result<(), String> {
    pip::install(tools)?;
    let compiler = Compiler::Zig(tools.to_owned());
    let (source, module) = (tools.join("first.c"), tools.join("first.wasm"));
    fs::write(&source, FIRST).map_err(|error| format!("cannot write {}: {error}", source.display()))?;
    let mut cc = compiler.command(tools);
    match command::show(cc.args(FLAGS).arg(source).arg("-o").arg(module).current_dir(tools)) {
        Ok(true) => Ok(()),
        Ok(false) => Err("zig was installed, but cannot compile; its message is above".into()),
        Err(error) => Err(format!("zig was installed, but cannot be started: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_none_of_the_handler() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["handler.c", "orders.c", "test.c", "orders_test.c", "orders.h", "latest.c", "-x.c"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        assert_eq!(sources(folder.path()).unwrap(), ["./-x.c", "./handler.c", "./latest.c", "./orders.c"]);
    }

    #[test]
    fn what_takes_the_sdk_and_registers_nothing_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
        put("handler.c", "int nothing;");
        assert!(!unregistered(folder.path()), "it needs no SDK");
        put("handler.c", "#include \"sandbus.h\"\n");
        assert!(unregistered(folder.path()));
        put("orders.h", "SANDBUS_HANDLER(.handle = handle);");
        assert!(!unregistered(folder.path()));
    }

    #[test]
    fn the_folder_names_the_project() {
        assert_eq!(project_name(Path::new("/a/order-log")).unwrap(), "order-log");
        let error = project_name(Path::new("/a/2 fast")).unwrap_err().to_string();
        assert!(error.starts_with("/a/2 fast: ") && error.ends_with("rename the folder"), "{error}");
    }

    #[test]
    fn the_header_is_the_project_s_own_or_else_the_host_s() {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("target/c");
        assert_eq!(header(folder.path(), &work).unwrap(), work);
        assert_eq!(fs::read(work.join("sandbus.h")).unwrap(), sdk::C_HEADER);
        let own = folder.path().join(".sandbus/guest-sdk/c");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("sandbus.h"), "").unwrap();
        assert_eq!(header(folder.path(), &work).unwrap(), own);
    }

    #[test]
    fn the_pins_name_the_version_that_people_are_told() {
        let pinned = TOOLS.pins[0].1.lines().find_map(|line| line.strip_prefix("ziglang==")).unwrap();
        let pinned = pinned.trim_end_matches([' ', '\\']);
        assert!(TOOLS.description.contains(pinned));
        assert!(Compiler::Zig(PathBuf::new()).describe().contains(pinned));
    }
}
