/* What a handler reads, says and calls, event by event. */
#define SANDBUS_IMPLEMENTATION
#include "sandbus.h"

#include <math.h>

/* The body of the test's handler. */
static sandbus_verdict (*work)(const sandbus_event *event);

static sandbus_verdict handle(const sandbus_event *event) { return work(event); }

SANDBUS_HANDLER(.name = "sdk", .events = SANDBUS_EVENTS("A", "B*", "*C*D"), .handle = handle);

static sandbus_outcome deliver(sandbus_test_event event, sandbus_verdict (*body)(const sandbus_event *)) {
    work = body;
    return sandbus_test_deliver(&event);
}

static sandbus_test_event plain(void) { return sandbus_test_event_of("A"); }

/* --- the event --- */

static sandbus_verdict reads_all(const sandbus_event *event) {
    uint64_t millis = 0;
    SANDBUS_EXPECT_TEXT(sandbus_event_topic(event), "t");
    SANDBUS_EXPECT(sandbus_event_partition(event) == 3 && sandbus_event_offset(event) == 9);
    SANDBUS_EXPECT(sandbus_event_timestamp(event, &millis) && millis == 1500);
    SANDBUS_EXPECT_TEXT(sandbus_event_id(event), "e-1");
    SANDBUS_EXPECT_TEXT(sandbus_event_type(event), "A");
    SANDBUS_EXPECT(sandbus_event_attempt(event) == 2);
    SANDBUS_EXPECT_TEXT(sandbus_event_key(event), "");
    SANDBUS_EXPECT_TEXT(sandbus_event_value(event), SANDBUS_ABSENT);
    return sandbus_ack();
}

static void an_event_has_what_it_was_given(void) {
    sandbus_test_event event = plain();
    event.topic = sandbus_text("t");
    event.partition = 3;
    event.offset = 9;
    event.timestamp = 1500;
    event.id = sandbus_text("e-1");
    event.attempt = 2;
    event.key = sandbus_text("");
    sandbus_outcome outcome = deliver(event, reads_all);
    SANDBUS_EXPECT_ACK(outcome);
}

static sandbus_verdict tells_its_id(const sandbus_event *event) {
    return sandbus_dead_letter("%.*s", SANDBUS_ARG(sandbus_event_id(event)));
}

static void offsets_follow_each_other(void) {
    sandbus_test_event event = plain();
    sandbus_outcome outcome = deliver(event, tells_its_id);
    SANDBUS_EXPECT_DEAD_LETTER(outcome, "events.stream/0/0");
    event.offset = 7;
    outcome = deliver(event, tells_its_id);
    event.offset = -1;
    outcome = deliver(event, tells_its_id);
    SANDBUS_EXPECT_DEAD_LETTER(outcome, "events.stream/0/8");
}

static sandbus_verdict reads_headers(const sandbus_event *event) {
    static const char *const tags[] = {"first", NULL, "last"};
    size_t cursor = 0, found = 0;
    sandbus_header header;
    sandbus_bytes text;
    SANDBUS_EXPECT(sandbus_event_header_count(event) == 5);
    SANDBUS_EXPECT_TEXT(sandbus_event_header_at(event, 0).name, "event_type");
    while (sandbus_event_next_header(event, "tag", &cursor, &header)) SANDBUS_EXPECT_TEXT(header.value, tags[found++]);
    SANDBUS_EXPECT(found == 3);
    SANDBUS_EXPECT_TEXT(sandbus_event_header(event, "tag"), "first");
    SANDBUS_EXPECT_TEXT(sandbus_event_header(event, "Tag"), SANDBUS_ABSENT);
    SANDBUS_EXPECT(sandbus_event_header_text(event, "tag", &text));
    SANDBUS_EXPECT(!sandbus_event_header_text(event, "none", &text));
    SANDBUS_EXPECT_TEXT(sandbus_failure(), "missing_header");
    SANDBUS_EXPECT(!sandbus_event_header_text(event, "signature", &text));
    return sandbus_failed();
}

