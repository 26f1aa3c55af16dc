/* Proves the reader and the writer by the test vectors of docs/packed-frame.md, and what happens between them by
 * handlers that are given frames. The document is the program's argument. */
#define _POSIX_C_SOURCE 200809L
#define SANDBUS_IMPLEMENTATION
#include "sandbus.h"

#include <setjmp.h>
#include <signal.h>

/* --- the document --- */

static const char *document;

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    char *text = calloc(1, 1 << 20);
    if (text == NULL || fread(text, 1, (1 << 20) - 1, file) == 0) exit(1);
    fclose(file);
    return text;
}

/* The block of this language in the section of this vector. */
static sandbus_bytes block(const char *name, const char *language) {
    const char *section = strstr(document, sandbus_string(sandbus_format("\n### %s", name)));
    SANDBUS_EXPECT(section != NULL);
    const char *begin = strstr(section, sandbus_string(sandbus_format("```%s\n", language)));
    SANDBUS_EXPECT(begin != NULL);
    begin = strchr(begin, '\n') + 1;
    const char *end = strstr(begin, "```");
    SANDBUS_EXPECT(end != NULL);
    return (sandbus_bytes){begin, (size_t)(end - begin)};
}

/* Hex digits by the byte; what follows `;` is for people. Exactly as long as it is, so that a sanitizer sees its end. */
static sandbus_bytes vector(const char *name) {
    sandbus_bytes hex = block(name, "hex");
    char *bytes = malloc(hex.len);
    size_t len = 0;
    for (const char *at = hex.at; bytes != NULL && at < hex.at + hex.len;) {
        if (*at == ';') at = strchr(at, '\n');
        if (*at == ' ' || *at == '\n') {
            at++;
            continue;
        }
        bytes[len++] = (char)strtoul(sandbus_string((sandbus_bytes){at, 2}), NULL, 16);
        at += 2;
    }
    bytes = realloc(bytes, len);
    return (sandbus_bytes){bytes, len};
}

/* --- what a handler sees, in the words of the document --- */

static char shown[8192];

static void show(const char *format, ...) SANDBUS_PRINTF(1, 2);
static void show(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t len = strlen(shown);
    vsnprintf(shown + len, sizeof(shown) - len, format, arguments);
    va_end(arguments);
}

static void show_bytes(sandbus_bytes bytes) {
    bool plain = true;
    for (size_t i = 0; i < bytes.len; i++) plain &= bytes.at[i] >= ' ' && bytes.at[i] <= '~';
    if (bytes.at == NULL) show("absent");
    else if (bytes.len == 0) show("empty");
    else if (plain) show("\"%.*s\"", SANDBUS_ARG(bytes));
    else
        for (size_t i = 0; i < bytes.len; i++) show("%s %02x", i == 0 ? "bytes" : "", (unsigned char)bytes.at[i]);
    show("\n");
}

static void show_event(const sandbus_event *event) {
    sandbus_bytes topic = sandbus_event_topic(event), type = sandbus_event_type(event), id = sandbus_event_id(event);
    uint64_t millis;
    show("lane %u, attempt %u\n  topic \"%.*s\", partition %u, offset %llu, timestamp ", sandbus_load32(event->record),
         sandbus_event_attempt(event), SANDBUS_ARG(topic), sandbus_event_partition(event),
         (unsigned long long)sandbus_event_offset(event));
    if (sandbus_event_timestamp(event, &millis)) show("%llu\n", (unsigned long long)millis);
    else show("absent\n");
    show("  type \"%.*s\"\n  id \"%.*s\"\n  key ", SANDBUS_ARG(type), SANDBUS_ARG(id));
    show_bytes(sandbus_event_key(event));
    show("  value ");
    show_bytes(sandbus_event_value(event));
    for (size_t i = 0; i < sandbus_event_header_count(event); i++) {
        sandbus_header header = sandbus_event_header_at(event, i);
        show("  header \"%.*s\" ", SANDBUS_ARG(header.name));
        show_bytes(header.value);
    }
    sandbus_event_header(event, "tag");
}

/* --- the handler --- */

