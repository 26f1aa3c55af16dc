/* The probe: a handler that does what the header `probe` of each event tells it to do.
 *
 * What the steps are is written in the README of the probe; step.c reads them, run.c carries them out, misbehave.c holds
 * those that no handler should do, results.c reports each event. */
#define SANDBUS_IMPLEMENTATION
#include "sandbus.h"

#include "probe.h"

static sandbus_verdict handle(const sandbus_event *event) {
    /* Before the steps, in every try: only those of an `ack` may ever be seen. */
    if (!results_report(event)) return sandbus_failed();
    sandbus_bytes script = sandbus_event_header(event, "probe");
    if (script.len == 0) return sandbus_ack();
    /* The SDK writes U+FFFD for what is no text. */
    return sandbus_is_utf8(script) ? run_script(script, event) : bad_step(script);
}

SANDBUS_HANDLER(
    .name = "probe-c",
    .version = "0.1.0",
    .events = SANDBUS_EVENTS("*"),
    .create = results_create,
    .handle = handle,
);
