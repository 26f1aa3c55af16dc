/* Unit tests, natively: `make test`. */
#include "sandbus.h"

static sandbus_outcome deliver(const char *body) {
    sandbus_test_event event = sandbus_test_event_of("OrderCreated");
    event.value = sandbus_text(body);
    return sandbus_test_deliver(&event);
}

static void orders_are_counted(void) {
    const char *order = "{\"order_id\":\"o-1\",\"total_cents\":4998}";
    sandbus_outcome outcome = deliver(order);
    SANDBUS_EXPECT_ACK(outcome);
    outcome = deliver(order);
    SANDBUS_EXPECT_ACK(outcome);
    SANDBUS_EXPECT(outcome.log_count == 1);
    SANDBUS_EXPECT_TEXT(outcome.logs[0].message, "order o-1 over 4998 cents is number 2");
}

static void a_negative_total_is_a_dead_letter(void) {
    sandbus_outcome outcome = deliver("{\"order_id\":\"o-1\",\"total_cents\":-1}");
    SANDBUS_EXPECT_DEAD_LETTER(outcome, "the total is negative");
}

static void a_bad_body_is_an_error(void) {
    sandbus_outcome outcome = deliver("no JSON");
    SANDBUS_EXPECT_ERROR(outcome, "bad_json");
}

int main(void) {
    SANDBUS_RUN(orders_are_counted);
    SANDBUS_RUN(a_negative_total_is_a_dead_letter);
    SANDBUS_RUN(a_bad_body_is_an_error);
    return sandbus_test_end();
}
