//! Traces: a span for each try, one for each record that leaves, and W3C's headers from broker to broker.
//!
//! A try's ids follow from what it is (its record, its delivery, its number) and a secret of the process. So a guest's
//! log line, the span that is made when the try has ended, and the records that leave after that agree, though nothing
//! is done before a try and nothing is kept of it. A try that is not recorded costs a look at its headers, and with
//! no receiver not even that.

use std::hash::BuildHasher as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use foldhash::quality::RandomState;
use opentelemetry::metrics::Meter;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, IdGenerator as _, RandomIdGenerator, Sampler, SamplingDecision,
    ShouldSample as _, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};

use super::otlp::queue::Queue;
use super::otlp::variables::{Sampling, Variables};
use super::otlp::{Signal, Watched, length};
use super::trace_context::{TRACEPARENT, TRACESTATE, TraceParent};
use crate::delivery::partition::HandlerIndex;
use crate::delivery::ports::{Mark, Ran, Tracer, Tried, Try};
use crate::delivery::verdict::error_type;
use crate::event::{Outgoing, Record};
use crate::sandbox::ports::WebRequest;

/// Characters of an error's message that a span keeps.
const MESSAGE: usize = 1000;

/// Traces of the process.
pub struct Spans {
    secrets: [RandomState; 3],
    sampling: Sampling,
    /// Where spans go. `None`: nowhere; what came with a record is passed on.
    export: Option<Export>,
}

struct Export {
    queue: Arc<Queue>,
    processor: Box<dyn SpanProcessor>,
    scope: InstrumentationScope,
    /// Bytes of an attribute, and of a name.
    longest: usize,
}

/// A try in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its own span.
    pub span: TraceParent,
    /// Where its record comes from.
    pub parent: Option<TraceParent>,
}

impl Attempt {
    /// What follows from it comes from there. An unrecorded try is left out, so that whoever records has a parent that
    /// exists.
    fn told(&self) -> TraceParent {
        match self.parent {
            Some(parent) if !self.span.sampled => TraceParent { sampled: false, ..parent },
            _ => self.span,
        }
    }

    /// Where its log lines belong. `None`: to no trace that anybody could find.
    pub fn shown(&self) -> Option<TraceParent> {
        (self.span.sampled || self.parent.is_some()).then(|| self.told())
    }
}

impl Spans {
    /// Sends spans nowhere.
    pub fn nowhere() -> Spans {
        Spans::sampled(Sampling { parent_based: true, root: Sampler::AlwaysOff }, None)
    }

    /// Sends spans by this exporter.
    pub fn exported(
        exporter: Watched<SpanExporter>,
        variables: &Variables,
        resource: &Resource,
        meter: &Meter,
    ) -> Spans {
        let queue = Queue::new(Signal::Traces, variables.queue("OTEL_BSP_MAX_QUEUE_SIZE"));
        queue.count(meter);
        let config = BatchConfigBuilder::default().with_max_queue_size(queue.room()).build();
        let mut processor = BatchSpanProcessor::builder(exporter.of(&queue)).with_batch_config(config).build();
        processor.set_resource(resource);
        let export = Export::new(queue, Box::new(processor), variables.attribute(Signal::Traces));
        Spans::sampled(variables.sampling(), Some(export))
    }

    fn sampled(sampling: Sampling, export: Option<Export>) -> Spans {
        Spans { secrets: Default::default(), sampling, export }
    }

    /// Exports what is left, within that time.
    ///
    /// # Errors
    /// Where it was not, or not in time.
    pub fn shutdown(&self, within: Duration) -> opentelemetry_sdk::error::OTelSdkResult {
        self.export.as_ref().map_or(Ok(()), |export| export.processor.shutdown_with_timeout(within))
    }

    /// Where a try of a handler stands in its trace.
    pub fn attempt(&self, handler: &str, run: &Try) -> Attempt {
        self.attempt_from(TraceParent::of(&run.event.record), handler, run)
    }

