/* The probe as a whole, event by event. */
#include "probe.h"

static sandbus_test_event probe(sandbus_bytes script) {
    sandbus_test_event event = sandbus_test_event_of("Probed");
    sandbus_test_header(&event, "probe", script);
    return event;
}

static sandbus_outcome run(const char *script) {
    sandbus_test_event event = probe(sandbus_text(script));
    return sandbus_test_deliver(&event);
}

static void without_steps_it_acks(void) {
    sandbus_test_event event = sandbus_test_event_of("Probed");
    sandbus_outcome outcome = sandbus_test_deliver(&event);
    SANDBUS_EXPECT_ACK(outcome);
    event = probe(SANDBUS_ABSENT);
    outcome = sandbus_test_deliver(&event);
    SANDBUS_EXPECT_ACK(outcome);
    outcome = run("");
    SANDBUS_EXPECT_ACK(outcome);
    outcome = run("log:only this");
    SANDBUS_EXPECT_ACK(outcome);
    SANDBUS_EXPECT(sandbus_test_wants("Whatever it is"));
}

static void verdicts_are_as_told(void) {
    sandbus_outcome outcome = run("ack");
    SANDBUS_EXPECT_ACK(outcome);
    outcome = run("skip");
    SANDBUS_EXPECT_SKIP(outcome);
    outcome = run("retry");
    SANDBUS_EXPECT_RETRY(outcome);
    SANDBUS_EXPECT(!outcome.verdict.has_delay);
    outcome = run("retry:1001us");
    SANDBUS_EXPECT_RETRY(outcome);
    SANDBUS_EXPECT(outcome.verdict.has_delay && outcome.verdict.delay_ms == 2);
    outcome = run("retry:0s");
    SANDBUS_EXPECT(outcome.verdict.has_delay && outcome.verdict.delay_ms == 0);
    outcome = run("dead-letter:no: really");
    SANDBUS_EXPECT_DEAD_LETTER(outcome, "no: really");
    outcome = run("dead-letter:");
    SANDBUS_EXPECT_DEAD_LETTER(outcome, "");
    outcome = run("error:boom:it: broke");
    SANDBUS_EXPECT_ERROR(outcome, "boom");
    SANDBUS_EXPECT_TEXT(outcome.verdict.text, "it: broke");
    outcome = run("error::");
    SANDBUS_EXPECT_ERROR(outcome, "");
}

static void steps_run_in_order_and_the_first_verdict_ends_them(void) {
    sandbus_outcome outcome = run("log:one;log:two;skip;log:three;nonsense");
    SANDBUS_EXPECT_SKIP(outcome);
    SANDBUS_EXPECT(outcome.log_count == 2);
    SANDBUS_EXPECT_TEXT(outcome.logs[0].message, "one");
    SANDBUS_EXPECT_TEXT(outcome.logs[1].message, "two");
}

static void a_malformed_step_is_an_error_when_it_is_reached(void) {
    sandbus_outcome outcome = run("log:before;ack; ack");
    SANDBUS_EXPECT_ACK(outcome);
    outcome = run("log:before;sleep:soon;ack");
    SANDBUS_EXPECT_ERROR(outcome, "bad_step");
    SANDBUS_EXPECT_TEXT(outcome.verdict.text, "sleep:soon");
    SANDBUS_EXPECT(outcome.log_count == 1);
    outcome = run("log:a;");
    SANDBUS_EXPECT_ERROR(outcome, "bad_step");
    SANDBUS_EXPECT_TEXT(outcome.verdict.text, "");
    static const char *const malformed[] = {
        " ", "Ack", " ack", "ack ", "ack:", "skip:x", "trap:1", "loop:", "recurse:9", "retry:", "retry:20", "retry:ms",
        "retry:-1ms", "retry:+1ms", "retry:1.5s", "retry:1 s", "retry:1_0ms", "retry:5m",
        "retry:99999999999999999999ms", "retry:18446744073709551615s", "dead-letter", "error", "error:", "error:kind",
        "until", "until:3", "until:3:", "until:x:ack", "until:-1:ack", "until:3:nothing", "until:4294967296:ack",
        "spin", "spin:", "sleep:soon", "alloc", "alloc:", "alloc:x", "alloc:1mib", "alloc:1MB", "alloc:MiB",
        "alloc:4GiB", "alloc:4294967296", "result:-1", "result:1.5MiB", "log-flood", "log-flood:", "log-flood:many",
        "log", "count", "publish", "unknown", "unknown:x", "probe:ack", "gr\xc3\xb6\xc3\x9f"};
    for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
        outcome = run(malformed[i]);
        SANDBUS_EXPECT_ERROR(outcome, "bad_step");
        SANDBUS_EXPECT_TEXT(outcome.verdict.text, malformed[i]);
    }
}