/* What it does, and which events it saw. */
static enum { SHOW, VERDICTS, TOLD, CALLS, ALLOCATES } task;
static sandbus_verdict verdicts[8];
static size_t seen;
static uint64_t offsets[64];

static sandbus_verdict told(sandbus_bytes value) {
    if (sandbus_equal(value, "0")) return sandbus_error_bytes("Conflict", "");
    if (sandbus_equal(value, "2")) return sandbus_skip();
    return sandbus_ack();
}

static sandbus_verdict handle(const sandbus_event *event) {
    offsets[seen % 64] = sandbus_event_offset(event);
    size_t index = seen++;
    if (task == SHOW) {
        show("event %zu: ", index);
        show_event(event);
    }
    if (task == VERDICTS) return verdicts[index];
    if (task == TOLD) return told(sandbus_event_value(event));
    if (task == ALLOCATES) {
        static size_t used;
        sandbus_alloc(1);
        SANDBUS_EXPECT(index == 0 || sandbus_blocks->used == used);
        used = sandbus_blocks->used;
        for (int i = 0; i < 100; i++) sandbus_log_info("line %d", i);
        SANDBUS_EXPECT(sandbus_blocks->used == used);
        sandbus_alloc(5000);
    }
    if (task == CALLS && sandbus_event_offset(event) % 2 == 1) {
        sandbus_log_info("%.*s", SANDBUS_ARG(sandbus_event_id(event)));
        sandbus_config("key");
    }
    return sandbus_ack();
}

static bool must_have_key;
static bool create(void) {
    sandbus_bytes value;
    return !must_have_key || sandbus_config_require("key", &value);
}

SANDBUS_HANDLER(.name = "vectors", .events = SANDBUS_EVENTS("*"), .handle = handle, .create = create);

/* --- the tests --- */

static const char *const frames[] = {"frame-minimal", "frame-headers", "frame-tombstone", "frame-two-lanes",
                                     "frame-longer"};
enum { FRAMES = sizeof(frames) / sizeof(*frames) };

static void every_frame_is_read_as_the_document_says(void) {
    sandbus_outcome outcome;
    for (int i = 0; i < FRAMES; i++) {
        sandbus_bytes frame = vector(frames[i]), text = block(frames[i], "text");
        unsigned count = sandbus_load32((const unsigned char *)frame.at + 12);
        unsigned lanes = sandbus_load32((const unsigned char *)frame.at + 20);
        shown[0] = '\0';
        seen = 0;
        show("frame of %u event%s in %u lane%s\n", count, count == 1 ? "" : "s", lanes, lanes == 1 ? "" : "s");
        sandbus_test_frame(frame, &outcome);
        SANDBUS_EXPECT_TEXT(shown, text);
    }
    /* Beside these and three answers there is `answer-longer`, which a guest of version 1 never writes. */
    int blocks = 0;
    for (const char *at = document; (at = strstr(at, "```hex\n")) != NULL; at++) blocks++;
    SANDBUS_EXPECT(blocks == FRAMES + 3 + 1);
}

/* A frame of events that are alike but for their lanes, with records of this length. */
static sandbus_bytes frame_of_lanes(const char *lanes, size_t record_len) {
    size_t count = strlen(lanes), len = 24 + record_len * count + 1;
    sandbus_bytes minimal = vector("frame-minimal");
    unsigned char *frame = calloc(1, len), most = 0;
    SANDBUS_EXPECT(frame != NULL);
    memcpy(frame, minimal.at, 24);
    for (size_t i = 0; i < count; i++) {
        unsigned char *record = frame + 24 + record_len * i, lane = (unsigned char)(lanes[i] - '0');
        memset(record, 0xee, record_len);
        memcpy(record, minimal.at + 24, 80);
        record[0] = lane;
        most = lane > most ? lane : most;
        sandbus_store32(record + 32, (uint32_t)len - 1);
        sandbus_store32(record + 40, (uint32_t)len - 1);
    }
    frame[len - 1] = 't';
    sandbus_store16(frame + 8, (uint32_t)record_len);
    sandbus_store32(frame + 12, (uint32_t)count);
    sandbus_store32(frame + 16, (uint32_t)len);
    sandbus_store32(frame + 20, (uint32_t)most + 1);
    return (sandbus_bytes){(char *)frame, len};
}

