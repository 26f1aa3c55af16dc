//! Patterns of event types and topics: `*` is any run of characters, nothing else is special.

/// Whether the whole text matches, case-sensitively.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut text) = text.strip_suffix(tail) else {
        return false;
    };
    // The earliest place of each piece leaves most for the pieces after it.
    for piece in middle.split('*') {
        match text.split_once(piece) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_the_whole_text() {
        let cases = [
            ("Order", "Order", true),
            ("Order", "OrderCreated", false),
            ("Order*", "Order", true),
            ("Order*", "OrderCreated", true),
            ("Order*", "PreOrder", false),
            ("*Created", "OrderCreated", true),
            ("*Created", "CreatedOrder", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*ba", "aba", false),
            ("ab*ba", "abba", true),
            ("a*bc*c", "abc", false),
            ("*", "", true),
            ("**", "x", true),
            ("", "", true),
            ("", "x", false),
            ("a.c", "abc", false),
            ("A*", "a", false),
            ("*ü*", "Grün", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} on {text:?}");
        }
    }
}