static void headers_keep_order_and_repeats(void) {
    sandbus_test_event event = plain();
    sandbus_test_header(&event, "tag", "first");
    sandbus_test_header(&event, "signature", "\xff");
    sandbus_test_header(&event, "tag", SANDBUS_ABSENT);
    sandbus_test_header(&event, "tag", "last");
    sandbus_outcome outcome = deliver(event, reads_headers);
    SANDBUS_EXPECT_ERROR(outcome, "bad_header");
    SANDBUS_EXPECT_TEXT(outcome.verdict.text, "the header \"signature\" is not text: it is not UTF-8");
}

static sandbus_verdict wants_texts(const sandbus_event *event) {
    sandbus_bytes text;
    if (!sandbus_event_key_text(event, &text) || !sandbus_event_text(event, &text)) return sandbus_failed();
    return sandbus_ack();
}

static void a_missing_text_differs_from_a_bad_one(void) {
    sandbus_test_event event = plain();
    sandbus_outcome outcome = deliver(event, wants_texts);
    SANDBUS_EXPECT_ERROR(outcome, "missing_key");
    event.key = sandbus_text("\xff");
    outcome = deliver(event, wants_texts);
    SANDBUS_EXPECT_ERROR(outcome, "bad_key");
    event.key = sandbus_text("");
    outcome = deliver(event, wants_texts);
    SANDBUS_EXPECT_ERROR(outcome, "tombstone");
    SANDBUS_EXPECT_TEXT(outcome.verdict.text, "the event has no value (a tombstone)");
    event.value = sandbus_text("\xc3(");
    outcome = deliver(event, wants_texts);
    SANDBUS_EXPECT_ERROR(outcome, "bad_text");
    event.value = sandbus_text("\xc3\xbc");
    outcome = deliver(event, wants_texts);
    SANDBUS_EXPECT_ACK(outcome);
}

static void wants_follows_the_patterns(void) {
    SANDBUS_EXPECT(sandbus_test_wants("A") && sandbus_test_wants("B") && sandbus_test_wants("Bug"));
    SANDBUS_EXPECT(!sandbus_test_wants("a") && !sandbus_test_wants("AB") && !sandbus_test_wants(""));
    SANDBUS_EXPECT(sandbus_test_wants("xCyD") && sandbus_test_wants("CD") && !sandbus_test_wants("CDx"));
}

/* --- text for the host --- */

static sandbus_verdict says_what_is_no_text(const sandbus_event *event) {
    (void)event;
    sandbus_log_warn("a%c%s", '\xff', "b\xe2\x82");
    return sandbus_error("kind\xed\xa0\x80", "%s", "\xf0\x90\x80z");
}

