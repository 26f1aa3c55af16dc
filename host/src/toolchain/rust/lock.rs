//! The `Cargo.lock` of a new project: the SDK's own, which was tested, with the project's crate added. So a project
//! starts from known versions, and needs no look at a registry for those that are on the machine already.

use super::super::name::ProjectName;

const ENTRY: &str = "[[package]]\n";

/// The SDK's lock file with an entry for the project, sorted by name as cargo wants it.
pub(in crate::toolchain) fn with_project(sdk: &str, name: &ProjectName) -> String {
    let mut parts = sdk.split(ENTRY);
    let head = parts.next().unwrap_or_default();
    let mut entries: Vec<String> = parts.map(|entry| format!("{}\n", entry.trim_end())).collect();
    let dependencies = "dependencies = [\n \"sandbus-sdk\",\n \"serde\",\n]\n";
    entries.push(format!("name = \"{name}\"\nversion = \"0.1.0\"\n{dependencies}"));
    entries.sort_by(|one, other| named(one).cmp(named(other)));
    let entries: Vec<String> = entries.into_iter().map(|entry| format!("{ENTRY}{entry}")).collect();
    format!("{head}{}", entries.join("\n"))
}

fn named(entry: &str) -> &str {
    entry.lines().next().and_then(|line| line.strip_prefix("name = ")).unwrap_or_default().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::super::super::language::Language;
    use super::*;

    const SDK: &str = "# head\nversion = 4\n\n[[package]]\nname = \"anyhow\"\nversion = \"1.0.1\"\n\n\
                       [[package]]\nname = \"serde\"\nversion = \"1.0.2\"\ndependencies = [\n \"anyhow\",\n]\n";

    #[test]
    fn the_project_stands_where_cargo_would_put_it() {
        let lock = with_project(SDK, &ProjectName::new("orders", Language::Rust).unwrap());
        let names: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = ")).collect();
        assert_eq!(names, ["\"anyhow\"", "\"orders\"", "\"serde\""]);
        let own = "\n[[package]]\nname = \"orders\"\nversion = \"0.1.0\"\n\
                   dependencies = [\n \"sandbus-sdk\",\n \"serde\",\n]\n\n[[package]]";
        assert!(lock.contains(own), "{lock}");
        assert_eq!(lock.replace(own.trim_end_matches("\n[[package]]"), ""), SDK);
    }
}
