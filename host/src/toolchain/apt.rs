//! Debian's packages, installed by apt-get as root or by a sudo that asks nothing.
//!
//! Installing never removes a package: giving up those that conflict is for the owner of the machine to decide.

use std::process::{Command, Stdio};

use super::command::show;

const INSTALL: &str = "install --yes --no-install-recommends";

/// Has apt-get install these packages.
///
/// # Errors
/// A reason in words, with the command to run where that helps.
pub(super) fn install(packages: &[&str]) -> Result<(), String> {
    let runs = |command: &mut Command| {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    if !runs(Command::new("apt-get").arg("--version")) {
        return Err("this machine has no apt-get, so these packages are not for it".into());
    }
    let as_root: &[&str] = if rustix::process::geteuid().is_root() {
        &[]
    } else if runs(Command::new("sudo").args(["-n", "true"])) {
        &["sudo"]
    } else {
        return Err(format!("installing takes root; run this, and start again:\n    {}", by_hand(packages)));
    };
    let run = |arguments: &str| {
        show(&mut apt_get(as_root, arguments)).map_err(|error| format!("apt-get cannot be started: {error}"))
    };
    // The lists of a fresh machine are empty or old. Without network they may still do.
    run("update")?;
    if run(&format!("{INSTALL} --no-remove {}", packages.join(" ")))? {
        Ok(())
    } else {
        Err(format!("apt-get failed; its message is above. Run this, and start again:\n    {}", by_hand(packages)))
    }
}

/// The same for people to type. Without `--no-remove`: apt-get asks them, and they may agree.
pub(super) fn by_hand(packages: &[&str]) -> String {
    let install = INSTALL.replace(" --yes", "");
    format!("sudo apt-get update && sudo apt-get {install} {}", packages.join(" "))
}

fn apt_get(as_root: &[&str], arguments: &str) -> Command {
    // `env`, because sudo passes no variables on.
    let words = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"];
    let mut words = as_root.iter().copied().chain(words).chain(arguments.split(' '));
    let mut command = Command::new(words.next().unwrap_or("apt-get"));
    command.args(words);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_get_runs_as_root_or_by_sudo() {
        let line = |as_root: &[&str]| {
            let command = apt_get(as_root, "update");
            let words = std::iter::once(command.get_program()).chain(command.get_args());
            words.map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
        };
        let rest = "env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 update";
        assert_eq!(line(&[]), rest);
        assert_eq!(line(&["sudo"]), format!("sudo {rest}"));
    }

    #[test]
    fn the_command_to_type_asks_before_it_removes_anything() {
        let command = by_hand(&["rustc-web", "lld-19"]);
        assert!(command.ends_with("install --no-install-recommends rustc-web lld-19"));
        assert!(!command.contains("--yes"));
    }
}