static void what_is_no_text_is_replaced(void) {
    sandbus_outcome outcome = deliver(plain(), says_what_is_no_text);
    SANDBUS_EXPECT_TEXT(outcome.logs[0].message, "a\xef\xbf\xbd" "b\xef\xbf\xbd");
    SANDBUS_EXPECT_TEXT(outcome.verdict.kind, "kind\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    SANDBUS_EXPECT_TEXT(outcome.verdict.text, "\xef\xbf\xbdz");
}

static void utf8_is_what_unicode_says(void) {
    static const char *const good[] = {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                                       "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2" "a", "\xe0\x9f\xbf", "\xed\xa0\x80",
                                      "\xef\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) SANDBUS_EXPECT(sandbus_is_utf8(sandbus_text(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) SANDBUS_EXPECT(!sandbus_is_utf8(sandbus_text(bad[i])));
}

static sandbus_verdict chats(const sandbus_event *event) {
    sandbus_log_trace("plain");
    sandbus_log_debug("%%");
    sandbus_log_info("%.*s at %u", SANDBUS_ARG(sandbus_event_type(event)), sandbus_event_attempt(event));
    sandbus_log(SANDBUS_LEVEL_WARN, sandbus_event_key(event));
    sandbus_log_error("%s", "last");
    return sandbus_skip();
}

static void lines_keep_level_and_order(void) {
    static const char *const lines[] = {"plain", "%", "A at 1", "", "last"};
    sandbus_outcome outcome = deliver(plain(), chats);
    SANDBUS_EXPECT_SKIP(outcome);
    SANDBUS_EXPECT(outcome.log_count == 5);
    for (int i = 0; i < 5; i++) {
        SANDBUS_EXPECT((int)outcome.logs[i].level == i);
        SANDBUS_EXPECT_TEXT(outcome.logs[i].message, lines[i]);
    }
}

/* --- memory --- */

static sandbus_verdict takes_much(const sandbus_event *event) {
    (void)event;
    char *first = sandbus_alloc(10), *before = first;
    memset(first, 'a', 10);
    for (size_t size = 1; size < 200000; size = size * 3 / 2 + 1) {
        char *next = sandbus_alloc(size);
        SANDBUS_EXPECT(next != before && (uintptr_t)next % 16 == 0);
        memset(next, 'b', size);
        before = next;
    }
    for (int i = 0; i < 10; i++) SANDBUS_EXPECT(first[i] == 'a');
    return sandbus_ack();
}

static void memory_is_there_until_the_try_ends(void) {
    for (int i = 0; i < 3; i++) {
        sandbus_outcome outcome = deliver(plain(), takes_much);
        SANDBUS_EXPECT_ACK(outcome);
        SANDBUS_EXPECT(sandbus_blocks == NULL || (sandbus_blocks->before == NULL && sandbus_blocks->used == 0));
    }
}

static sandbus_verdict returns_nothing(const sandbus_event *event) {
    (void)event;
    return (sandbus_verdict){0};
}

static void a_verdict_that_is_none_is_an_error(void) {
    sandbus_outcome outcome = deliver(plain(), returns_nothing);
    SANDBUS_EXPECT_ERROR(outcome, "bad_verdict");
}

static sandbus_verdict fails_by_itself(const sandbus_event *event) {
    if (sandbus_event_attempt(event) == 1) sandbus_fail("no_such_order", "order %d", 7);
    return sandbus_failed();
}

static void failures_are_of_one_try(void) {
    sandbus_test_event event = plain();
    sandbus_outcome outcome = deliver(event, fails_by_itself);
    SANDBUS_EXPECT_ERROR(outcome, "no_such_order");
    SANDBUS_EXPECT_TEXT(outcome.verdict.text, "order 7");
    event.attempt = 2;
    outcome = deliver(event, fails_by_itself);
    SANDBUS_EXPECT_ERROR(outcome, "failed");
}

static sandbus_verdict traps_(const sandbus_event *event) {
    (void)event;
    sandbus_trap("must not be");
}

static void a_trap_ends_the_instance(void) { deliver(plain(), traps_); }

/* --- imports --- */

static sandbus_verdict reads_config(const sandbus_event *event) {
    int64_t limit = 5, absent = 5;
    sandbus_bytes name;
    size_t count;
    (void)event;
    if (!sandbus_config_integer("limit", &limit) || !sandbus_config_integer("none", &absent) ||
        !sandbus_config_require("name", &name))
        return sandbus_failed();
    SANDBUS_EXPECT(limit == -7 && absent == 5);
    SANDBUS_EXPECT_TEXT(sandbus_config("empty"), "");
    SANDBUS_EXPECT_TEXT(sandbus_config("none"), SANDBUS_ABSENT);
    const sandbus_attribute *entries = sandbus_config_entries(&count);
    SANDBUS_EXPECT(count == 3);
    SANDBUS_EXPECT_TEXT(entries[1].key, "limit");
    SANDBUS_EXPECT_TEXT(entries[2].value, "n");
    return sandbus_ack();
}

static void configuration_is_read_as_asked(void) {
    sandbus_test_config("name", "n");
    sandbus_test_config("limit", "-7");
    sandbus_test_config("empty", "");
    sandbus_outcome outcome = deliver(plain(), reads_config);
    SANDBUS_EXPECT_ACK(outcome);
}

static void errors_name_the_key_and_not_the_value(void) {
    sandbus_outcome outcome = deliver(plain(), reads_config);
    SANDBUS_EXPECT_ERROR(outcome, "missing_config");
    SANDBUS_EXPECT_TEXT(outcome.verdict.text, "set \"name\" in [handler.config]");
    sandbus_test_config("limit", "9223372036854775808");
    outcome = deliver(plain(), reads_config);
    SANDBUS_EXPECT_ERROR(outcome, "bad_config");
    SANDBUS_EXPECT_TEXT(outcome.verdict.text, "\"limit\" in [handler.config] is no integer of 64 bits");
}

static sandbus_verdict publishes(const sandbus_event *event) {
    sandbus_message copy = sandbus_forward(event, "copies"), made = sandbus_message_to("made");
    sandbus_message_key(&made, "k");
    for (int i = 0; i < 20; i++) sandbus_message_header(&made, sandbus_format("h%d", i), sandbus_format("%d", i));
    sandbus_message_header(&made, "none", SANDBUS_ABSENT);
    if (!sandbus_send(&copy) || !sandbus_send(&made)) return sandbus_failed();
    return sandbus_event_attempt(event) == 1 ? sandbus_ack() : sandbus_skip();
}

static void messages_arrive_as_they_were_built(void) {
    sandbus_test_event event = plain();
    sandbus_test_grant("c*");
    sandbus_outcome outcome = deliver(event, publishes);
    SANDBUS_EXPECT_ERROR(outcome, "denied");
    SANDBUS_EXPECT(outcome.sent_count == 1 && outcome.published_count == 0);
    sandbus_test_grant("made");
    event.value = sandbus_text("v");
    sandbus_test_header(&event, "h", SANDBUS_ABSENT);
    outcome = deliver(event, publishes);
    SANDBUS_EXPECT(outcome.published_count == 2);
    const sandbus_message *copy = &outcome.published[0], *made = &outcome.published[1];
    SANDBUS_EXPECT_TEXT(copy->key, SANDBUS_ABSENT);
    SANDBUS_EXPECT_TEXT(copy->value, "v");
    SANDBUS_EXPECT(copy->header_count == 2);
    SANDBUS_EXPECT_TEXT(copy->headers[1].value, SANDBUS_ABSENT);
    SANDBUS_EXPECT_TEXT(made->value, SANDBUS_ABSENT);
    SANDBUS_EXPECT(made->header_count == 21);
    SANDBUS_EXPECT_TEXT(sandbus_test_header_of(made, "h19"), "19");
    event.attempt = 2;
    outcome = deliver(event, publishes);
    SANDBUS_EXPECT(outcome.sent_count == 2 && outcome.published_count == 0);
}

static sandbus_verdict names_what_is_no_name(const sandbus_event *event) {
    sandbus_bytes key = sandbus_event_key(event);
    sandbus_message message = sandbus_message_to(key.len == 1 ? key : sandbus_text("t"));
    sandbus_message_header(&message, key, "");
    if (!sandbus_send(&message)) return sandbus_failed();
    return sandbus_ack();
}

static void names_that_are_no_text_are_refused(void) {
    sandbus_test_event event = plain();
    sandbus_test_grant("*");
    event.key = sandbus_text("\xff");
    sandbus_outcome outcome = deliver(event, names_what_is_no_name);
    SANDBUS_EXPECT_ERROR(outcome, "bad_topic");
    event.key = sandbus_text("ab\xff");
    outcome = deliver(event, names_what_is_no_name);
    SANDBUS_EXPECT_ERROR(outcome, "bad_header");
}

static sandbus_verdict measures(const sandbus_event *event) {
    if (!sandbus_counter_add("seen", 2, SANDBUS_ATTRIBUTES(sandbus_attribute("lang", "c"))) ||
        !sandbus_counter_add("seen", 1, SANDBUS_NO_ATTRIBUTES) ||
        !sandbus_histogram_record("size", 0.5, SANDBUS_NO_ATTRIBUTES) ||
        !sandbus_updown_add("open", -3, SANDBUS_NO_ATTRIBUTES))
        return sandbus_failed();
    if (!sandbus_histogram_record(sandbus_event_key(event), sandbus_event_attempt(event) == 1 ? 1.0 : (double)INFINITY,
                                  SANDBUS_ATTRIBUTES(sandbus_attribute("k", "1"), sandbus_attribute("j", "2"))))
        return sandbus_failed();
    if (!sandbus_counter_add("a", 1, SANDBUS_ATTRIBUTES(sandbus_attribute("k", "1"), sandbus_attribute("k", "2"))))
        return sandbus_failed();
    return sandbus_ack();
}

static void metrics_are_recorded_or_refused_by_their_code(void) {
    static const char *const bad[] = {"", "Upper", "dash-ed", "1st", "orders_total", "\xff"};
    sandbus_test_event event = plain();
    sandbus_outcome outcome;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        event.key = sandbus_text(bad[i]);
        outcome = deliver(event, measures);
        SANDBUS_EXPECT_ERROR(outcome, "bad_name");
        SANDBUS_EXPECT(sandbus_test_sum(&outcome, "seen") == 3 && sandbus_test_sum(&outcome, "open") == -3);
        SANDBUS_EXPECT(sandbus_test_sum(&outcome, "size") == 0.5);
        SANDBUS_EXPECT_TEXT(outcome.measurements[0].attributes[0].value, "c");
    }
    event.key = sandbus_text("good");
    outcome = deliver(event, measures);
    SANDBUS_EXPECT_ERROR(outcome, "bad_attribute");
    event.attempt = 2;
    outcome = deliver(event, measures);
    SANDBUS_EXPECT_ERROR(outcome, "bad_value");
}

static void clocks_and_random_are_real(void) {
    uint64_t start = sandbus_now_ns(), year_2020 = 1577836800000, year_2100 = 4102444800000;
    sandbus_sleep_ns(5000000);
    SANDBUS_EXPECT(sandbus_now_ns() - start >= 5000000);
    SANDBUS_EXPECT(sandbus_unix_time_ms() > year_2020 && sandbus_unix_time_ms() < year_2100);
    SANDBUS_EXPECT(sandbus_random() != sandbus_random());
}

/* --- the typed way --- */

static void the_typed_way_gives_the_same_verdicts(void) {
    sandbus_wit_header header = {{"tag", 3}, {1, {"x", 1}}};
    sandbus_wit_event event = {0};
    event.topic = event.event_type = sandbus_text("t");
    event.id = sandbus_text("t/0/5");
    event.offset = 5;
    event.headers.at = &header;
    event.headers.len = 1;
    work = tells_its_id;
    const sandbus_wit_result_verdict_error *result = sandbus_wit_typed_handle(&event);
    SANDBUS_EXPECT(!result->failed && result->of.ok.tag == 3);
    SANDBUS_EXPECT_TEXT(result->of.ok.of.dead_letter, "t/0/5");
    sandbus_wit_typed_handle_done(result);
    work = wants_texts;
    result = sandbus_wit_typed_handle(&event);
    SANDBUS_EXPECT(result->failed);
    SANDBUS_EXPECT_TEXT(result->of.err.kind, "missing_key");
    sandbus_wit_typed_handle_done(result);
}

static void it_describes_itself(void) {
    const sandbus_wit_description *description = sandbus_wit_descriptor_describe();
    SANDBUS_EXPECT(description->events.len == 3 && description->attributes.len == 3);
    SANDBUS_EXPECT_TEXT(description->events.at[1], "B*");
    SANDBUS_EXPECT_TEXT(description->attributes.at[0].part_1, "sandbus-sdk-c 0.1.0");
    SANDBUS_EXPECT_TEXT(description->attributes.at[2].part_1, "sdk");
    sandbus_wit_descriptor_describe_done(description);
}

int main(void) {
    SANDBUS_RUN(an_event_has_what_it_was_given);
    SANDBUS_RUN(offsets_follow_each_other);
    SANDBUS_RUN(headers_keep_order_and_repeats);
    SANDBUS_RUN(a_missing_text_differs_from_a_bad_one);
    SANDBUS_RUN(wants_follows_the_patterns);
    SANDBUS_RUN(what_is_no_text_is_replaced);
    SANDBUS_RUN(utf8_is_what_unicode_says);
    SANDBUS_RUN(lines_keep_level_and_order);
    SANDBUS_RUN(memory_is_there_until_the_try_ends);
    SANDBUS_RUN(a_verdict_that_is_none_is_an_error);
    SANDBUS_RUN(failures_are_of_one_try);
    SANDBUS_RUN_TRAP(a_trap_ends_the_instance);
    SANDBUS_RUN(configuration_is_read_as_asked);
    SANDBUS_RUN(errors_name_the_key_and_not_the_value);
    SANDBUS_RUN(messages_arrive_as_they_were_built);
    SANDBUS_RUN(names_that_are_no_text_are_refused);
    SANDBUS_RUN(metrics_are_recorded_or_refused_by_their_code);
    SANDBUS_RUN(clocks_and_random_are_real);
    SANDBUS_RUN(the_typed_way_gives_the_same_verdicts);
    SANDBUS_RUN(it_describes_itself);
    return sandbus_test_end();
}
