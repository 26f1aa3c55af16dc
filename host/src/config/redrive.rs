//! The redrive topic of a source topic and a group: one name, in both directions.

/// What the names of all redrive topics end with.
pub const REDRIVE_SUFFIX: &str = ".redrive";

/// From which topic a group's hosts read the dead letters of `source` again.
///
/// No configured topic and group lead to a name that is too long for a topic.
#[must_use]
pub fn redrive_topic(source: &str, group: &str) -> String {
    format!("{source}.{group}{REDRIVE_SUFFIX}")
}

/// The source topic, if `topic` is a redrive topic of that group. No source topic of the group looks
/// like one: the configuration is checked for it.
#[must_use]
pub fn redrive_source<'a>(topic: &'a str, group: &str) -> Option<&'a str> {
    let source = topic.strip_suffix(REDRIVE_SUFFIX)?.strip_suffix(group)?.strip_suffix('.')?;
    (!source.is_empty()).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_source_for_its_own_group_alone() {
        let topic = redrive_topic("orders.stream", "default");
        assert_eq!(topic, "orders.stream.default.redrive");
        assert_eq!(redrive_source(&topic, "default"), Some("orders.stream"));
        for group in ["other", "fault", "default.own", ""] {
            assert_eq!(redrive_source(&topic, group), None, "{group}");
        }
        for topic in
            ["orders.stream", "orders.stream.default", ".default.redrive", "default.redrive", "x.default.redriven"]
        {
            assert_eq!(redrive_source(topic, "default"), None, "{topic}");
        }
    }
}
