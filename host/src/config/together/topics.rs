//! Source, dead-letter and redrive topics are different topics, with names that Kafka takes.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::context::Context;
use crate::config::delivery::DeliveryKeys;
use crate::config::handlers::Draft;
use crate::config::kafka::KafkaKeys;
use crate::config::key::Reading;
use crate::config::{Fault, Found, Group, GroupName, TopicName, redrive_source, redrive_topic};

/// What a topic is for, and whom to blame if it cannot be.
struct Role<'a> {
    topic: String,
    role: String,
    blamed: Option<&'a Reading<String>>,
}

/// Compares all topics that the configuration leads to.
pub(in crate::config) fn check(context: &Context, kafka: &KafkaKeys, delivery: &DeliveryKeys, handlers: &[Draft]) {
    let (Some(group), Some(suffix)) = (kafka.consumer_group.reading(), delivery.dlq_topic_suffix.reading()) else {
        return;
    };
    let group_name = Reading { value: group.value.to_string(), path: group.path.clone(), origin: group.origin.clone() };
    let readers = readers(kafka, &group.value, handlers);
    let mut taken: BTreeMap<String, Role<'_>> = BTreeMap::new();
    // Without dead letters there are no topics for them. But a host still knows a redrive topic by its name.
    let kept: &[_] = if delivery.enable_dlq.value() == Some(&true) { &readers } else { &[] };
    let own = dead_letters(kept, suffix).chain(redrives(kept, &group_name));
    let mut collisions = BTreeSet::new();
    for role in sources(&readers).chain(own).chain(lookalikes(&readers, &group_name)) {
        if let Some(blamed) = role.blamed {
            too_long(context, blamed, &role);
        }
        match taken.get(&role.topic) {
            Some(first) if first.role != role.role => {
                if collisions.insert((role.topic.clone(), role.role.clone())) {
                    collide(context, first, &role);
                }
            }
            Some(_) => {}
            None => {
                taken.insert(role.topic.clone(), role);
            }
        }
    }
}

/// Dead-letter and redrive topics, each with what it is. Empty where there are no dead letters.
pub(in crate::config) fn reserved(
    kafka: &KafkaKeys,
    delivery: &DeliveryKeys,
    handlers: &[Draft],
) -> BTreeMap<String, String> {
    let (Some(group), Some(suffix)) = (kafka.consumer_group.reading(), delivery.dlq_topic_suffix.reading()) else {
        return BTreeMap::new();
    };
    if delivery.enable_dlq.value() != Some(&true) {
        return BTreeMap::new();
    }
    let group_name = Reading { value: group.value.to_string(), path: group.path.clone(), origin: group.origin.clone() };
    let readers = readers(kafka, &group.value, handlers);
    dead_letters(&readers, suffix).chain(redrives(&readers, &group_name)).map(|role| (role.topic, role.role)).collect()
}

/// Each source topic with the groups that read it, as far as they are good.
fn readers<'a>(kafka: &'a KafkaKeys, group: &GroupName, handlers: &'a [Draft]) -> Vec<(&'a TopicName, String)> {
    let shared = kafka.source_topics();
    let common = shared.into_iter().flatten();
    let mut readers: Vec<_> = common.map(|topic| (topic, group.to_string())).collect();
    for draft in handlers {
        let topics = draft.layer.topics(shared).unwrap_or_default();
        let group = match (draft.layer.run.group.value(), &draft.name) {
            (Some(Group::Shared), _) => group.to_string(),
            (Some(Group::Own), Some(name)) => format!("{group}.{name}"),
            _ => continue,
        };
        readers.extend(topics.iter().map(|topic| (topic, group.clone())));
    }
    readers.sort();
    readers.dedup();
    readers
}

fn sources<'a>(readers: &[(&TopicName, String)]) -> impl Iterator<Item = Role<'a>> {
    readers.iter().map(|(topic, _)| Role { topic: topic.to_string(), role: "a source topic".to_owned(), blamed: None })
}

fn dead_letters<'a>(readers: &[(&TopicName, String)], suffix: &'a Reading<String>) -> impl Iterator<Item = Role<'a>> {
    readers.iter().map(|(topic, _)| Role {
        topic: format!("{topic}{}", suffix.value),
        role: format!("the dead-letter topic of {topic}"),
        blamed: Some(suffix),
    })
}

fn redrives<'a>(readers: &[(&TopicName, String)], blamed: &'a Reading<String>) -> impl Iterator<Item = Role<'a>> {
    readers.iter().map(move |(topic, group)| Role {
        topic: redrive_topic(topic, group),
        role: format!("the redrive topic of {topic} for the group {group}"),
        blamed: Some(blamed),
    })
}

/// Source topics that their own group would take for redrive topics: a host tells them apart by name.
fn lookalikes<'a>(readers: &[(&TopicName, String)], blamed: &'a Reading<String>) -> impl Iterator<Item = Role<'a>> {
    readers.iter().filter_map(move |(topic, group)| {
        let source = redrive_source(topic, group)?;
        Some(Role {
            topic: topic.to_string(),
            role: format!("the redrive topic of {source} for the group {group}"),
            blamed: Some(blamed),
        })
    })
}

fn too_long(context: &Context, blamed: &Reading<String>, role: &Role<'_>) {
    if TopicName::new(&role.topic).is_err() {
        let hint = format!("{} would have {}", role.role, role.topic.len());
        note(context, blamed, "names that make topics of at most 249 characters", hint);
    }
}

fn collide(context: &Context, first: &Role<'_>, second: &Role<'_>) {
    if let Some(blamed) = second.blamed.or(first.blamed) {
        note(
            context,
            blamed,
            "source, dead-letter and redrive topics that are all different",
            format!("{} would be {} and {}", first.topic, first.role, second.role),
        );
    }
}

fn note(context: &Context, blamed: &Reading<String>, expected: &str, hint: String) {
    context.add(Fault {
        path: blamed.path.clone(),
        origin: blamed.origin.clone(),
        found: Found::Value(format!("{:?}", blamed.value)),
        expected: expected.to_owned(),
        hint: Some(hint),
    });
}
