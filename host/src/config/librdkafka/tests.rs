//! What searching the table and spelling names as variables rely on.

use std::collections::BTreeSet;

use super::{Kind, find, names, names_of, owned, spelled};

#[test]
fn names_are_sorted_and_found() {
    let all: Vec<&str> = names().collect();
    assert!(all.is_sorted_by(|a, b| a < b), "not sorted, or a repeat");
    for name in all {
        assert_eq!(find(name).unwrap().0, name);
    }
}

#[test]
fn a_variable_means_one_property_or_its_file() {
    let direct: Vec<String> = names().map(spelled).collect();
    let files = names_of(|kind| kind == Kind::Secret).map(|name| spelled(name) + "_file");
    let all: Vec<String> = direct.into_iter().chain(files).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn what_the_host_sets_is_owned() {
    for name in [
        "bootstrap.servers",
        "metadata.broker.list",
        "group.id",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.auto.something.new",
        "auto.offset.reset",
        "isolation.level",
        "acks",
        "request.required.acks",
        "enable.idempotence",
        "partitioner",
        "enable.partition.eof",
        "transactional.id",
        "plugin.library.paths",
        "plugin.something.new",
    ] {
        assert!(owned(name).is_some(), "{name}");
    }
    for name in ["fetch.wait.max.ms", "sasl.password", "group.protocol", "no.such"] {
        assert!(owned(name).is_none(), "{name}");
    }
}
