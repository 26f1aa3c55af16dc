//! Files and ports, by Landlock: whatever is not named cannot be opened any more. Linux 5.13 has files, 6.7 ports, 6.12
//! signals and abstract sockets; what a kernel does not know of this is left out.
//!
//! A rule is about a file or folder itself, wherever a path leads later: what is renamed into a folder is in it, and what
//! takes the place of a folder is not that folder.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use super::{Measure, State};

/// What Landlock knows of files and of ports, as far as this program does. A later kernel knows more, which stays allowed.
const FILES: ABI = ABI::V5;

/// What stays allowed. What is not there is passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Files, and folders with all that is in them, that may be read.
    pub read: Vec<PathBuf>,
    /// Those that may be read and run.
    pub run: Vec<PathBuf>,
    /// Those that may be read and written. In folders files may be made, renamed and removed.
    pub write: Vec<PathBuf>,
    /// TCP ports that may be listened on.
    pub listen: Vec<u16>,
    /// Whether TCP connections may be made.
    pub connect: bool,
}

/// Leaves this thread, and those that it starts, no more than that.
pub fn restrict(allowed: &Allowed) -> Measure {
    let state = match apply(allowed) {
        Ok(RulesetStatus::FullyEnforced) => State::On,
        Ok(RulesetStatus::PartiallyEnforced) => {
            State::Partly("this kernel's Landlock is older, and leaves some ways open".into())
        }
        Ok(_) => State::Off("this kernel has no Landlock, or it is not enabled".into()),
        Err(error) => State::Off(error.to_string()),
    };
    Measure { name: "files", state }
}

fn apply(allowed: &Allowed) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = read | AccessFs::Execute;
    let write = read | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg | AccessFs::RemoveFile;
    let ports = if allowed.connect { AccessNet::BindTcp.into() } else { AccessNet::from_all(ABI::V4) };
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(FILES))?
        .handle_access(ports)?
        .scope(Scope::from_all(ABI::V6))?
        .create()?;
    for (paths, access) in [(&allowed.read, read), (&allowed.run, run), (&allowed.write, write)] {
        for path in paths {
            let Some((file, access)) = open(path, access) else { continue };
            rules = rules.add_rule(PathBeneath::new(file, access))?;
        }
    }
    for port in &allowed.listen {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// What is at a path, with as much of the access as it can have: what is for folders means nothing for a file.
fn open(path: &Path, access: BitFlags<AccessFs>) -> Option<(PathFd, BitFlags<AccessFs>)> {
    let folder = path.metadata().ok()?.is_dir();
    let access = if folder { access } else { access & AccessFs::from_file(FILES) };
    Some((PathFd::new(path).ok()?, access))
}