static void a_header_that_is_no_text_is_a_malformed_step(void) {
    sandbus_outcome outcome = run("ack\xff");
    SANDBUS_EXPECT_ERROR(outcome, "bad_step");
    SANDBUS_EXPECT_TEXT(outcome.verdict.text, "ack\xef\xbf\xbd");
}

static void a_nul_is_a_byte_like_any_other(void) {
    sandbus_test_event event = probe((sandbus_bytes){"log:a\0b;no\0pe", 13});
    sandbus_outcome outcome = sandbus_test_deliver(&event);
    SANDBUS_EXPECT_ERROR(outcome, "bad_step");
    SANDBUS_EXPECT(outcome.verdict.text.len == 5 && outcome.logs[0].message.len == 3);
}

static void the_first_of_repeated_headers_counts(void) {
    sandbus_test_event twice = probe(sandbus_text("skip"));
    sandbus_test_header(&twice, "probe", "trap");
    sandbus_outcome outcome = sandbus_test_deliver(&twice);
    SANDBUS_EXPECT_SKIP(outcome);
}

static void until_runs_its_step_in_earlier_attempts_alone(void) {
    sandbus_test_event script = probe(sandbus_text("until:3:retry;until:4:error:late:x:y;ack"));
    sandbus_outcome outcome = sandbus_test_deliver(&script);
    SANDBUS_EXPECT_RETRY(outcome);
    script.attempt = 3;
    outcome = sandbus_test_deliver(&script);
    SANDBUS_EXPECT_ERROR(outcome, "late");
    SANDBUS_EXPECT_TEXT(outcome.verdict.text, "x:y");
    script.attempt = 4;
    outcome = sandbus_test_deliver(&script);
    SANDBUS_EXPECT_ACK(outcome);
    outcome = run("until:2:until:2:log:first;skip");
    SANDBUS_EXPECT_SKIP(outcome);
    SANDBUS_EXPECT_TEXT(outcome.logs[0].message, "first");
}

static void spin_and_sleep_take_their_time(void) {
    static const char *const scripts[] = {"spin:20ms", "sleep:20ms"};
    for (int i = 0; i < 2; i++) {
        uint64_t start = sandbus_now_ns();
        sandbus_outcome outcome = run(scripts[i]);
        SANDBUS_EXPECT_ACK(outcome);
        SANDBUS_EXPECT(sandbus_now_ns() - start >= 20000000);
    }
}

static void trap_ends_the_instance(void) { run("trap;ack"); }
static void what_is_thrown_ends_the_instance(void) { run("throw:it broke;ack"); }

static void recursion_goes_through_every_level(void) {
    uint64_t third = 3, second = (third << 7 | third >> 57) ^ 2, first = (second << 7 | second >> 57) ^ 1;
    SANDBUS_EXPECT(descend(1, 3) == first);
}

static void alloc_result_and_log_flood_are_of_the_size_told(void) {
    sandbus_outcome outcome = run("alloc:16MiB;alloc:0;result:1KiB;trap");
    SANDBUS_EXPECT(outcome.verdict.code == SANDBUS_DEAD_LETTER && outcome.verdict.text.len == 1024);
    outcome = run("log-flood:10;skip");
    SANDBUS_EXPECT(outcome.log_count == 10);
    SANDBUS_EXPECT_TEXT(outcome.logs[9].message, "log-flood 10");
}

static void log_count_and_publish_use_the_imports(void) {
    sandbus_test_grant("copies");
    sandbus_test_event script = probe(sandbus_text("log:hello;count:seen;publish:copies"));
    script.key = sandbus_text("k");
    script.value = sandbus_text("\xff");
    sandbus_test_header(&script, "n", SANDBUS_ABSENT);
    sandbus_outcome outcome = sandbus_test_deliver(&script);
    SANDBUS_EXPECT_ACK(outcome);
    SANDBUS_EXPECT_TEXT(outcome.logs[0].message, "hello");
    SANDBUS_EXPECT(sandbus_test_sum(&outcome, "seen") == 1);
    SANDBUS_EXPECT(outcome.published_count == 1 && outcome.published[0].header_count == 3);
    SANDBUS_EXPECT_TEXT(outcome.published[0].key, "k");
    SANDBUS_EXPECT_TEXT(outcome.published[0].value, "\xff");
    SANDBUS_EXPECT_TEXT(outcome.published[0].headers[2].name, "n");
    SANDBUS_EXPECT_TEXT(outcome.published[0].headers[2].value, SANDBUS_ABSENT);
}

static void a_refused_import_is_an_error_of_its_code(void) {
    sandbus_outcome outcome = run("publish:elsewhere;skip");
    SANDBUS_EXPECT_ERROR(outcome, "denied");
    outcome = run("publish:no topic");
    SANDBUS_EXPECT_ERROR(outcome, "bad_topic");
    outcome = run("count:Not-A-Name");
    SANDBUS_EXPECT_ERROR(outcome, "bad_name");
}