    fn attempt_from(&self, parent: Option<TraceParent>, handler: &str, run: &Try) -> Attempt {
        let trace = parent.map_or_else(|| self.trace_of(&run.event.record), |parent| parent.trace);
        let span = self.span_of(handler, run);
        let sampled = self.export.is_some() && self.samples(parent, trace);
        Attempt { span: TraceParent { trace, span, sampled }, parent }
    }

    /// The same, but only of a try that is recorded, and quickly where it is not.
    fn recorded(&self, handler: &str, run: &Try) -> Option<Attempt> {
        let record = &run.event.record;
        if self.sampling.parent_based && TraceParent::is_unsampled(record) {
            return None;
        }
        let parent = TraceParent::of(record);
        let trace = parent.map_or_else(|| self.trace_of(record), |parent| parent.trace);
        self.samples(parent, trace).then(|| self.attempt_from(parent, handler, run))
    }

    /// What leaves with a try: what it says of where it comes from, its own place, and where its try comes from.
    fn leaving(&self, handler: &str, run: &Try) -> (Option<TraceParent>, Option<Mark>, Option<TraceParent>) {
        let attempt = self.attempt(handler, run);
        let mark = self.export.is_some() && attempt.span.sampled;
        let mark = mark.then(|| Mark {
            trace: attempt.span.trace,
            span: u64::from_be_bytes(RandomIdGenerator::default().new_span_id().to_bytes()),
            parent: attempt.span.span,
        });
        let told = match mark {
            Some(mark) => Some(TraceParent { span: mark.span, ..attempt.span }),
            None if self.export.is_some() => Some(attempt.told()),
            // Nobody decides here: what came is passed on.
            None => attempt.parent,
        };
        (told, mark, attempt.parent)
    }

    /// Where a request of a try comes from, as it says itself, and its place if it is recorded. Nothing without a receiver.
    pub fn requests(&self, handler: &str, run: &Try) -> (Option<TraceParent>, Option<Mark>) {
        if self.export.is_none() {
            return (None, None);
        }
        let (told, mark, _) = self.leaving(handler, run);
        (told, mark)
    }

    /// A guest's request was answered, or was not.
    pub fn answered(&self, handler: &str, mark: Mark, request: &WebRequest<'_>) {
        let Some(export) = self.export.as_ref().filter(|export| export.queue.take()) else { return };
        let server = request.server;
        let mut attributes = vec![
            KeyValue::new("http.request.method", request.method.to_owned()),
            KeyValue::new("server.address", server.host.clone()),
            KeyValue::new("server.port", i64::from(server.port)),
            KeyValue::new("url.full", format!("{server}{}", request.path)),
            KeyValue::new("handler.name", handler.to_owned()),
        ];
        let code = request.ended.unwrap_or_default().to_string();
        let status = match request.ended {
            Ok(answered) => {
                attributes.push(KeyValue::new("http.response.status_code", i64::from(answered)));
                status((answered >= 400).then_some(&*code), "", &mut attributes)
            }
            Err(error) => status(Some(error), "", &mut attributes),
        };
        let span = TraceParent { trace: mark.trace, span: mark.span, sampled: true };
        let to = SystemTime::now();
        let from = to.checked_sub(request.began.elapsed()).unwrap_or(to);
        let parent = Some((mark.parent, false));
        export.span(span, parent, SpanKind::Client, request.method.to_owned(), [from, to], attributes, status);
    }

    fn samples(&self, parent: Option<TraceParent>, trace: u128) -> bool {
        match parent {
            Some(parent) if self.sampling.parent_based => parent.sampled,
            _ => {
                let (trace, kind) = (TraceId::from(trace), SpanKind::Consumer);
                let result = self.sampling.root.should_sample(None, trace, "", &kind, &[], &[]);
                result.decision == SamplingDecision::RecordAndSample
            }
        }
    }