static void answers(const char *name, const char *lanes) {
    sandbus_outcome outcome;
    sandbus_bytes expected = vector(name);
    task = VERDICTS;
    seen = 0;
    sandbus_bytes answer = sandbus_test_frame(frame_of_lanes(lanes, 80), &outcome);
    SANDBUS_EXPECT(sandbus_equal(answer, expected));
}

static void every_answer_is_written_as_the_document_says(void) {
    verdicts[0] = sandbus_ack();
    answers("answer-ack", "0");
    verdicts[1] = sandbus_skip();
    verdicts[2] = sandbus_retry();
    verdicts[3] = sandbus_retry_after(250);
    verdicts[4] = sandbus_dead_letter("no such %s", "order");
    verdicts[5] = sandbus_error("Timeout", "upstream took %d s", 3);
    /* Event 6 shares the lane of event 5. */
    answers("answer-each-verdict", "0012344");
    SANDBUS_EXPECT(seen == 6);
    verdicts[0] = sandbus_error_bytes("Conflict", "");
    verdicts[1] = verdicts[2] = sandbus_ack();
    answers("answer-two-lanes", "0101");
}

static void a_stopped_lane_stops_and_no_other(void) {
    sandbus_outcome outcome;
    sandbus_bytes frame = vector("frame-two-lanes");
    task = TOLD;
    SANDBUS_EXPECT(sandbus_equal(sandbus_test_frame(frame, &outcome), vector("answer-two-lanes")));
    SANDBUS_EXPECT(seen == 3 && offsets[0] == 10 && offsets[1] == 11 && offsets[2] == 13);
    /* The next frame begins with all lanes going. */
    seen = 0;
    sandbus_test_frame(frame, &outcome);
    SANDBUS_EXPECT(seen == 3);
}

static void a_skip_stops_no_lane(void) {
    sandbus_outcome outcome;
    task = VERDICTS;
    verdicts[0] = sandbus_skip();
    verdicts[1] = sandbus_ack();
    sandbus_bytes answer = sandbus_test_frame(frame_of_lanes("00", 80), &outcome);
    SANDBUS_EXPECT(answer.at[24] == 2 && answer.at[56] == 1);
}

static void longer_records_are_passed_over(void) {
    sandbus_outcome outcome;
    sandbus_test_frame(frame_of_lanes("010", 96), &outcome);
    SANDBUS_EXPECT(strstr(shown, "event 1: lane 1, attempt 1\n  topic \"t\"") != NULL);
    SANDBUS_EXPECT(strstr(shown, "event 2: lane 0, attempt 1\n  topic \"t\"") != NULL);
}

/* What an event took is free again for the next one, and what a log line took at once. */
static void memory_does_not_grow_with_the_frame(void) {
    sandbus_outcome outcome;
    task = ALLOCATES;
    sandbus_test_frame(frame_of_lanes("01234567890123456789", 80), &outcome);
    SANDBUS_EXPECT(seen == 20);
}

static void an_event_is_announced_once_and_only_if_it_calls(void) {
    sandbus_outcome outcome;
    task = CALLS;
    sandbus_test_frame(vector("frame-two-lanes"), &outcome);
    SANDBUS_EXPECT(outcome.announced_count == 2 && outcome.announced[0] == 1 && outcome.announced[1] == 3);
    SANDBUS_EXPECT(outcome.log_count == 2);
    /* What calls later is none of the frame's events. */
    sandbus_test_frame(frame_of_lanes("01", 80), &outcome);
    sandbus_log_info("after");
    SANDBUS_EXPECT(outcome.announced_count == 0 && sandbus_test_out.announced_count == 0);
    /* A frame of one needs no announcement. */
    sandbus_bytes frame = vector("frame-tombstone");
    ((char *)(uintptr_t)frame.at)[24 + 16] |= 1;
    sandbus_test_frame(frame, &outcome);
    SANDBUS_EXPECT(outcome.announced_count == 0 && outcome.log_count == 1);
}