static void results_tell_who_had_the_event(void) {
    static const char *const expected[][2] = {
        {"probe_handler", "first"}, {"probe_topic", "t"},    {"probe_partition", "2"},
        {"probe_offset", "40"},     {"probe_attempt", "3"},  {"probe_instance", NULL},
        {"probe_sequence", "1"},    {"probe_language", "c"}, {"probe_build", "dev"}};
    sandbus_test_config("results", "probe.results");
    sandbus_test_config("name", "first");
    sandbus_test_grant("probe.results");
    sandbus_test_event seen = sandbus_test_event_of("Probed");
    seen.topic = sandbus_text("t");
    seen.partition = 2;
    seen.offset = 40;
    seen.attempt = 3;
    seen.key = sandbus_text("k");
    sandbus_test_header(&seen, "other", "x");
    sandbus_outcome outcome = sandbus_test_deliver(&seen);
    SANDBUS_EXPECT_ACK(outcome);
    SANDBUS_EXPECT(outcome.published_count == 1);
    const sandbus_message *result = &outcome.published[0];
    SANDBUS_EXPECT_TEXT(result->key, "k");
    SANDBUS_EXPECT_TEXT(result->value, SANDBUS_ABSENT);
    SANDBUS_EXPECT(result->header_count == sizeof(expected) / sizeof(*expected));
    for (size_t i = 0; i < result->header_count; i++) {
        SANDBUS_EXPECT_TEXT(result->headers[i].name, expected[i][0]);
        if (expected[i][1] != NULL) SANDBUS_EXPECT_TEXT(result->headers[i].value, expected[i][1]);
    }
    SANDBUS_EXPECT(sandbus_test_header_of(result, "probe_instance").len == 16);
}

static void an_instance_keeps_its_number_and_counts_its_events(void) {
    sandbus_test_config("results", "r");
    sandbus_test_grant("r");
    sandbus_outcome first = run("skip"), second = run("error:a:b");
    SANDBUS_EXPECT(first.sent_count == 1 && first.published_count == 0);
    SANDBUS_EXPECT_TEXT(sandbus_test_header_of(&first.sent[0], "probe_handler"), SANDBUS_ABSENT);
    sandbus_bytes instance = sandbus_test_header_of(&first.sent[0], "probe_instance");
    SANDBUS_EXPECT_TEXT(sandbus_test_header_of(&second.sent[0], "probe_instance"), instance);
    SANDBUS_EXPECT_TEXT(sandbus_test_header_of(&second.sent[0], "probe_sequence"), "2");
    sandbus_test_restart();
    sandbus_outcome third = run("ack");
    SANDBUS_EXPECT(!sandbus_equal(sandbus_test_header_of(&third.sent[0], "probe_instance"), instance));
    SANDBUS_EXPECT_TEXT(sandbus_test_header_of(&third.sent[0], "probe_sequence"), "1");
}

static void a_refused_result_is_an_error_before_any_step(void) {
    sandbus_test_config("results", "r");
    sandbus_outcome outcome = run("log:a;ack");
    SANDBUS_EXPECT_ERROR(outcome, "denied");
    SANDBUS_EXPECT(outcome.log_count == 0);
}

int main(void) {
    SANDBUS_RUN(without_steps_it_acks);
    SANDBUS_RUN(verdicts_are_as_told);
    SANDBUS_RUN(steps_run_in_order_and_the_first_verdict_ends_them);
    SANDBUS_RUN(a_malformed_step_is_an_error_when_it_is_reached);
    SANDBUS_RUN(a_header_that_is_no_text_is_a_malformed_step);
    SANDBUS_RUN(a_nul_is_a_byte_like_any_other);
    SANDBUS_RUN(the_first_of_repeated_headers_counts);
    SANDBUS_RUN(until_runs_its_step_in_earlier_attempts_alone);
    SANDBUS_RUN(spin_and_sleep_take_their_time);
    SANDBUS_RUN_TRAP(trap_ends_the_instance);
    SANDBUS_RUN_TRAP(what_is_thrown_ends_the_instance);
    SANDBUS_RUN(recursion_goes_through_every_level);
    SANDBUS_RUN(alloc_result_and_log_flood_are_of_the_size_told);
    SANDBUS_RUN(log_count_and_publish_use_the_imports);
    SANDBUS_RUN(a_refused_import_is_an_error_of_its_code);
    SANDBUS_RUN(results_tell_who_had_the_event);
    SANDBUS_RUN(an_instance_keeps_its_number_and_counts_its_events);
    SANDBUS_RUN(a_refused_result_is_an_error_before_any_step);
    return sandbus_test_end();
}
