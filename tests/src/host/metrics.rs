//! Prometheus text as samples.
//!
//! Strict where common parsers are lenient: a line that is not understood, a sample without a `# TYPE` before it, or the
//! same sample twice is an error, because a test that skips what it cannot read proves nothing.

use std::collections::{BTreeMap, HashMap};

/// The samples of one scrape, in the order of the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    samples: Vec<Sample>,
    kinds: HashMap<String, String>,
}

/// One line of the page.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name, with `_bucket`, `_sum` or `_count` where the line has it.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value; infinities and NaN are written `+Inf`, `-Inf`, `NaN`.
    pub value: f64,
}

impl Metrics {
    /// Reads a page.
    ///
    /// # Errors
    /// The number of the first bad line, the line, and what is wrong with it.
    pub fn parse(page: &str) -> Result<Metrics, String> {
        let mut metrics = Metrics::default();
        for (number, line) in page.lines().enumerate() {
            metrics.line(line).map_err(|error| format!("line {}: {error}: {line:?}", number + 1))?;
        }
        Ok(metrics)
    }

    /// The kind of a metric by its family's name: `counter`, `gauge`, `histogram`.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<&str> {
        self.kinds.get(name).map(String::as_str)
    }

    /// All samples of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Vec<&Sample> {
        let named = self.samples.iter().filter(|sample| sample.name == name);
        named.collect()
    }

    /// The sum of all samples of that name that carry all of `labels`, and maybe more; `None` when there is none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut matching = self
            .samples
            .iter()
            .filter(|sample| sample.name == name && sample.has(labels))
            .map(|sample| sample.value)
            .peekable();
        matching.peek()?;
        Some(matching.sum())
    }

    /// All samples.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or("a TYPE without a kind")?;
            match self.kinds.insert(name.into(), kind.into()) {
                None => Ok(()),
                Some(_) => Err("a second TYPE of that name".into()),
            }
        } else if line.is_empty() || line.starts_with('#') {
            Ok(())
        } else {
            let sample = sample(line)?;
            if !self.has_kind(&sample.name) {
                return Err("no TYPE before it".into());
            }
            let same = |other: &Sample| other.name == sample.name && other.labels == sample.labels;
            if self.samples.iter().any(same) {
                return Err("the same sample twice".into());
            }
            self.samples.push(sample);
            Ok(())
        }
    }

    fn has_kind(&self, name: &str) -> bool {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        self.kinds.contains_key(name)
            || family
                .and_then(|family| self.kinds.get(family))
                .is_some_and(|kind| kind == "histogram" || kind == "summary")
    }
}

impl Sample {
    /// Whether it carries all of these labels.
    #[must_use]
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|own| own == value))
    }
}

fn sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.contains(|c: char| !c.is_ascii_alphanumeric() && !"_:".contains(c)) {
        return Err(format!("{name:?} is no metric name"));
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let mut fields = rest.split_ascii_whitespace();
    let value = fields.next().ok_or("no value")?;
    let value = value.parse().map_err(|_| format!("{value:?} is no number"))?;
    match (fields.next(), fields.next()) {
        (None, _) => {}
        // A timestamp.
        (Some(time), None) if time.parse::<i64>().is_ok() => {}
        _ => return Err("more than a value and a timestamp".into()),
    }
    Ok(Sample { name: name.into(), labels, value })
}

/// The labels that `text` begins with, up to and without the closing brace, and what follows it.
fn labels(mut text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    loop {
        if let Some(rest) = text.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, rest) = text.split_once("=\"").ok_or("a label without a value")?;
        let (value, rest) = quoted(rest)?;
        if labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("label {name} twice"));
        }
        text = match rest.strip_prefix(',') {
            Some(rest) => rest,
            None if rest.starts_with('}') => rest,
            None => return Err("no comma between labels".into()),
        };
    }
}

/// A label's value up to its closing quote, unescaped, and what follows the quote.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                _ => return Err("a bad escape in a label".into()),
            },
            c => value.push(c),
        }
    }
    Err("a label's value without its end".into())
}

#[cfg(test)]
mod tests;
