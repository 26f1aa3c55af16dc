use super::*;
use opentelemetry_sdk::trace::Sampler;

fn config(endpoint: Option<&str>, protocol: Option<OtlpProtocol>) -> config::Telemetry {
    config::Telemetry {
        enable_metrics: true,
        enable_tracing: true,
        otlp_endpoint: endpoint.map(str::to_owned),
        otlp_protocol: protocol,
        export_logs: true,
    }
}

fn traces(config: &config::Telemetry, variables: &[(&'static str, &'static str)]) -> Option<Target> {
    Target::of(Signal::Traces, config, &Variables::these(variables))
}

#[test]
fn nothing_is_sent_without_an_address_or_where_the_variables_forbid_it() {
    let (nowhere, here) = (config(None, None), config(Some("http://here:4318"), None));
    assert_eq!(traces(&nowhere, &[]), None);
    assert_eq!(traces(&nowhere, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), None);
    assert_eq!(traces(&nowhere, &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://a")]), None);
    assert_eq!(traces(&here, &[("OTEL_SDK_DISABLED", "True")]), None);
    assert_eq!(traces(&here, &[("OTEL_TRACES_EXPORTER", "none")]), None);
    assert_eq!(traces(&here, &[("OTEL_TRACES_EXPORTER", "console")]), None);
    for allowed in
        [("OTEL_SDK_DISABLED", "false"), ("OTEL_TRACES_EXPORTER", "console, otlp"), ("OTEL_METRICS_EXPORTER", "none")]
    {
        assert!(traces(&here, &[allowed]).is_some(), "{allowed:?}");
    }
    for variable in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
        let target = traces(&nowhere, &[(variable, "http://a:4318")]).unwrap();
        assert_eq!(target.endpoint, None, "the exporter reads it itself");
    }
}

#[test]
fn the_configured_address_goes_first_and_gets_the_signals_path() {
    let variables = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://elsewhere")];
    let endpoint = |signal, address| {
        let target = Target::of(signal, &config(Some(address), None), &Variables::these(&variables));
        target.unwrap().endpoint.unwrap()
    };
    assert_eq!(endpoint(Signal::Traces, "http://a:4318"), "http://a:4318/v1/traces");
    assert_eq!(endpoint(Signal::Metrics, "http://a:4318/"), "http://a:4318/v1/metrics");
    assert_eq!(endpoint(Signal::Logs, "https://a/otlp"), "https://a/otlp/v1/logs");
    assert_eq!(endpoint(Signal::Traces, "http://a:4317"), "http://a:4317", "gRPC has no path");
}

#[test]
fn the_protocol_is_the_configured_one_else_the_variables_else_what_the_port_is_for() {
    use OtlpProtocol::{Grpc, HttpProtobuf};
    let protocol =
        |address, configured, variables: &[_]| traces(&config(Some(address), configured), variables).unwrap().protocol;
    for (address, usual) in [
        ("http://a:4317", Grpc),
        ("http://a:4317/", Grpc),
        ("http://[::1]:4317", Grpc),
        ("http://a:4318", HttpProtobuf),
        ("http://a", HttpProtobuf),
        ("https://a/4317", HttpProtobuf),
    ] {
        assert_eq!(protocol(address, None, &[]), usual, "{address}");
    }
    let http = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    let grpc = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc");
    assert_eq!(protocol("http://a:4317", None, &[http]), HttpProtobuf);
    assert_eq!(protocol("http://a:4318", None, &[http, grpc]), Grpc);
    assert_eq!(protocol("http://a:4318", Some(HttpProtobuf), &[grpc]), HttpProtobuf);
    assert_eq!(protocol("http://a:4317", None, &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]), Grpc);
}

#[test]
fn an_export_has_as_long_as_the_variables_say() {
    let timeout = |variables: &[_]| traces(&config(Some("http://a"), None), variables).unwrap().timeout;
    assert_eq!(timeout(&[]), Duration::from_secs(10));
    let all = ("OTEL_EXPORTER_OTLP_TIMEOUT", "250");
    assert_eq!(timeout(&[all]), Duration::from_millis(250));
    assert_eq!(timeout(&[all, ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1000")]), Duration::from_secs(1));
}

#[test]
fn samplers_are_called_by_their_standard_names() {
    let sampling =
        |name, share| Variables::these(&[("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", share)]).sampling();
    let is = |sampling: variables::Sampling, parent_based, root: &Sampler| {
        assert_eq!((sampling.parent_based, format!("{:?}", sampling.root)), (parent_based, format!("{root:?}")));
    };
    is(sampling("", ""), true, &Sampler::AlwaysOn);
    is(sampling("always_on", ""), false, &Sampler::AlwaysOn);
    is(sampling("parentbased_always_off", ""), true, &Sampler::AlwaysOff);
    is(sampling("traceidratio", "0.25"), false, &Sampler::TraceIdRatioBased(0.25));
    is(sampling("parentbased_traceidratio", "2"), true, &Sampler::TraceIdRatioBased(1.0));
    is(sampling("xray", ""), true, &Sampler::AlwaysOn);
}

#[test]
fn attributes_are_as_long_as_the_variables_say() {
    let limit = |signal, variables: &[_]| Variables::these(variables).attribute(signal);
    let (all, spans) = (("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "20"), ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "30"));
    let logs = ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "40");
    assert_eq!([limit(Signal::Traces, &[]), limit(Signal::Logs, &[spans])], [1024; 2]);
    assert_eq!([limit(Signal::Traces, &[all, logs]), limit(Signal::Logs, &[all, spans])], [20; 2]);
    assert_eq!([limit(Signal::Traces, &[all, spans]), limit(Signal::Logs, &[all, logs])], [30, 40]);
    assert_eq!(limit(Signal::Traces, &[("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "many")]), 1024);
}

#[test]
fn an_export_that_takes_too_long_fails_and_frees_its_place() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let queue = Queue::new(Signal::Traces, 1);
    let watched = Watched {
        exporter: (),
        exports: Exports::new(Signal::Traces),
        timeout: Duration::from_millis(20),
        runtime: runtime.handle().clone(),
        queue: Some(queue.clone()),
    };
    assert!(queue.take());
    // The libraries poll it on threads of their own, where nobody tells the time.
    let elsewhere = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let result = elsewhere.block_on(watched.run(1, std::future::pending()));
    assert!(matches!(result, Err(OTelSdkError::Timeout(_))), "{result:?}");
    assert!(queue.take(), "it is on its way no more");
    let trouble = watched.exports.trouble.lock().unwrap();
    assert!(trouble.said.is_some() && trouble.failures == 0);
}
