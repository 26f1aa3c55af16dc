//! The history of a group's commits, as the broker has written it down.

use std::collections::BTreeMap;

use sandbus_tests::{StoredRecord, Topic};

use super::stage::Stage;

/// Kafka's own topic of commits.
const COMMITS: &str = "__consumer_offsets";

impl Stage {
    /// Asserts that no commit of the group has taken back an earlier one: what that had passed would be handled again.
    #[track_caller]
    pub(crate) fn assert_commits_advance(&self) {
        let commits = Topic::named(&self.connection, COMMITS).read();
        let mut newest: BTreeMap<i32, i64> = BTreeMap::new();
        let mut seen = 0;
        for (partition, offset) in commits.iter().filter_map(|record| self.commit(record)) {
            seen += 1;
            let before = newest.insert(partition, offset).unwrap_or_default();
            assert!(before <= offset, "partition {partition}: commit {offset} came after {before}");
        }
        assert!(seen > 0, "the group {} has committed nothing", self.group.name());
    }

    /// Partition and offset of a commit by this group for this topic.
    fn commit(&self, record: &StoredRecord) -> Option<(i32, i64)> {
        let (mut key, value) = (record.key.as_deref()?, record.value.as_deref()?);
        // Versions 0 and 1 are commits, others the group's members.
        let version = i16::from_be_bytes(take(&mut key)?);
        let (group, topic) = (text(&mut key)?, text(&mut key)?);
        let ours = version <= 1 && group == self.group.name().as_bytes() && topic == self.topic.name().as_bytes();
        let offset = i64::from_be_bytes(value.get(2..10)?.try_into().ok()?);
        ours.then_some((i32::from_be_bytes(take(&mut key)?), offset))
    }
}

/// The first bytes, which `bytes` then no longer has.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

/// A string behind its length.
fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(i16::from_be_bytes(take(bytes)?)).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(text)
}