static void an_instance_that_cannot_be_made_fails_each_event_that_it_would_have_had(void) {
    sandbus_outcome outcome;
    task = CALLS;
    must_have_key = true;
    sandbus_bytes answer = sandbus_test_frame(vector("frame-two-lanes"), &outcome);
    static const char codes[] = {5, 5, 6, 6};
    for (size_t i = 0; i < 4; i++) SANDBUS_EXPECT(answer.at[24 + 32 * i] == codes[i]);
    SANDBUS_EXPECT_ERROR(outcome, "missing_config");
    SANDBUS_EXPECT(outcome.announced_count == 2 && seen == 0);
    sandbus_test_config("key", "v");
    answer = sandbus_test_frame(vector("frame-two-lanes"), &outcome);
    for (size_t i = 0; i < 4; i++) SANDBUS_EXPECT(answer.at[24 + 32 * i] == 1);
}

static void a_wrong_frame_ends_the_instance(void) {
    sandbus_outcome outcome;
    sandbus_bytes frame = vector("frame-minimal");
    ((char *)(uintptr_t)frame.at)[4] = 2;
    sandbus_test_frame(frame, &outcome);
}

static sigjmp_buf trapped;
static void on_trap(int signal_) {
    (void)signal_;
    siglongjmp(trapped, 1);
}

static void run_frame(sandbus_bytes frame) {
    sandbus_outcome outcome;
    sandbus_test_frame(frame, &outcome);
}

/* Whether the frame ends in a trap. */
static bool traps(sandbus_bytes frame) {
    shown[0] = '\0';
    if (sigsetjmp(trapped, 1) != 0) return true;
    run_frame(frame);
    return false;
}

/* Every byte of every frame, and every length: each ends in verdicts or in a trap, and a sanitizer finds nothing. */
static void no_byte_makes_the_reader_read_elsewhere(void) {
    static const unsigned char values[] = {0x00, 0x01, 0x02, 0x7f, 0x80, 0xff};
    unsigned trapping = 0, read = 0;
    struct sigaction action = {0};
    action.sa_handler = on_trap;
    action.sa_flags = SA_NODEFER;
    sigaction(SIGABRT, &action, NULL);
    SANDBUS_EXPECT(freopen("/dev/null", "w", stdout) != NULL);
    for (int i = 0; i < FRAMES; i++) {
        sandbus_bytes good = vector(frames[i]);
        for (size_t at = 0; at < good.len; at++) {
            char *cut = malloc(at + (at == 0)), *changed = malloc(good.len);
            if (cut == NULL || changed == NULL) exit(1);
            memcpy(cut, good.at, at);
            /* What is cut must not be taken for whole. */
            if (!traps((sandbus_bytes){cut, at})) _exit(SANDBUS_TEST_STATUS);
            for (size_t j = 0; j < sizeof(values); j++) {
                memcpy(changed, good.at, good.len);
                changed[at] = (char)values[j];
                if (traps((sandbus_bytes){changed, good.len})) trapping++;
                else read++;
            }
            free(cut);
            free(changed);
        }
    }
    if (trapping < 1000 || read < 1000) _exit(SANDBUS_TEST_STATUS);
}

int main(int count, char **arguments) {
    document = read_file(count > 1 ? arguments[1] : "docs/packed-frame.md");
    if (document == NULL) {
        fprintf(stderr, "name docs/packed-frame.md as the argument\n");
        return 2;
    }
    SANDBUS_RUN(every_frame_is_read_as_the_document_says);
    SANDBUS_RUN(every_answer_is_written_as_the_document_says);
    SANDBUS_RUN(a_stopped_lane_stops_and_no_other);
    SANDBUS_RUN(a_skip_stops_no_lane);
    SANDBUS_RUN(longer_records_are_passed_over);
    SANDBUS_RUN(memory_does_not_grow_with_the_frame);
    SANDBUS_RUN(an_event_is_announced_once_and_only_if_it_calls);
    SANDBUS_RUN(an_instance_that_cannot_be_made_fails_each_event_that_it_would_have_had);
    SANDBUS_RUN_TRAP(a_wrong_frame_ends_the_instance);
    SANDBUS_RUN(no_byte_makes_the_reader_read_elsewhere);
    return sandbus_test_end();
}
