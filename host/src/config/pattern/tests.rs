//! The matcher against a naive one, and the rules at the edges.

use proptest::prelude::*;

use super::{BadPattern, Pattern};

/// By definition: a star takes nothing, or one character more.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(('*', rest)), None) => naive(rest, text),
        (Some(('*', rest)), Some((_, after))) => naive(rest, text) || naive(pattern, after),
        (Some(_), None) => false,
        (Some((wanted, rest)), Some((found, after))) => wanted == found && naive(rest, after),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn agrees_with_the_naive_matcher(pattern in "[abé*?]{1,8}", text in "[abé?]{0,12}") {
        let chars = |s: &str| s.chars().collect::<Vec<_>>();
        let expected = naive(&chars(&pattern), &chars(&text));
        prop_assert_eq!(Pattern::new(&pattern).unwrap().matches(&text), expected);
    }
}

#[test]
fn matches_whole_types_and_case() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("OrderCreated", "OrderCreated", true),
        ("OrderCreated", "ordercreated", false),
        ("Order", "OrderCreated", false),
        ("Order*", "OrderCreated", true),
        ("*Created", "OrderCreated", true),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a.b", "axb", false),
        ("[a]", "a", false),
        ("**", "x", true),
    ] {
        assert_eq!(Pattern::new(pattern).unwrap().matches(text), expected, "{pattern} {text}");
    }
}

#[test]
fn a_hostile_pattern_is_quick() {
    let pattern = Pattern::new(&"a*".repeat(127)).unwrap();
    let text = "a".repeat(100_000) + "b";
    let start = std::time::Instant::now();
    assert!(pattern.matches(&text));
    assert!(!Pattern::new(&("*a".repeat(127) + "c")).unwrap().matches(&text));
    assert!(start.elapsed() < std::time::Duration::from_secs(1));
}

#[test]
fn length_is_1_to_256_bytes() {
    assert_eq!(Pattern::new(""), Err(BadPattern::Empty));
    assert!(Pattern::new(&"é".repeat(128)).is_ok());
    assert_eq!(Pattern::new(&"é".repeat(129)), Err(BadPattern::TooLong(258)));
}
