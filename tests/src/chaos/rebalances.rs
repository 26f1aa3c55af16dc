//! How often the hosts' groups were formed anew, from the brokers' logs: a host that is killed cannot tell any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The generations of all of these groups that the logs speak of, without the first of each group.
pub(super) fn count<'a>(logs: impl IntoIterator<Item = &'a Path>, groups: &[String]) -> u32 {
    let mut generations = BTreeSet::new();
    for log in logs {
        // With what is not UTF-8 replaced: only whole words of ASCII are looked for.
        let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
        generations.extend(text.lines().filter_map(|line| generation(line, groups)));
    }
    let formed: BTreeSet<usize> = generations.iter().map(|(group, _)| *group).collect();
    u32::try_from(generations.len() - formed.len()).expect("few generations")
}

/// `Stabilized group NAME generation 5 with 3 members` of the classic protocol, `[GroupId NAME] Bumped group epoch to 5
/// with metadata` of the newer one, wherever in the line.
fn generation(line: &str, groups: &[String]) -> Option<(usize, u32)> {
    let parts = [("Stabilized group ", " generation "), ("[GroupId ", "] Bumped group epoch to ")];
    let (name, rest) = parts.iter().find_map(|(before, between)| line.split_once(before)?.1.split_once(between))?;
    let group = groups.iter().position(|group| group == name)?;
    Some((group, rest.split(' ').next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let line = |group: &str, generation: u32| {
            format!("[GroupCoordinator id=1] Stabilized group {group} generation {generation} with 3 members.\n")
        };
        fs::write(&one, format!("{}{}{}what else\n", line("g", 1), line("g", 2), line("strange", 9))).unwrap();
        fs::write(&other, format!("{}{}{}", line("g", 2), line("g", 3), line("g.own", 1))).unwrap();
        let groups = ["g".to_owned(), "g.own".to_owned()];
        assert_eq!(count([&*one, &*other], &groups), 2);

        let line =
            |epoch: u32| format!("[GroupCoordinator id=3] [GroupId g] Bumped group epoch to {epoch} with metadata\n");
        fs::write(&one, format!("{}{}{}", line(1), line(2), line(3))).unwrap();
        assert_eq!(count([&*one], &groups), 2);
    }
}