    /// The trace that begins with a record: the same for each of its handlers and tries.
    fn trace_of(&self, record: &Record) -> u128 {
        let [high, low, _] = &self.secrets;
        let place = (&**record.topic(), record.partition(), record.offset());
        let trace = u128::from(high.hash_one(place)) << 64 | u128::from(low.hash_one(place));
        trace.max(1)
    }

    fn span_of(&self, handler: &str, run: &Try) -> u64 {
        let [_, _, secret] = &self.secrets;
        secret.hash_one((handler, run.id, run.attempt)).max(1)
    }
}

/// The traces of one group's handlers.
pub struct GroupTracer {
    spans: Arc<Spans>,
    group: Arc<str>,
    handlers: RwLock<Vec<Arc<str>>>,
}

impl GroupTracer {
    /// For handlers with these names, by their indices.
    pub fn new(spans: Arc<Spans>, group: &str, handlers: Vec<Arc<str>>) -> GroupTracer {
        GroupTracer { spans, group: group.into(), handlers: RwLock::new(handlers) }
    }

    /// One more handler, at the next index.
    pub fn add(&self, name: Arc<str>) {
        self.handlers.write().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    fn name(&self, handler: HandlerIndex) -> Arc<str> {
        let handlers = self.handlers.read().unwrap_or_else(PoisonError::into_inner);
        handlers.get(usize::from(handler)).cloned().unwrap_or_else(|| "".into())
    }

    fn tried(&self, export: &Export, handler: &Arc<str>, tried: &Tried, from: SystemTime, to: SystemTime) {
        let (run, Some(ending)) = (&tried.run, &tried.ending) else { return };
        let Some(attempt) = self.spans.recorded(handler, run) else { return };
        if !export.queue.take() {
            return;
        }
        let (event, record) = (&run.event, &run.event.record);
        let mut attributes = vec![
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.operation.name", "process"),
            KeyValue::new("messaging.operation.type", "process"),
            KeyValue::new("messaging.destination.name", record.topic().clone()),
            KeyValue::new("messaging.destination.partition.id", record.partition().to_string()),
            KeyValue::new("messaging.kafka.offset", record.offset()),
            KeyValue::new("messaging.consumer.group.name", self.group.clone()),
            KeyValue::new("messaging.message.id", event.id().into_owned()),
            KeyValue::new("event.type", event.event_type().to_owned()),
            KeyValue::new("handler.name", handler.clone()),
            KeyValue::new("sandbus.attempt", i64::from(run.attempt)),
            KeyValue::new("sandbus.verdict", ending.name()),
        ];
        let status = status(ending.error_type(), ending.message(), &mut attributes);
        let name = format!("process {}", record.topic());
        export.span(
            attempt.span,
            attempt.parent.map(|parent| (parent.span, true)),
            SpanKind::Consumer,
            name,
            [from, to],
            attributes,
            status,
        );
    }
}

/// The status of a span, and the attribute that names an error. What ended well has none.
fn status(error_type: Option<&str>, message: &str, attributes: &mut Vec<KeyValue>) -> Status {
    let Some(error_type) = error_type else { return Status::Unset };
    attributes.push(KeyValue::new("error.type", error_type.to_owned()));
    Status::error(message.chars().take(MESSAGE).collect::<String>())
}

impl Export {
    fn new(queue: Arc<Queue>, processor: Box<dyn SpanProcessor>, longest: usize) -> Export {
        let scope = InstrumentationScope::builder(super::SCOPE).with_version(env!("CARGO_PKG_VERSION")).build();
        Export { queue, processor, scope, longest }
    }

