//! Teaches: headers, as Kafka has them: ordered, repeated, bytes or nothing.
//!
//! Notes who did what, by the headers of every event and never by its body, which it cannot know.
//! Events without a tenant are nobody's business and are skipped.

use sandbus_sdk::metrics::Counter;
use sandbus_sdk::{Event, EventError, Handler, Header, Result, Verdict, log};

const AUDITED: Counter = Counter::new("audited");

/// The audit. It remembers nothing.
#[derive(Default)]
struct Audit;

impl Handler for Audit {
    const EVENTS: &'static [&'static str] = &["*"];

    fn handle(&mut self, event: &Event) -> Result {
        let Some(tenant) = event.first_header("tenant_id") else {
            return Ok(Verdict::Skip);
        };
        let tenant = tenant.text()?;
        let actor = event.header("actor_id").unwrap_or("nobody");
        let tags: Vec<&str> = event.headers_named("tag").map(|tag| tag.text()).collect::<Result<_, EventError>>()?;
        let signature = event.first_header("signature").and_then(|header| fingerprint(&header));
        log::debug!(
            "{tenant}: {} by {actor}, tags [{}], signature {}, {} headers, id {}",
            event.event_type(),
            tags.join(", "),
            signature.as_deref().unwrap_or("none"),
            event.headers().len(),
            event.id()
        );
        AUDITED.add(1, &[("tenant", tenant)])?;
        Ok(Verdict::Ack)
    }
}

/// The first four bytes of a binary header, for people to compare.
fn fingerprint(header: &Header<'_>) -> Option<String> {
    let first = header.value()?.iter().take(4);
    Some(first.map(|byte| format!("{byte:02x}")).collect())
}

sandbus_sdk::export!(Audit);

#[cfg(test)]
mod tests;
