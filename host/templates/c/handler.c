/* A handler: keeps an eye on orders, and turns away those that cannot be right.
 *
 * What a handler can do besides stands in .sandbus/guest-sdk/c/README.md. */
#define SANDBUS_IMPLEMENTATION
#include "sandbus.h"

#include <inttypes.h>

/* Lives as long as the sandbox instance: good for a cache, not for what must last. */
static uint64_t seen;

static sandbus_verdict handle(const sandbus_event *event) {
    sandbus_json order;
    sandbus_bytes order_id;
    int64_t total_cents;

    /* The body may have more fields than these. */
    if (!sandbus_event_json(event, &order) || !sandbus_json_text(order, "order_id", &order_id) ||
        !sandbus_json_integer(order, "total_cents", &total_cents)) {
        /* An error is tried again as configured; then the event goes to the dead letters. */
        return sandbus_failed();
    }
    if (total_cents < 0) {
        /* No later try would end better. */
        return sandbus_dead_letter("the total is negative");
    }
    seen++;
    sandbus_log_info("order %.*s over %" PRId64 " cents is number %" PRIu64, SANDBUS_ARG(order_id), total_cents, seen);
    return sandbus_ack();
}

SANDBUS_HANDLER(
    .name = "{{name}}",
    .version = "0.1.0",
    /* The event types that it wants; `*` is any run of characters. */
    .events = SANDBUS_EVENTS("OrderCreated"),
    .handle = handle,
);