    /// As long as it may be. What is cut takes no more room than what is left of it.
    fn cut(&self, text: String) -> String {
        match length::cut(&text, self.longest) {
            Some(cut) => cut.to_owned(),
            None => text,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a span, each of another type")]
    fn span(
        &self,
        span: TraceParent,
        parent: Option<(u64, bool)>,
        span_kind: SpanKind,
        name: String,
        [start_time, end_time]: [SystemTime; 2],
        mut attributes: Vec<KeyValue>,
        status: Status,
    ) {
        for attribute in &mut attributes {
            if let Value::String(text) = &attribute.value
                && let Some(cut) = length::cut(text.as_str(), self.longest)
            {
                attribute.value = cut.to_owned().into();
            }
        }
        let (trace, own) = (TraceId::from(span.trace), SpanId::from(span.span));
        let span_context = SpanContext::new(trace, own, TraceFlags::SAMPLED, false, TraceState::default());
        self.processor.on_end(SpanData {
            span_context,
            parent_span_id: parent.map_or(SpanId::INVALID, |(parent, _)| SpanId::from(parent)),
            parent_span_is_remote: parent.is_some_and(|(_, remote)| remote),
            span_kind,
            name: self.cut(name).into(),
            start_time,
            end_time,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

impl Tracer for GroupTracer {
    fn ran(&self, handler: HandlerIndex, ran: &Ran) {
        let Some(export) = &self.spans.export else { return };
        let handler = self.name(handler);
        // The tries of a batch ran one after the other, or share its time as if they had.
        let took: Duration = ran.tried.iter().map(|tried| tried.wall).sum();
        let now = SystemTime::now();
        let mut from = now.checked_sub(ran.ended.elapsed() + took).unwrap_or(now);
        for tried in &ran.tried {
            let to = from + tried.wall;
            self.tried(export, &handler, tried, from, to);
            from = to;
        }
    }

    fn leaves(&self, handler: HandlerIndex, run: &Try, record: &mut Outgoing) -> Option<Mark> {
        let source = &run.event.record;
        let (told, mark, from) = self.spans.leaving(&self.name(handler), run);
        let Some(told) = told else { return mark };
        let own = record.headers.iter().find(|(name, _)| name == TRACEPARENT.as_bytes());
        let own = own.map(|(_, value)| value.as_deref());
        // Copied with all headers of its event it is not the guest's own word.
        let is_copied = self.spans.export.is_some() && own == source.header(TRACEPARENT);
        if own.is_some() && !is_copied {
            return mark;
        }
        record.headers.retain(|(name, _)| name != TRACEPARENT.as_bytes() && name != TRACESTATE.as_bytes());
        record.headers.push((TRACEPARENT.into(), Some(told.to_string().into_bytes())));
        if from.is_some()
            && let Some(state) = source.header(TRACESTATE)
        {
            record.headers.push((TRACESTATE.into(), state.map(<[u8]>::to_vec)));
        }
        mark
    }

    fn gives_up(&self, handler: HandlerIndex, run: &Try) -> Option<Mark> {
        self.spans.export.as_ref()?;
        let attempt = self.spans.recorded(&self.name(handler), run)?;
        let span = RandomIdGenerator::default().new_span_id();
        let span = u64::from_be_bytes(span.to_bytes());
        Some(Mark { trace: attempt.span.trace, span, parent: attempt.span.span })
    }

    fn sent(&self, handler: HandlerIndex, mark: Mark, topic: &Arc<str>, since: Instant, refused: Option<&str>) {
        let Some(export) = self.spans.export.as_ref().filter(|export| export.queue.take()) else { return };
        let mut attributes = vec![
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.operation.name", "send"),
            KeyValue::new("messaging.operation.type", "send"),
            KeyValue::new("messaging.destination.name", topic.clone()),
            KeyValue::new("handler.name", self.name(handler)),
        ];
        let error_type = refused.map(|_| error_type::PUBLISH_REJECTED);
        let status = status(error_type, refused.unwrap_or_default(), &mut attributes);
        let span = TraceParent { trace: mark.trace, span: mark.span, sampled: true };
        let to = SystemTime::now();
        let name = format!("send {topic}");
        export.span(
            span,
            Some((mark.parent, false)),
            SpanKind::Producer,
            name,
            [to.checked_sub(since.elapsed()).unwrap_or(to), to],
            attributes,
            status,
        );
    }
}

#[cfg(test)]
mod tests;
