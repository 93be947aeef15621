//! Traces: the spans of each frame that became an alert, sent over OTLP once the alert is durable.
//!
//! Spans are made after the fact, from the times of the steps, so that a frame that becomes nothing costs nothing.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Context, KeyValue, SpanId, TraceId,
    trace::{SpanKind, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{IdGenerator, RandomIdGenerator, SdkTracer, SdkTracerProvider},
};
use parapet_actors::store::{AlertObserver, Timeline};
use parapet_contracts::{Alert, Clock, SiteId, Timestamp};
use parking_lot::Mutex;

/// How long the last spans may take when the process ends.
const LAST_SPANS: Duration = Duration::from_secs(3);

/// Sends traces, when a collector is named.
pub struct AlertTraces {
    clock: Arc<dyn Clock>,
    export: Option<Export>,
}

struct Export {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    next: NextTrace,
}

/// Gives the root span the trace id that the alert already has.
#[derive(Debug, Clone, Default)]
struct NextTrace(Arc<Mutex<Option<TraceId>>>);

impl IdGenerator for NextTrace {
    fn new_trace_id(&self) -> TraceId {
        self.0.lock().take().unwrap_or_else(|| RandomIdGenerator::default().new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        RandomIdGenerator::default().new_span_id()
    }
}

impl AlertTraces {
    /// Traces to the collector at `endpoint`, `http://host:4318`; `None` sends nothing.
    ///
    /// # Errors
    /// When the exporter can't be made.
    pub fn new(endpoint: Option<&str>, site: &SiteId, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let export = endpoint.map(|endpoint| Export::new(endpoint, site)).transpose()?;
        Ok(Self { clock, export })
    }

    /// Sends what waits. Blocks for a few seconds at most.
    pub fn finish(&self) {
        if let Some(export) = &self.export
            && let Err(error) = export.provider.shutdown_with_timeout(LAST_SPANS)
        {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

impl Export {
    fn new(endpoint: &str, site: &SiteId) -> anyhow::Result<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .build()?;
        let resource = Resource::builder()
            .with_service_name("parapet")
            .with_attribute(KeyValue::new("parapet.site", site.to_string()))
            .build();
        let next = NextTrace::default();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_id_generator(next.clone())
            .with_resource(resource)
            .build();
        Ok(Self { tracer: provider.tracer("parapet"), provider, next })
    }

    fn send(&self, alert: &Alert, timeline: &Timeline, wall: impl Fn(Duration) -> SystemTime) {
        let Some(Ok(trace)) = alert.trace_id.as_deref().map(TraceId::from_hex) else { return };
        let captured = system_time(alert.ts);
        let steps = timeline.steps;
        *self.next.0.lock() = Some(trace);
        let root = self
            .tracer
            .span_builder("alert")
            .with_kind(SpanKind::Consumer)
            .with_start_time(captured.min(wall(steps.decoded)))
            .with_attributes([
                KeyValue::new("parapet.alert", alert.id.to_string()),
                KeyValue::new("parapet.camera", alert.camera.as_ref().map(ToString::to_string).unwrap_or_default()),
                KeyValue::new("parapet.rule", alert.rule.to_string()),
                KeyValue::new("parapet.model", alert.model.as_ref().map(ToString::to_string).unwrap_or_default()),
                KeyValue::new("parapet.frame", i64::try_from(alert.frame.unwrap_or_default()).unwrap_or(i64::MAX)),
            ])
            .start_with_context(&self.tracer, &Context::new());
        let context = Context::new().with_span(root);
        let span = |name, from: SystemTime, to| {
            let span = self.tracer.span_builder(name).with_start_time(from).start_with_context(&self.tracer, &context);
            opentelemetry::trace::Span::end_with_timestamp(&mut { span }, to);
        };
        span("capture to decoded", captured.min(wall(steps.decoded)), wall(steps.decoded));
        span("wait for a slot", wall(steps.decoded), wall(steps.taken));
        span("inference", wall(steps.taken), wall(steps.inferred));
        span("rule", wall(steps.inferred), wall(timeline.raised));
        span("evidence", wall(timeline.raised), wall(timeline.evidence));
        span("commit", wall(timeline.evidence), wall(timeline.durable));
        context.span().end_with_timestamp(wall(timeline.durable));
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    let since_epoch = at.as_duration();
    if since_epoch.is_negative() {
        SystemTime::UNIX_EPOCH - since_epoch.unsigned_abs()
    } else {
        SystemTime::UNIX_EPOCH + since_epoch.unsigned_abs()
    }
}

impl AlertObserver for AlertTraces {
    fn durable(&self, alert: &Alert, timeline: &Timeline) {
        if let Some(export) = &self.export {
            let (now, monotonic) = (system_time(self.clock.now()), self.clock.monotonic());
            export.send(alert, timeline, |at| now.checked_sub(monotonic.saturating_sub(at)).unwrap_or(now));
        }
    }
}
