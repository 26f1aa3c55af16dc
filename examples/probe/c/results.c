/* Reports each event to the configured topic, so that each `ack` is seen there. */
#include "probe.h"

/* The build's mark: CFLAGS='-DPROBE_BUILD="..."' when it is built. */
#ifndef PROBE_BUILD
#define PROBE_BUILD "dev"
#endif

static sandbus_bytes topic, handler, instance;
static uint64_t sequence;

bool results_create(void) {
    topic = sandbus_keep(sandbus_config("results"));
    if (topic.at == NULL) return true;
    handler = sandbus_keep(sandbus_config("name"));
    instance = sandbus_keep(sandbus_format("%016llx", (unsigned long long)sandbus_random()));
    sequence = 0;
    return true;
}

static sandbus_bytes number(uint64_t value) { return sandbus_format("%llu", (unsigned long long)value); }

bool results_report(const sandbus_event *event) {
    if (topic.at == NULL) return true;
    sequence++;
    sandbus_message message = sandbus_message_to(topic);
    sandbus_message_key(&message, sandbus_event_key(event));
    sandbus_message_value(&message, sandbus_event_value(event));
    if (handler.at != NULL) sandbus_message_header(&message, "probe_handler", handler);
    sandbus_message_header(&message, "probe_topic", sandbus_event_topic(event));
    sandbus_message_header(&message, "probe_partition", number(sandbus_event_partition(event)));
    sandbus_message_header(&message, "probe_offset", number(sandbus_event_offset(event)));
    sandbus_message_header(&message, "probe_attempt", number(sandbus_event_attempt(event)));
    sandbus_message_header(&message, "probe_instance", instance);
    sandbus_message_header(&message, "probe_sequence", number(sequence));
    sandbus_message_header(&message, "probe_language", "c");
    sandbus_message_header(&message, "probe_build", PROBE_BUILD);
    return sandbus_send(&message);
}
