//! How long the texts are that wait to be exported: what waits is bounded in number, and so in bytes.
//!
//! Events and guests choose some of them, such as an event's id or a log line. Bytes are counted, and no character is cut.

/// Of an attribute, unless a variable says otherwise.
pub const ATTRIBUTE: usize = 1024;

/// Of a log line.
pub const BODY: usize = 16 * 1024;

/// Stands at the end of a log line that was longer.
const ELLIPSIS: &str = "…";

/// The beginning of a text that is longer than `most`. `None`: it is not.
pub fn cut(text: &str, most: usize) -> Option<&str> {
    (text.len() > most).then(|| text.get(..text.floor_char_boundary(most)).unwrap_or_default())
}

/// A log line that is longer than [`BODY`], as it is exported. `None`: it is not.
pub fn cut_body(line: &str) -> Option<String> {
    (line.len() > BODY).then(|| cut(line, BODY - ELLIPSIS.len()).unwrap_or_default().to_owned() + ELLIPSIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_is_cut_between_characters() {
        assert_eq!([cut("abc", 3), cut("", 0)], [None, None]);
        assert_eq!([cut("abcd", 3), cut("aää", 4), cut("ä", 1), cut("a", 0)], ["abc", "aä", "", ""].map(Some));
    }

    #[test]
    fn a_long_line_says_that_it_goes_on() {
        assert_eq!(cut_body(&"x".repeat(BODY)), None);
        let cut = cut_body(&"ä".repeat(BODY)).unwrap();
        assert!(cut.len() <= BODY && cut.len() > BODY - 4, "{}", cut.len());
        assert!(cut.ends_with("ä…"));
    }
}
