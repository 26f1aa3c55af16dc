/* The same as typed.wat and packed.wat, by an SDK of 0.1.0: the header beside it, as it was released. */
#define SANDBUS_IMPLEMENTATION
#include "sandbus.h"

static sandbus_verdict ended(sandbus_bytes type) {
    if (sandbus_equal(type, "Ack")) return sandbus_ack();
    if (sandbus_equal(type, "Skip")) return sandbus_skip();
    if (sandbus_equal(type, "Retry")) return sandbus_retry_after(250);
    if (sandbus_equal(type, "DeadLetter")) return sandbus_dead_letter("no use");
    if (sandbus_equal(type, "Error")) return sandbus_error("Broken", "it broke");
    __builtin_trap();
}

static sandbus_verdict handle(const sandbus_event *event) {
    sandbus_bytes topic, type = sandbus_event_type(event);
    sandbus_log_info("%.*s", SANDBUS_ARG(type));
    if (!sandbus_counter_add("kept", 1, SANDBUS_NO_ATTRIBUTES)) return sandbus_failed();
    if (!sandbus_config_require("topic", &topic)) return sandbus_failed();
    sandbus_message message = sandbus_forward(event, topic);
    if (!sandbus_send(&message)) return sandbus_failed();
    return ended(type);
}

SANDBUS_HANDLER(.name = "kept", .version = "0.1.0", .events = SANDBUS_EVENTS("*"), .handle = handle);
