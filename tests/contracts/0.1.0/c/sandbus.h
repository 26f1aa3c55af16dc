/*
 * sandbus.h: event handlers for Sandbus in C11, one header.
 *
 * Every file may include it for its declarations. Exactly one file of a handler, the one with SANDBUS_HANDLER, defines
 * SANDBUS_IMPLEMENTATION before it includes it. With SANDBUS_TEST defined the same sources make a native program that
 * tests the handler without WebAssembly; see "unit tests" below. README.md says how all of it is used.
 *
 * What the SDK lends (views of the event, formatted text, configuration) lives until the try ends, and needs no free.
 * It never copies a field of the event unless it says so.
 */
#ifndef SANDBUS_H
#define SANDBUS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SANDBUS_SDK_VERSION "0.1.0"

#if defined(__GNUC__)
#define SANDBUS_PRINTF(place, first) __attribute__((format(printf, place, first)))
#define SANDBUS_NORETURN __attribute__((noreturn))
#else
#define SANDBUS_PRINTF(place, first)
#define SANDBUS_NORETURN
#endif

/* === bytes and text === */

/* Some bytes that belong to somebody else, without a NUL at their end. `at` is NULL where there is nothing (a tombstone,
 * a key that is absent), and is not NULL for what is there and empty. */
typedef struct sandbus_bytes {
    const char *at;
    size_t len;
} sandbus_bytes;

/* Nothing, which differs from empty. */
#define SANDBUS_ABSENT ((sandbus_bytes){NULL, 0})

/* Where a function of this header takes bytes, a C string does as well: macros of the same names call this. */
#define SANDBUS_BYTES(x) \
    _Generic((x), char *: sandbus_text, const char *: sandbus_text, sandbus_bytes: sandbus_same)(x)

/* A C string without its NUL. NULL is absent. */
sandbus_bytes sandbus_text(const char *text);
/* So many bytes from there. In arguments it goes where a compound literal, with its comma, does not. */
sandbus_bytes sandbus_view(const void *at, size_t len);
sandbus_bytes sandbus_same(sandbus_bytes bytes);

/* Arguments for "%.*s": printf("%.*s", SANDBUS_ARG(view)). The view is evaluated more than once. */
#define SANDBUS_ARG(view) (int)(view).len, ((view).at != NULL ? (view).at : "")

bool sandbus_equal(sandbus_bytes left, sandbus_bytes right); /* absent equals absent alone */
#define sandbus_equal(left, right) (sandbus_equal)(SANDBUS_BYTES(left), SANDBUS_BYTES(right))
bool sandbus_is_utf8(sandbus_bytes bytes);

/* Memory until the try ends, aligned for everything and never NULL: without memory the instance ends. */
void *sandbus_alloc(size_t size);
/* printf into such memory. */
sandbus_bytes sandbus_format(const char *format, ...) SANDBUS_PRINTF(1, 2);
/* A copy with a NUL at its end, until the try ends. */
const char *sandbus_string(sandbus_bytes bytes);
/* A copy that lasts as long as the instance: for what `create` reads. */
sandbus_bytes sandbus_keep(sandbus_bytes bytes);

/* === the event === */

/* One Kafka record, read where it lies. Valid until the handler returns. */
typedef struct sandbus_event sandbus_event;

typedef struct sandbus_header {
    sandbus_bytes name;  /* may be empty, and may repeat */
    sandbus_bytes value; /* absent differs from empty */
} sandbus_header;

sandbus_bytes sandbus_event_topic(const sandbus_event *event); /* of a redriven event the topic it first stood in */
uint32_t sandbus_event_partition(const sandbus_event *event);
uint64_t sandbus_event_offset(const sandbus_event *event);
/* Milliseconds since 1970-01-01T00:00:00Z; false where the record has none. */
bool sandbus_event_timestamp(const sandbus_event *event, uint64_t *millis);
sandbus_bytes sandbus_event_key(const sandbus_event *event);   /* absent differs from empty */
sandbus_bytes sandbus_event_value(const sandbus_event *event); /* absent is a tombstone, and differs from empty */
/* The same in every try and after a restart; never empty. Where no header names one it is made: topic/partition/offset. */
sandbus_bytes sandbus_event_id(const sandbus_event *event);
sandbus_bytes sandbus_event_type(const sandbus_event *event);
uint32_t sandbus_event_attempt(const sandbus_event *event); /* counts the tries, from 1 */

/* Headers in the record's order, repeats included. */
size_t sandbus_event_header_count(const sandbus_event *event);
sandbus_header sandbus_event_header_at(const sandbus_event *event, size_t index);
/* The value of the first header of that name; absent if there is none, or if it has no value. */
sandbus_bytes sandbus_event_header(const sandbus_event *event, sandbus_bytes name);
#define sandbus_event_header(event, name) (sandbus_event_header)(event, SANDBUS_BYTES(name))
/* The next header of that name. *cursor is 0 before the first. */
bool sandbus_event_next_header(const sandbus_event *event, sandbus_bytes name, size_t *cursor, sandbus_header *header);
#define sandbus_event_next_header(event, name, cursor, header) \
    (sandbus_event_next_header)(event, SANDBUS_BYTES(name), cursor, header)

/* What has to be there and has to be text. Each answers false where it is not, and sandbus_failed() says why. */
bool sandbus_event_text(const sandbus_event *event, sandbus_bytes *text);     /* `tombstone`, `bad_text` */
bool sandbus_event_key_text(const sandbus_event *event, sandbus_bytes *text); /* `missing_key`, `bad_key` */
/* `missing_header`, `bad_header` */
bool sandbus_event_header_text(const sandbus_event *event, sandbus_bytes name, sandbus_bytes *text);
#define sandbus_event_header_text(event, name, text) (sandbus_event_header_text)(event, SANDBUS_BYTES(name), text)

/* === how a try ends === */

typedef enum sandbus_code {
    SANDBUS_ACK = 1,
    SANDBUS_SKIP = 2,
    SANDBUS_RETRY = 3,
    SANDBUS_DEAD_LETTER = 4,
    SANDBUS_ERROR = 5
} sandbus_code;

/* Made by the functions below. */
typedef struct sandbus_verdict {
    sandbus_code code;
    bool has_delay;
    uint64_t delay_ms;
    sandbus_bytes kind;
    sandbus_bytes text;
} sandbus_verdict;

sandbus_verdict sandbus_ack(void);  /* done; what was published leaves */
sandbus_verdict sandbus_skip(void); /* done, and nothing was to be done */
sandbus_verdict sandbus_retry(void);
sandbus_verdict sandbus_retry_after(uint64_t millis);
/* Give up now, with a reason for people. */
sandbus_verdict sandbus_dead_letter(const char *reason, ...) SANDBUS_PRINTF(1, 2);
/* The bytes as they are. They are read after the handler has returned: not in an array of its own. */
sandbus_verdict sandbus_dead_letter_bytes(sandbus_bytes reason);
#define sandbus_dead_letter_bytes(reason) (sandbus_dead_letter_bytes)(SANDBUS_BYTES(reason))
/* The try failed. The kind is [A-Za-z][A-Za-z0-9_.]{0,63}, a metric's attribute: keep their number small. */
sandbus_verdict sandbus_error(sandbus_bytes kind, const char *message, ...) SANDBUS_PRINTF(2, 3);
#define sandbus_error(kind, ...) (sandbus_error)(SANDBUS_BYTES(kind), __VA_ARGS__)
sandbus_verdict sandbus_error_bytes(sandbus_bytes kind, sandbus_bytes message); /* as sandbus_dead_letter_bytes */
#define sandbus_error_bytes(kind, message) (sandbus_error_bytes)(SANDBUS_BYTES(kind), SANDBUS_BYTES(message))

/* As errno: what can fail answers false and remembers why. sandbus_failed() is the verdict for it: an error of that kind. */
sandbus_verdict sandbus_failed(void);
sandbus_bytes sandbus_failure(void); /* its kind alone */
/* For functions of your own: return sandbus_fail("no_such_order", "order %d", id); */
bool sandbus_fail(sandbus_bytes kind, const char *message, ...) SANDBUS_PRINTF(2, 3);
#define sandbus_fail(kind, ...) (sandbus_fail)(SANDBUS_BYTES(kind), __VA_ARGS__)

/* Ends the instance: the fault `trap`, with the message in the log. For what must not be. */
SANDBUS_NORETURN void sandbus_trap(const char *message);

/* === the handler === */

typedef struct sandbus_handler {
    const char *name;
    const char *version;
    /* The event types that it wants, by SANDBUS_EVENTS; `*` is any run of characters. */
    const char *const *events;
    sandbus_verdict (*handle)(const sandbus_event *event);
    /* May be left out. Makes ready what the instance needs, before its first event. Where it answers false the try ends
     * in sandbus_failed(), and the next one calls it again. */
    bool (*create)(void);
} sandbus_handler;

#define SANDBUS_EVENTS(...) (const char *const[]){__VA_ARGS__, NULL}
/* SANDBUS_HANDLER(.name = "orders", .events = SANDBUS_EVENTS("Order*"), .handle = handle); once in a component, in the
 * file that has the implementation: there it is defined again. */
#define SANDBUS_HANDLER(...) \
    _Static_assert(0, "write `#define SANDBUS_IMPLEMENTATION` above the #include of sandbus.h in this file")
extern const sandbus_handler sandbus_registered_handler;

/* === log lines === */

typedef enum sandbus_level {
    SANDBUS_LEVEL_TRACE,
    SANDBUS_LEVEL_DEBUG,
    SANDBUS_LEVEL_INFO,
    SANDBUS_LEVEL_WARN,
    SANDBUS_LEVEL_ERROR
} sandbus_level;

void sandbus_log(sandbus_level level, sandbus_bytes line);
#define sandbus_log(level, line) (sandbus_log)(level, SANDBUS_BYTES(line))
void sandbus_log_trace(const char *format, ...) SANDBUS_PRINTF(1, 2);
void sandbus_log_debug(const char *format, ...) SANDBUS_PRINTF(1, 2);
void sandbus_log_info(const char *format, ...) SANDBUS_PRINTF(1, 2);
void sandbus_log_warn(const char *format, ...) SANDBUS_PRINTF(1, 2);
void sandbus_log_error(const char *format, ...) SANDBUS_PRINTF(1, 2);

/* === configuration: [handler.config] === */

typedef struct sandbus_attribute {
    sandbus_bytes key;
    sandbus_bytes value;
} sandbus_attribute;

/* The value of a key; absent if it is not set. Numbers and booleans read as TOML writes them. */
sandbus_bytes sandbus_config(sandbus_bytes key);
#define sandbus_config(key) (sandbus_config)(SANDBUS_BYTES(key))
/* The key must be set, else `missing_config`. */
bool sandbus_config_require(sandbus_bytes key, sandbus_bytes *value);
#define sandbus_config_require(key, value) (sandbus_config_require)(SANDBUS_BYTES(key), value)
/* What is not set leaves *value as it is; what is no integer is `bad_config`. */
bool sandbus_config_integer(sandbus_bytes key, int64_t *value);
#define sandbus_config_integer(key, value) (sandbus_config_integer)(SANDBUS_BYTES(key), value)
/* Every key, sorted. */
const sandbus_attribute *sandbus_config_entries(size_t *count);

/* === publishing === */

/* A record to send. Without a key any partition will do; without a value it is a tombstone. Its views are read by
 * sandbus_send and have to last until then. */
typedef struct sandbus_message {
    sandbus_bytes topic;
    sandbus_bytes key;
    sandbus_bytes value;
    sandbus_header *headers;
    size_t header_count;
    size_t header_capacity;
} sandbus_message;

sandbus_message sandbus_message_to(sandbus_bytes topic);
#define sandbus_message_to(topic) (sandbus_message_to)(SANDBUS_BYTES(topic))
/* The event as it is: its key, its value, all its headers. */
sandbus_message sandbus_forward(const sandbus_event *event, sandbus_bytes topic);
#define sandbus_forward(event, topic) (sandbus_forward)(event, SANDBUS_BYTES(topic))
void sandbus_message_key(sandbus_message *message, sandbus_bytes key);
#define sandbus_message_key(message, key) (sandbus_message_key)(message, SANDBUS_BYTES(key))
void sandbus_message_value(sandbus_message *message, sandbus_bytes value);
#define sandbus_message_value(message, value) (sandbus_message_value)(message, SANDBUS_BYTES(value))
/* Adds a header after those that are there. Names may repeat; an absent value is null. */
void sandbus_message_header(sandbus_message *message, sandbus_bytes name, sandbus_bytes value);
#define sandbus_message_header(message, name, value) \
    (sandbus_message_header)(message, SANDBUS_BYTES(name), SANDBUS_BYTES(value))
/* Gives it to the host, where it leaves when the try ends in `ack`. Refused as `denied`, `too_large`, `bad_topic`, or
 * here as `bad_header` for a header's name that is not UTF-8. */
bool sandbus_send(const sandbus_message *message);

/* === metrics of the handler's own === */

/* Names and keys are [a-z][a-z0-9_]{0,63} and do not end in `_total`. Refused as `bad_name`, `bad_attribute`,
 * `bad_value`. The last arguments are SANDBUS_NO_ATTRIBUTES, or
 * SANDBUS_ATTRIBUTES(sandbus_attribute("currency", currency), ...). */
#define SANDBUS_NO_ATTRIBUTES (const sandbus_attribute *)NULL, (size_t)0
#define SANDBUS_ATTRIBUTES(...)             \
    (const sandbus_attribute[]){__VA_ARGS__}, \
        sizeof((const sandbus_attribute[]){__VA_ARGS__}) / sizeof(sandbus_attribute)
#define sandbus_attribute(key, value) ((sandbus_attribute){SANDBUS_BYTES(key), SANDBUS_BYTES(value)})

bool sandbus_counter_add(sandbus_bytes name, uint64_t value, const sandbus_attribute *attributes, size_t count);
#define sandbus_counter_add(name, value, ...) (sandbus_counter_add)(SANDBUS_BYTES(name), value, __VA_ARGS__)
bool sandbus_histogram_record(sandbus_bytes name, double value, const sandbus_attribute *attributes, size_t count);
#define sandbus_histogram_record(name, value, ...) (sandbus_histogram_record)(SANDBUS_BYTES(name), value, __VA_ARGS__)
bool sandbus_updown_add(sandbus_bytes name, int64_t value, const sandbus_attribute *attributes, size_t count);
#define sandbus_updown_add(name, value, ...) (sandbus_updown_add)(SANDBUS_BYTES(name), value, __VA_ARGS__)

/* === clocks and random, always real === */

uint64_t sandbus_now_ns(void);       /* never goes back; its beginning means nothing */
uint64_t sandbus_unix_time_ms(void); /* since 1970-01-01T00:00:00Z */
void sandbus_sleep_ns(uint64_t nanos); /* counts for the handler's `timeout`, not for its `cpu_time` */
uint64_t sandbus_random(void);

/* === JSON === */

/* A small and strict reader, for bodies of events: RFC 8259, UTF-8, nested at most 127 deep. It checks the document as a
 * whole once and then reads it where it lies. Each function answers false where the document is not what it asks for,
 * with the failure `bad_json`. For more than that, take a library. */
typedef struct sandbus_json {
    sandbus_bytes raw;
} sandbus_json;

bool sandbus_event_json(const sandbus_event *event, sandbus_json *value); /* also `tombstone` */
bool sandbus_json_parse(sandbus_bytes document, sandbus_json *value);
#define sandbus_json_parse(document, value) (sandbus_json_parse)(SANDBUS_BYTES(document), value)

/* A field of an object. It has to be there once. */
bool sandbus_json_field(sandbus_json object, sandbus_bytes name, sandbus_json *value);
#define sandbus_json_field(object, name, value) (sandbus_json_field)(object, SANDBUS_BYTES(name), value)
bool sandbus_json_text(sandbus_json object, sandbus_bytes name, sandbus_bytes *text);
#define sandbus_json_text(object, name, text) (sandbus_json_text)(object, SANDBUS_BYTES(name), text)
bool sandbus_json_integer(sandbus_json object, sandbus_bytes name, int64_t *integer);
#define sandbus_json_integer(object, name, integer) (sandbus_json_integer)(object, SANDBUS_BYTES(name), integer)
bool sandbus_json_number(sandbus_json object, sandbus_bytes name, double *number);
#define sandbus_json_number(object, name, number) (sandbus_json_number)(object, SANDBUS_BYTES(name), number)
bool sandbus_json_boolean(sandbus_json object, sandbus_bytes name, bool *boolean);
#define sandbus_json_boolean(object, name, boolean) (sandbus_json_boolean)(object, SANDBUS_BYTES(name), boolean)
/* Whether an object has that field, and not as null. Fails at nothing. */
bool sandbus_json_has(sandbus_json object, sandbus_bytes name);
#define sandbus_json_has(object, name) (sandbus_json_has)(object, SANDBUS_BYTES(name))
/* The next item of an array. *cursor is 0 before the first. False after the last; a value that is no array has none. */
bool sandbus_json_next(sandbus_json array, size_t *cursor, sandbus_json *item);
/* The value itself. Text with escapes is copied. */
bool sandbus_json_to_text(sandbus_json value, sandbus_bytes *text);
bool sandbus_json_to_integer(sandbus_json value, int64_t *integer);
bool sandbus_json_to_number(sandbus_json value, double *number);
bool sandbus_json_to_boolean(sandbus_json value, bool *boolean);
/* Text as a string of JSON, with its quotes: for documents made by sandbus_format. */
sandbus_bytes sandbus_json_quote(sandbus_bytes text);
#define sandbus_json_quote(text) (sandbus_json_quote)(SANDBUS_BYTES(text))

/* === unit tests, natively === */

#ifdef SANDBUS_TEST

/* A program of tests: int main(void) { SANDBUS_RUN(one); SANDBUS_RUN(two); return sandbus_test_end(); }
 * Each test is a void function and runs in a process of its own, so with a new instance, without configuration and
 * grants. The test host refuses what the real one would by its form and by the grants. It has no limits. */
#define SANDBUS_RUN(test) sandbus_test_run(#test, test, false)
/* Passes if the test ends in a trap or another crash. */
#define SANDBUS_RUN_TRAP(test) sandbus_test_run(#test, test, true)
void sandbus_test_run(const char *name, void (*test)(void), bool crashes);
int sandbus_test_end(void); /* prints the counts; 0 if none failed */

#define SANDBUS_EXPECT(condition) \
    do { if (!(condition)) sandbus_test_failed(__FILE__, __LINE__, #condition); } while (0)
#define SANDBUS_EXPECT_TEXT(view, text) \
    sandbus_test_expect_text(__FILE__, __LINE__, SANDBUS_BYTES(view), SANDBUS_BYTES(text))
#define SANDBUS_EXPECT_ACK(outcome) sandbus_test_expect(__FILE__, __LINE__, &(outcome), SANDBUS_ACK, NULL)
#define SANDBUS_EXPECT_SKIP(outcome) sandbus_test_expect(__FILE__, __LINE__, &(outcome), SANDBUS_SKIP, NULL)
#define SANDBUS_EXPECT_RETRY(outcome) sandbus_test_expect(__FILE__, __LINE__, &(outcome), SANDBUS_RETRY, NULL)
#define SANDBUS_EXPECT_DEAD_LETTER(outcome, reason) \
    sandbus_test_expect(__FILE__, __LINE__, &(outcome), SANDBUS_DEAD_LETTER, reason)
#define SANDBUS_EXPECT_ERROR(outcome, kind) sandbus_test_expect(__FILE__, __LINE__, &(outcome), SANDBUS_ERROR, kind)

/* An event for a test. Fields may be set as they are; see sandbus_test_event_of for what they begin with. */
typedef struct sandbus_test_event {
    sandbus_bytes topic, key, value, id, type;
    uint32_t partition, attempt;
    int64_t offset;    /* below 0: the next one, from 0 */
    int64_t timestamp; /* below 0: none */
    sandbus_header headers[32];
    size_t header_count;
} sandbus_test_event;

/* An event of this type as a producer writes it: with the header `event_type`. Topic events.stream, partition 0, attempt
 * 1, neither key nor value nor timestamp; its id is topic/partition/offset. */
sandbus_test_event sandbus_test_event_of(const char *type);
void sandbus_test_header(sandbus_test_event *event, sandbus_bytes name, sandbus_bytes value);
#define sandbus_test_header(event, name, value) \
    (sandbus_test_header)(event, SANDBUS_BYTES(name), SANDBUS_BYTES(value))

typedef struct sandbus_test_line {
    sandbus_level level;
    sandbus_bytes message;
} sandbus_test_line;

typedef struct sandbus_test_measurement {
    char kind; /* c counter, h histogram, u up-down counter */
    sandbus_bytes name;
    double value;
    sandbus_attribute *attributes;
    size_t attribute_count;
} sandbus_test_measurement;

/* What a try left behind. It lasts as long as the test. */
typedef struct sandbus_outcome {
    sandbus_verdict verdict;
    sandbus_test_line *logs;
    size_t log_count;
    sandbus_message *sent; /* all that was sent */
    size_t sent_count;
    sandbus_message *published; /* what leaves: all of it if the try ended in `ack`, else nothing */
    size_t published_count;
    sandbus_test_measurement *measurements;
    size_t measurement_count;
    uint32_t *announced; /* indices given to batch.at */
    size_t announced_count;
} sandbus_outcome;

void sandbus_test_config(const char *key, const char *value);
void sandbus_test_grant(const char *topics); /* `*` is any run of characters */
bool sandbus_test_wants(const char *type);
sandbus_outcome sandbus_test_deliver(const sandbus_test_event *event);
/* Has `create` called again, as in a new instance. What is static in the handler stays as it is. */
void sandbus_test_restart(void);
/* What was added to a counter or up-down counter, and recorded in a histogram, over all attributes. */
double sandbus_test_sum(const sandbus_outcome *outcome, const char *name);
/* The value of a message's first header of that name. */
sandbus_bytes sandbus_test_header_of(const sandbus_message *message, const char *name);
/* A frame as the host would give it; answers the bytes of the answer, and in *outcome what was called meanwhile. */
sandbus_bytes sandbus_test_frame(sandbus_bytes frame, sandbus_outcome *outcome);

SANDBUS_NORETURN void sandbus_test_failed(const char *file, int line, const char *what);
void sandbus_test_expect_text(const char *file, int line, sandbus_bytes is, sandbus_bytes expected);
void sandbus_test_expect(const char *file, int line, const sandbus_outcome *outcome, sandbus_code code, const char *text);

#endif /* SANDBUS_TEST */

#endif /* SANDBUS_H */

/* === implementation === */

#if defined(SANDBUS_IMPLEMENTATION) && !defined(SANDBUS_IMPLEMENTED)
#define SANDBUS_IMPLEMENTED
#undef SANDBUS_HANDLER
#define SANDBUS_HANDLER(...) const sandbus_handler sandbus_registered_handler = {__VA_ARGS__}
#if !defined(__wasm__) && !defined(SANDBUS_TEST)
#error "natively there is no host: define SANDBUS_TEST to build unit tests, or compile for wasm32"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Natively the imports are functions of the test host, and the exports are called by it. */
#if defined(__wasm__)
#define SANDBUS_WIT_IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define SANDBUS_WIT_EXPORT(name) __attribute__((export_name(name)))
#define SANDBUS_WIT_SIZE(type, size) _Static_assert(sizeof(type) == (size), "layout of " #type)
#else
#define SANDBUS_WIT_IMPORT(module, name)
#define SANDBUS_WIT_EXPORT(name)
#define SANDBUS_WIT_SIZE(type, size) _Static_assert(sizeof(type) >= (size), "layout of " #type)
#endif

/* === generated from wit/ by host/tests/c_bindings.rs, not edited === */
typedef struct {
    uint8_t some;
    sandbus_bytes value;
} sandbus_wit_option_bytes;
SANDBUS_WIT_SIZE(sandbus_wit_option_bytes, 12);
typedef struct {
    sandbus_bytes part_0;
    sandbus_bytes part_1;
} sandbus_wit_tuple_bytes_bytes;
SANDBUS_WIT_SIZE(sandbus_wit_tuple_bytes_bytes, 16);
typedef struct {
    const sandbus_wit_tuple_bytes_bytes *at;
    size_t len;
} sandbus_wit_list_tuple_bytes_bytes;
SANDBUS_WIT_SIZE(sandbus_wit_list_tuple_bytes_bytes, 8);
typedef struct {
    sandbus_bytes code;
    sandbus_bytes message;
} sandbus_wit_refusal;
SANDBUS_WIT_SIZE(sandbus_wit_refusal, 16);
typedef struct {
    uint8_t failed;
    union {
        sandbus_wit_refusal err;
    } of;
} sandbus_wit_result_refusal;
SANDBUS_WIT_SIZE(sandbus_wit_result_refusal, 20);
typedef struct {
    uint64_t seconds;
    uint32_t nanoseconds;
} sandbus_wit_datetime;
SANDBUS_WIT_SIZE(sandbus_wit_datetime, 16);
typedef struct {
    const sandbus_bytes *at;
    size_t len;
} sandbus_wit_list_bytes;
SANDBUS_WIT_SIZE(sandbus_wit_list_bytes, 8);
typedef struct {
    sandbus_wit_list_bytes events;
    sandbus_wit_list_tuple_bytes_bytes attributes;
} sandbus_wit_description;
SANDBUS_WIT_SIZE(sandbus_wit_description, 16);
typedef struct {
    uint8_t some;
    uint64_t value;
} sandbus_wit_option_uint64;
SANDBUS_WIT_SIZE(sandbus_wit_option_uint64, 16);
typedef struct {
    sandbus_bytes name;
    sandbus_wit_option_bytes value;
} sandbus_wit_header;
SANDBUS_WIT_SIZE(sandbus_wit_header, 20);
typedef struct {
    const sandbus_wit_header *at;
    size_t len;
} sandbus_wit_list_header;
SANDBUS_WIT_SIZE(sandbus_wit_list_header, 8);
typedef struct {
    sandbus_bytes topic;
    uint32_t partition;
    uint64_t offset;
    sandbus_wit_option_uint64 timestamp;
    sandbus_wit_option_bytes key;
    sandbus_wit_option_bytes value;
    sandbus_wit_list_header headers;
    sandbus_bytes id;
    sandbus_bytes event_type;
    uint32_t attempt;
} sandbus_wit_event;
SANDBUS_WIT_SIZE(sandbus_wit_event, 96);
typedef struct {
    uint8_t tag; /* 0 ack, 1 skip, 2 retry, 3 dead_letter */
    union {
        sandbus_wit_option_uint64 retry;
        sandbus_bytes dead_letter;
    } of;
} sandbus_wit_verdict;
SANDBUS_WIT_SIZE(sandbus_wit_verdict, 24);
typedef struct {
    sandbus_bytes kind;
    sandbus_bytes message;
} sandbus_wit_error;
SANDBUS_WIT_SIZE(sandbus_wit_error, 16);
typedef struct {
    uint8_t failed;
    union {
        sandbus_wit_verdict ok;
        sandbus_wit_error err;
    } of;
} sandbus_wit_result_verdict_error;
SANDBUS_WIT_SIZE(sandbus_wit_result_verdict_error, 32);

SANDBUS_WIT_IMPORT("sandbus:handler/logging@0.1.0", "log")
void sandbus_wit_logging_log(uint32_t level, const void *message_at, size_t message_len);
SANDBUS_WIT_IMPORT("sandbus:handler/config@0.1.0", "get")
void sandbus_wit_config_get(const void *key_at, size_t key_len, sandbus_wit_option_bytes *result);
SANDBUS_WIT_IMPORT("sandbus:handler/config@0.1.0", "entries")
void sandbus_wit_config_entries(sandbus_wit_list_tuple_bytes_bytes *result);
SANDBUS_WIT_IMPORT("sandbus:handler/publish@0.1.0", "send")
void sandbus_wit_publish_send(const void *topic_at, size_t topic_len, uint32_t key_some, const void *key_at, size_t key_len, uint32_t value_some, const void *value_at, size_t value_len, const void *headers_at, size_t headers_len, sandbus_wit_result_refusal *result);
SANDBUS_WIT_IMPORT("sandbus:handler/metrics@0.1.0", "counter-add")
void sandbus_wit_metrics_counter_add(const void *name_at, size_t name_len, uint64_t value, const void *attributes_at, size_t attributes_len, sandbus_wit_result_refusal *result);
SANDBUS_WIT_IMPORT("sandbus:handler/metrics@0.1.0", "histogram-record")
void sandbus_wit_metrics_histogram_record(const void *name_at, size_t name_len, double value, const void *attributes_at, size_t attributes_len, sandbus_wit_result_refusal *result);
SANDBUS_WIT_IMPORT("sandbus:handler/metrics@0.1.0", "updown-add")
void sandbus_wit_metrics_updown_add(const void *name_at, size_t name_len, uint64_t value, const void *attributes_at, size_t attributes_len, sandbus_wit_result_refusal *result);
SANDBUS_WIT_IMPORT("sandbus:handler/batch@0.1.0", "at")
void sandbus_wit_batch_at(uint32_t index);
SANDBUS_WIT_IMPORT("wasi:io/poll@0.2.0", "[method]pollable.block")
void sandbus_wit_poll_pollable_block(uint32_t self);
SANDBUS_WIT_IMPORT("wasi:io/poll@0.2.0", "[resource-drop]pollable")
void sandbus_wit_poll_pollable_drop(uint32_t self);
SANDBUS_WIT_IMPORT("wasi:clocks/monotonic-clock@0.2.0", "now")
uint64_t sandbus_wit_monotonic_clock_now(void);
SANDBUS_WIT_IMPORT("wasi:clocks/monotonic-clock@0.2.0", "subscribe-duration")
uint32_t sandbus_wit_monotonic_clock_subscribe_duration(uint64_t when);
SANDBUS_WIT_IMPORT("wasi:clocks/wall-clock@0.2.0", "now")
void sandbus_wit_wall_clock_now(sandbus_wit_datetime *result);
SANDBUS_WIT_IMPORT("wasi:random/random@0.2.0", "get-random-u64")
uint64_t sandbus_wit_random_get_random_u64(void);
SANDBUS_WIT_EXPORT("sandbus:handler/descriptor@0.1.0#describe")
const sandbus_wit_description *sandbus_wit_descriptor_describe(void);
SANDBUS_WIT_EXPORT("cabi_post_sandbus:handler/descriptor@0.1.0#describe")
void sandbus_wit_descriptor_describe_done(const sandbus_wit_description *result);
SANDBUS_WIT_EXPORT("sandbus:handler/typed@0.1.0#handle")
const sandbus_wit_result_verdict_error *sandbus_wit_typed_handle(const sandbus_wit_event *arguments);
SANDBUS_WIT_EXPORT("cabi_post_sandbus:handler/typed@0.1.0#handle")
void sandbus_wit_typed_handle_done(const sandbus_wit_result_verdict_error *result);
SANDBUS_WIT_EXPORT("sandbus:handler/packed@0.1.0#handle")
const sandbus_bytes *sandbus_wit_packed_handle(const void *frame_at, size_t frame_len);
SANDBUS_WIT_EXPORT("cabi_post_sandbus:handler/packed@0.1.0#handle")
void sandbus_wit_packed_handle_done(const sandbus_bytes *result);
/* === end of what is generated === */

/* --- memory until the try ends --- */

/* Blocks from malloc, one after the other. What the host writes for the guest (frames, configuration) goes there too. */
typedef struct sandbus_block {
    struct sandbus_block *before;
    size_t size;
    size_t used;
    _Alignas(16) unsigned char bytes[];
} sandbus_block;

typedef struct sandbus_mark {
    sandbus_block *block;
    size_t used;
} sandbus_mark;

enum { SANDBUS_BLOCK = 32 * 1024, SANDBUS_KEPT = 1024 * 1024 };

static sandbus_block *sandbus_blocks;

void *sandbus_alloc(size_t size) {
    if (size > SIZE_MAX / 2) sandbus_trap("out of memory");
    size = (size + 15) & ~(size_t)15;
    sandbus_block *block = sandbus_blocks;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > SANDBUS_BLOCK ? size : SANDBUS_BLOCK;
        block = malloc(sizeof(sandbus_block) + room);
        if (block == NULL) sandbus_trap("out of memory");
        block->before = sandbus_blocks;
        block->size = room;
        block->used = 0;
        sandbus_blocks = block;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

static sandbus_mark sandbus_arena_mark(void) {
    return (sandbus_mark){sandbus_blocks, sandbus_blocks != NULL ? sandbus_blocks->used : 0};
}

/* Frees what was taken since. The oldest block stays, so that most calls take no memory of malloc. */
static void sandbus_arena_release(sandbus_mark mark) {
    while (sandbus_blocks != mark.block) {
        sandbus_block *block = sandbus_blocks;
        if (block->before == NULL && block->size <= SANDBUS_KEPT) {
            block->used = 0;
            return;
        }
        sandbus_blocks = block->before;
        free(block);
    }
    if (sandbus_blocks != NULL) sandbus_blocks->used = mark.used;
}

static void sandbus_arena_empty(void) { sandbus_arena_release((sandbus_mark){NULL, 0}); }

SANDBUS_WIT_EXPORT("cabi_realloc")
void *sandbus_cabi_realloc(void *old, size_t old_size, size_t align, size_t size);
void *sandbus_cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)align; /* at most 8 */
    void *memory = sandbus_alloc(size);
    if (old_size > 0) memcpy(memory, old, old_size < size ? old_size : size);
    return memory;
}

/* --- bytes and text --- */

sandbus_bytes sandbus_text(const char *text) { return (sandbus_bytes){text, text != NULL ? strlen(text) : 0}; }

sandbus_bytes sandbus_view(const void *at, size_t len) { return (sandbus_bytes){at, len}; }

sandbus_bytes sandbus_same(sandbus_bytes bytes) { return bytes; }

bool(sandbus_equal)(sandbus_bytes left, sandbus_bytes right) {
    if (left.at == NULL || right.at == NULL) return left.at == right.at;
    return left.len == right.len && memcmp(left.at, right.at, left.len) == 0;
}

/* How long the character at the beginning is; or, below 0, how many bytes begin one that is none. */
static int sandbus_utf8_step(const unsigned char *at, size_t len) {
    unsigned char first = at[0], low = 0x80, high = 0xbf;
    int more;
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) more = 1;
    else if (first >= 0xe0 && first <= 0xef) more = 2;
    else if (first >= 0xf0 && first <= 0xf4) more = 3;
    else return -1;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    for (int i = 1; i <= more; i++) {
        if ((size_t)i >= len || at[i] < low || at[i] > high) return -i;
        low = 0x80;
        high = 0xbf;
    }
    return more + 1;
}

bool sandbus_is_utf8(sandbus_bytes bytes) {
    for (size_t at = 0; at < bytes.len;) {
        int step = sandbus_utf8_step((const unsigned char *)bytes.at + at, bytes.len - at);
        if (step < 0) return false;
        at += (size_t)step;
    }
    return true;
}

/* Text for the host, which takes nothing but UTF-8: U+FFFD stands for what is none. */
static sandbus_bytes sandbus_lossy(sandbus_bytes bytes) {
    if (bytes.len == 0) return (sandbus_bytes){"", 0};
    if (sandbus_is_utf8(bytes)) return bytes;
    if (bytes.len > SIZE_MAX / 8) sandbus_trap("out of memory");
    char *text = sandbus_alloc(bytes.len * 3);
    size_t len = 0;
    for (size_t at = 0; at < bytes.len;) {
        int step = sandbus_utf8_step((const unsigned char *)bytes.at + at, bytes.len - at);
        size_t took = (size_t)(step < 0 ? -step : step);
        size_t put = step < 0 ? 3 : took;
        memcpy(text + len, step < 0 ? "\xef\xbf\xbd" : bytes.at + at, put);
        at += took;
        len += put;
    }
    return (sandbus_bytes){text, len};
}

static sandbus_bytes sandbus_format_list(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0) return (sandbus_bytes){"", 0};
    char *text = sandbus_alloc((size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, arguments);
    return (sandbus_bytes){text, (size_t)len};
}

sandbus_bytes sandbus_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sandbus_bytes text = sandbus_format_list(format, arguments);
    va_end(arguments);
    return text;
}

const char *sandbus_string(sandbus_bytes bytes) {
    char *text = sandbus_alloc(bytes.len + 1);
    if (bytes.len > 0) memcpy(text, bytes.at, bytes.len);
    text[bytes.len] = '\0';
    return text;
}

sandbus_bytes sandbus_keep(sandbus_bytes bytes) {
    if (bytes.at == NULL) return bytes;
    char *copy = malloc(bytes.len + 1);
    if (copy == NULL) sandbus_trap("out of memory");
    memcpy(copy, bytes.at, bytes.len);
    copy[bytes.len] = '\0';
    return (sandbus_bytes){copy, bytes.len};
}

/* --- the event, where it lies in its frame --- */

struct sandbus_event {
    const unsigned char *frame;
    size_t len;
    size_t data; /* where the data begins, behind the records */
    size_t record_len;
    size_t entry_len;
    size_t count;
    size_t lanes;
    const unsigned char *record;
};

static uint32_t sandbus_load16(const unsigned char *at) { return (uint32_t)at[0] | (uint32_t)at[1] << 8; }

static uint32_t sandbus_load32(const unsigned char *at) { return sandbus_load16(at) | sandbus_load16(at + 2) << 16; }

static uint64_t sandbus_load64(const unsigned char *at) {
    return (uint64_t)sandbus_load32(at) | (uint64_t)sandbus_load32(at + 4) << 32;
}

static void sandbus_store16(unsigned char *at, uint32_t value) {
    at[0] = (unsigned char)value;
    at[1] = (unsigned char)(value >> 8);
}

static void sandbus_store32(unsigned char *at, uint32_t value) {
    sandbus_store16(at, value);
    sandbus_store16(at + 2, value >> 16);
}

static void sandbus_store64(unsigned char *at, uint64_t value) {
    sandbus_store32(at, (uint32_t)value);
    sandbus_store32(at + 4, (uint32_t)(value >> 32));
}

#define SANDBUS_BREACH(what) sandbus_trap("the host's frame breaks the contract: " what)

/* What a frame's header says is checked here once, what a record says where it is read. */
static sandbus_event sandbus_frame_read(sandbus_bytes frame) {
    sandbus_event event = {0};
    const unsigned char *list = (const unsigned char *)frame.at;
    if (frame.len < 24) SANDBUS_BREACH("it is shorter than a header");
    if (memcmp(list, "SBEV", 4) != 0 || sandbus_load16(list + 4) != 1) SANDBUS_BREACH("magic or version is unknown");
    size_t header_len = sandbus_load16(list + 6);
    event.record_len = sandbus_load16(list + 8);
    event.entry_len = sandbus_load16(list + 10);
    event.count = sandbus_load32(list + 12);
    event.lanes = sandbus_load32(list + 20);
    if (header_len < 24 || event.record_len < 80 || event.entry_len < 16 ||
        (header_len | event.record_len | event.entry_len) % 8 != 0)
        SANDBUS_BREACH("a length is shorter than in version 1, or no multiple of 8");
    if (event.count < 1 || event.count > 65536 || event.lanes < 1 || event.lanes > event.count)
        SANDBUS_BREACH("no number of events or lanes");
    uint64_t data = (uint64_t)header_len + (uint64_t)event.count * event.record_len;
    if (sandbus_load32(list + 16) != frame.len || data > frame.len)
        SANDBUS_BREACH("its length is not the one it names");
    event.frame = list;
    event.len = frame.len;
    event.data = (size_t)data;
    event.record = list + header_len;
    return event;
}

static sandbus_bytes sandbus_refer(const sandbus_event *event, const unsigned char *place) {
    uint32_t offset = sandbus_load32(place), len = sandbus_load32(place + 4);
    if (len == UINT32_MAX) return SANDBUS_ABSENT;
    if (len == 0) return (sandbus_bytes){"", 0};
    if (offset < event->data || offset > event->len || len > event->len - offset)
        SANDBUS_BREACH("a reference does not lie within the data");
    return (sandbus_bytes){(const char *)event->frame + offset, len};
}

sandbus_bytes sandbus_event_topic(const sandbus_event *event) { return sandbus_refer(event, event->record + 32); }

sandbus_bytes sandbus_event_type(const sandbus_event *event) { return sandbus_refer(event, event->record + 40); }

sandbus_bytes sandbus_event_key(const sandbus_event *event) { return sandbus_refer(event, event->record + 56); }

sandbus_bytes sandbus_event_value(const sandbus_event *event) { return sandbus_refer(event, event->record + 64); }

uint32_t sandbus_event_attempt(const sandbus_event *event) { return sandbus_load32(event->record + 4); }

uint32_t sandbus_event_partition(const sandbus_event *event) { return sandbus_load32(event->record + 8); }

uint64_t sandbus_event_offset(const sandbus_event *event) { return sandbus_load64(event->record + 16); }

bool sandbus_event_timestamp(const sandbus_event *event, uint64_t *millis) {
    uint64_t timestamp = sandbus_load64(event->record + 24);
    if (timestamp == UINT64_MAX) return false;
    if (timestamp > INT64_MAX) SANDBUS_BREACH("a timestamp is before 1970");
    *millis = timestamp;
    return true;
}

/* Writes a number's digits before `end`, and answers where they begin. */
static char *sandbus_digits(char *end, uint64_t number) {
    do *--end = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    return end;
}

sandbus_bytes sandbus_event_id(const sandbus_event *event) {
    sandbus_bytes id = sandbus_refer(event, event->record + 48);
    if (id.at != NULL) return id;
    sandbus_bytes topic = sandbus_event_topic(event);
    char *text = sandbus_alloc(topic.len + 32), *end = text + topic.len + 32;
    char *at = sandbus_digits(end, sandbus_event_offset(event));
    *--at = '/';
    at = sandbus_digits(at, sandbus_event_partition(event));
    *--at = '/';
    at -= topic.len;
    if (topic.len > 0) memcpy(at, topic.at, topic.len);
    return (sandbus_bytes){at, (size_t)(end - at)};
}

size_t sandbus_event_header_count(const sandbus_event *event) {
    size_t count = sandbus_load32(event->record + 12);
    sandbus_bytes table = sandbus_refer(event, event->record + 72);
    if (table.len % event->entry_len != 0 || table.len / event->entry_len != count)
        SANDBUS_BREACH("a table of headers has another length than its entries");
    return count;
}

sandbus_header sandbus_event_header_at(const sandbus_event *event, size_t index) {
    if (index >= sandbus_event_header_count(event)) sandbus_trap("there is no header of that index");
    sandbus_bytes table = sandbus_refer(event, event->record + 72);
    const unsigned char *entry = (const unsigned char *)table.at + index * event->entry_len;
    sandbus_header header = {sandbus_refer(event, entry), sandbus_refer(event, entry + 8)};
    if (header.name.at == NULL) SANDBUS_BREACH("a header's name is absent");
    return header;
}

bool(sandbus_event_next_header)(const sandbus_event *event, sandbus_bytes name, size_t *cursor, sandbus_header *header) {
    for (size_t count = sandbus_event_header_count(event); *cursor < count;) {
        *header = sandbus_event_header_at(event, (*cursor)++);
        if ((sandbus_equal)(header->name, name)) return true;
    }
    return false;
}

sandbus_bytes(sandbus_event_header)(const sandbus_event *event, sandbus_bytes name) {
    size_t cursor = 0;
    sandbus_header header;
    return (sandbus_event_next_header)(event, name, &cursor, &header) ? header.value : SANDBUS_ABSENT;
}

/* Remembers a failure without printf, which is larger than all else here together. */
static bool sandbus_fail_about(const char *kind, const char *before, sandbus_bytes name, const char *after);

static bool sandbus_fail_plainly(const char *kind, const char *message) {
    return sandbus_fail_about(kind, message, SANDBUS_ABSENT, "");
}

bool sandbus_event_text(const sandbus_event *event, sandbus_bytes *text) {
    *text = sandbus_event_value(event);
    if (text->at == NULL) return sandbus_fail_plainly("tombstone", "the event has no value (a tombstone)");
    return sandbus_is_utf8(*text) || sandbus_fail_plainly("bad_text", "the value is not text: it is not UTF-8");
}

bool sandbus_event_key_text(const sandbus_event *event, sandbus_bytes *text) {
    *text = sandbus_event_key(event);
    if (text->at == NULL) return sandbus_fail_plainly("missing_key", "the event has no key");
    return sandbus_is_utf8(*text) || sandbus_fail_plainly("bad_key", "the key is not text: it is not UTF-8");
}

bool(sandbus_event_header_text)(const sandbus_event *event, sandbus_bytes name, sandbus_bytes *text) {
    *text = (sandbus_event_header)(event, name);
    if (text->at == NULL) return sandbus_fail_about("missing_header", "the header \"", name, "\" is missing or null");
    return sandbus_is_utf8(*text) ||
           sandbus_fail_about("bad_header", "the header \"", name, "\" is not text: it is not UTF-8");
}

/* --- verdicts and failures --- */

/* The last failure of the try. */
static sandbus_bytes sandbus_failed_kind, sandbus_failed_message;

static sandbus_verdict sandbus_verdict_of(sandbus_code code) {
    return (sandbus_verdict){code, false, 0, SANDBUS_ABSENT, SANDBUS_ABSENT};
}

sandbus_verdict sandbus_ack(void) { return sandbus_verdict_of(SANDBUS_ACK); }

sandbus_verdict sandbus_skip(void) { return sandbus_verdict_of(SANDBUS_SKIP); }

sandbus_verdict sandbus_retry(void) { return sandbus_verdict_of(SANDBUS_RETRY); }

sandbus_verdict sandbus_retry_after(uint64_t millis) {
    return (sandbus_verdict){SANDBUS_RETRY, true, millis, SANDBUS_ABSENT, SANDBUS_ABSENT};
}

sandbus_verdict(sandbus_dead_letter_bytes)(sandbus_bytes reason) {
    return (sandbus_verdict){SANDBUS_DEAD_LETTER, false, 0, SANDBUS_ABSENT, reason};
}

sandbus_verdict sandbus_dead_letter(const char *reason, ...) {
    va_list arguments;
    va_start(arguments, reason);
    sandbus_bytes text = sandbus_format_list(reason, arguments);
    va_end(arguments);
    return sandbus_dead_letter_bytes(text);
}

sandbus_verdict(sandbus_error)(sandbus_bytes kind, const char *message, ...) {
    va_list arguments;
    va_start(arguments, message);
    sandbus_bytes text = sandbus_format_list(message, arguments);
    va_end(arguments);
    return sandbus_error_bytes(kind, text);
}

sandbus_verdict(sandbus_error_bytes)(sandbus_bytes kind, sandbus_bytes message) {
    return (sandbus_verdict){SANDBUS_ERROR, false, 0, kind, message};
}

bool(sandbus_fail)(sandbus_bytes kind, const char *message, ...) {
    va_list arguments;
    va_start(arguments, message);
    sandbus_failed_kind = kind;
    sandbus_failed_message = sandbus_format_list(message, arguments);
    va_end(arguments);
    return false;
}

static bool sandbus_fail_about(const char *kind, const char *before, sandbus_bytes name, const char *after) {
    size_t first = strlen(before), last = strlen(after), len = first + name.len + last;
    char *text = sandbus_alloc(len);
    memcpy(text, before, first);
    if (name.len > 0) memcpy(text + first, name.at, name.len);
    memcpy(text + first + name.len, after, last);
    sandbus_failed_kind = sandbus_text(kind);
    sandbus_failed_message = (sandbus_bytes){text, len};
    return false;
}

sandbus_bytes sandbus_failure(void) { return sandbus_failed_kind; }

sandbus_verdict sandbus_failed(void) {
    if (sandbus_failed_kind.at == NULL) sandbus_fail_plainly("failed", "the handler says that something failed");
    return sandbus_error_bytes(sandbus_failed_kind, sandbus_failed_message);
}

/* --- the host --- */

/* Index in the frame of the event that is worked on, until the host knows it: most events call nothing, and then it is
 * never told. */
static uint32_t sandbus_unannounced = UINT32_MAX;

static void sandbus_announce(void) {
    uint32_t index = sandbus_unannounced;
    sandbus_unannounced = UINT32_MAX;
    if (index != UINT32_MAX) sandbus_wit_batch_at(index);
}

void(sandbus_log)(sandbus_level level, sandbus_bytes line) {
    sandbus_mark mark = sandbus_arena_mark();
    sandbus_announce();
    line = sandbus_lossy(line);
    sandbus_wit_logging_log((uint32_t)level, line.at, line.len);
    sandbus_arena_release(mark);
}

static void sandbus_log_list(sandbus_level level, const char *format, va_list arguments) {
    sandbus_mark mark = sandbus_arena_mark();
    (sandbus_log)(level, sandbus_format_list(format, arguments));
    sandbus_arena_release(mark);
}

#define SANDBUS_LOG(name, level)                   \
    void name(const char *format, ...) {           \
        va_list arguments;                         \
        va_start(arguments, format);               \
        sandbus_log_list(level, format, arguments); \
        va_end(arguments);                         \
    }
SANDBUS_LOG(sandbus_log_trace, SANDBUS_LEVEL_TRACE)
SANDBUS_LOG(sandbus_log_debug, SANDBUS_LEVEL_DEBUG)
SANDBUS_LOG(sandbus_log_info, SANDBUS_LEVEL_INFO)
SANDBUS_LOG(sandbus_log_warn, SANDBUS_LEVEL_WARN)
SANDBUS_LOG(sandbus_log_error, SANDBUS_LEVEL_ERROR)

void sandbus_trap(const char *message) {
    /* Not by sandbus_log, which may want memory. */
    sandbus_announce();
    sandbus_wit_logging_log(SANDBUS_LEVEL_ERROR, message, strlen(message));
    abort();
}

/* What the host gave as empty may have no address, which is not to read as absent. */
static sandbus_bytes sandbus_given(sandbus_bytes bytes) { return bytes.len > 0 ? bytes : (sandbus_bytes){"", 0}; }

sandbus_bytes(sandbus_config)(sandbus_bytes key) {
    sandbus_wit_option_bytes value;
    if (!sandbus_is_utf8(key)) return SANDBUS_ABSENT;
    sandbus_announce();
    sandbus_wit_config_get(key.at, key.len, &value);
    return value.some ? sandbus_given(value.value) : SANDBUS_ABSENT;
}

bool(sandbus_config_require)(sandbus_bytes key, sandbus_bytes *value) {
    *value = (sandbus_config)(key);
    return value->at != NULL || sandbus_fail_about("missing_config", "set \"", key, "\" in [handler.config]");
}

static bool sandbus_integer(sandbus_bytes text, int64_t *integer) {
    uint64_t number = 0;
    bool negative = text.len > 0 && text.at[0] == '-';
    size_t at = negative ? 1 : 0;
    if (at == text.len) return false;
    for (; at < text.len; at++) {
        if (text.at[at] < '0' || text.at[at] > '9') return false;
        uint64_t digit = (uint64_t)(text.at[at] - '0');
        if (number > (UINT64_MAX - digit) / 10) return false;
        number = number * 10 + digit;
    }
    if (number > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *integer = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

bool(sandbus_config_integer)(sandbus_bytes key, int64_t *value) {
    sandbus_bytes text = (sandbus_config)(key);
    if (text.at == NULL || sandbus_integer(text, value)) return true;
    /* The value may be a secret, and is not shown. */
    return sandbus_fail_about("bad_config", "\"", key, "\" in [handler.config] is no integer of 64 bits");
}

_Static_assert(sizeof(sandbus_attribute) == sizeof(sandbus_wit_tuple_bytes_bytes), "the host writes attributes");

const sandbus_attribute *sandbus_config_entries(size_t *count) {
    sandbus_wit_list_tuple_bytes_bytes entries;
    sandbus_announce();
    sandbus_wit_config_entries(&entries);
    sandbus_attribute *copies = sandbus_alloc(entries.len * sizeof(sandbus_attribute));
    for (size_t i = 0; i < entries.len; i++) {
        copies[i].key = sandbus_given(entries.at[i].part_0);
        copies[i].value = sandbus_given(entries.at[i].part_1);
    }
    *count = entries.len;
    return copies;
}

static bool sandbus_done(const sandbus_wit_result_refusal *result) {
    if (!result->failed) return true;
    sandbus_failed_kind = sandbus_given(result->of.err.code);
    sandbus_failed_message = sandbus_given(result->of.err.message);
    return false;
}

sandbus_message(sandbus_message_to)(sandbus_bytes topic) {
    return (sandbus_message){topic, SANDBUS_ABSENT, SANDBUS_ABSENT, NULL, 0, 0};
}

sandbus_message(sandbus_forward)(const sandbus_event *event, sandbus_bytes topic) {
    size_t count = sandbus_event_header_count(event);
    sandbus_message message = {topic, sandbus_event_key(event), sandbus_event_value(event), NULL, 0, count};
    message.headers = sandbus_alloc(count * sizeof(sandbus_header));
    for (; message.header_count < count; message.header_count++)
        message.headers[message.header_count] = sandbus_event_header_at(event, message.header_count);
    return message;
}

void(sandbus_message_key)(sandbus_message *message, sandbus_bytes key) { message->key = key; }

void(sandbus_message_value)(sandbus_message *message, sandbus_bytes value) { message->value = value; }

void(sandbus_message_header)(sandbus_message *message, sandbus_bytes name, sandbus_bytes value) {
    if (message->header_count == message->header_capacity) {
        message->header_capacity = message->header_capacity > 0 ? message->header_capacity * 2 : 8;
        sandbus_header *headers = sandbus_alloc(message->header_capacity * sizeof(sandbus_header));
        if (message->header_count > 0) memcpy(headers, message->headers, message->header_count * sizeof(sandbus_header));
        message->headers = headers;
    }
    message->headers[message->header_count++] = (sandbus_header){name, value};
}

bool sandbus_send(const sandbus_message *message) {
    sandbus_wit_result_refusal result;
    if (!sandbus_is_utf8(message->topic)) return sandbus_fail_plainly("bad_topic", "the topic's name is not UTF-8");
    sandbus_wit_header *headers = sandbus_alloc(message->header_count * sizeof(sandbus_wit_header));
    for (size_t i = 0; i < message->header_count; i++) {
        sandbus_header header = message->headers[i];
        if (!sandbus_is_utf8(header.name)) return sandbus_fail_plainly("bad_header", "a header's name is not UTF-8");
        headers[i] = (sandbus_wit_header){header.name, {header.value.at != NULL, header.value}};
    }
    sandbus_announce();
    sandbus_wit_publish_send(message->topic.at, message->topic.len, message->key.at != NULL, message->key.at,
                             message->key.len, message->value.at != NULL, message->value.at, message->value.len,
                             headers, message->header_count, &result);
    return sandbus_done(&result);
}

static bool sandbus_measurable(sandbus_bytes name, const sandbus_attribute *attributes, size_t count) {
    if (!sandbus_is_utf8(name)) return sandbus_fail_plainly("bad_name", "a metric's name is not UTF-8");
    for (size_t i = 0; i < count; i++)
        if (!sandbus_is_utf8(attributes[i].key) || !sandbus_is_utf8(attributes[i].value))
            return sandbus_fail_plainly("bad_attribute", "an attribute is not UTF-8");
    sandbus_announce();
    return true;
}

bool(sandbus_counter_add)(sandbus_bytes name, uint64_t value, const sandbus_attribute *attributes, size_t count) {
    sandbus_wit_result_refusal result;
    if (!sandbus_measurable(name, attributes, count)) return false;
    sandbus_wit_metrics_counter_add(name.at, name.len, value, attributes, count, &result);
    return sandbus_done(&result);
}

bool(sandbus_histogram_record)(sandbus_bytes name, double value, const sandbus_attribute *attributes, size_t count) {
    sandbus_wit_result_refusal result;
    if (!sandbus_measurable(name, attributes, count)) return false;
    sandbus_wit_metrics_histogram_record(name.at, name.len, value, attributes, count, &result);
    return sandbus_done(&result);
}

bool(sandbus_updown_add)(sandbus_bytes name, int64_t value, const sandbus_attribute *attributes, size_t count) {
    sandbus_wit_result_refusal result;
    if (!sandbus_measurable(name, attributes, count)) return false;
    sandbus_wit_metrics_updown_add(name.at, name.len, (uint64_t)value, attributes, count, &result);
    return sandbus_done(&result);
}

uint64_t sandbus_now_ns(void) { return sandbus_wit_monotonic_clock_now(); }

uint64_t sandbus_unix_time_ms(void) {
    sandbus_wit_datetime now;
    sandbus_wit_wall_clock_now(&now);
    return now.seconds * 1000 + now.nanoseconds / 1000000;
}

void sandbus_sleep_ns(uint64_t nanos) {
    uint32_t pollable = sandbus_wit_monotonic_clock_subscribe_duration(nanos);
    sandbus_wit_poll_pollable_block(pollable);
    sandbus_wit_poll_pollable_drop(pollable);
}

uint64_t sandbus_random(void) { return sandbus_wit_random_get_random_u64(); }

/* --- JSON --- */

/* As deep as brackets may be nested: what Rust's serde_json takes. */
enum { SANDBUS_JSON_DEPTH = 127 };

static bool sandbus_json_fail(const char *what, sandbus_bytes name, const char *rest) {
    return sandbus_fail_about("bad_json", what, name, rest);
}

static const char *sandbus_json_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
    return at;
}

static bool sandbus_json_hex(const char *at, const char *end, uint32_t *unit) {
    if (end - at < 4) return false;
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        uint32_t digit;
        if (c >= '0' && c <= '9') digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f') digit = (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F') digit = (uint32_t)(c - 'A' + 10);
        else return false;
        *unit = *unit * 16 + digit;
    }
    return true;
}

/* One character of a string that may be an escape: answers where the next begins, or NULL if it is none, and the
 * character's code. What is no escape is answered byte by byte. */
static const char *sandbus_json_character(const char *at, const char *end, uint32_t *code) {
    static const char names[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";
    if (at == end || (unsigned char)*at < 0x20) return NULL;
    if (*at != '\\') {
        *code = (unsigned char)*at;
        return at + 1;
    }
    if (++at == end) return NULL;
    if (*at != 'u') {
        const char *name = strchr(names, *at);
        if (*at == '\0' || name == NULL) return NULL;
        *code = (unsigned char)codes[name - names];
        return at + 1;
    }
    uint32_t low;
    if (!sandbus_json_hex(at + 1, end, code)) return NULL;
    at += 5;
    if (*code < 0xd800 || *code > 0xdfff) return at;
    if (*code > 0xdbff || end - at < 6 || at[0] != '\\' || at[1] != 'u' || !sandbus_json_hex(at + 2, end, &low) ||
        low < 0xdc00 || low > 0xdfff)
        return NULL;
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return at + 6;
}

/* Behind the string that begins here with its quote, or NULL. */
static const char *sandbus_json_skip_string(const char *at, const char *end) {
    uint32_t code;
    if (at == end || *at != '"') return NULL;
    for (at++; at != NULL && at < end && *at != '"';) at = sandbus_json_character(at, end, &code);
    return at != NULL && at < end ? at + 1 : NULL;
}

static const char *sandbus_json_skip_digits(const char *at, const char *end) {
    if (at == end || *at < '0' || *at > '9') return NULL;
    while (at < end && *at >= '0' && *at <= '9') at++;
    return at;
}

static const char *sandbus_json_skip_number(const char *at, const char *end) {
    if (at < end && *at == '-') at++;
    if (at < end && *at == '0') at++;
    else at = sandbus_json_skip_digits(at, end);
    if (at != NULL && at < end && *at == '.') at = sandbus_json_skip_digits(at + 1, end);
    if (at != NULL && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        at = sandbus_json_skip_digits(at, end);
    }
    return at;
}

static const char *sandbus_json_skip(const char *at, const char *end, int depth);

/* Behind the fields or items that begin here, and their closing bracket, or NULL. */
static const char *sandbus_json_skip_members(const char *at, const char *end, int depth, bool named) {
    char close = named ? '}' : ']';
    at = sandbus_json_space(at, end);
    if (at < end && *at == close) return at + 1;
    for (;;) {
        if (named) {
            at = sandbus_json_skip_string(sandbus_json_space(at, end), end);
            if (at == NULL) return NULL;
            at = sandbus_json_space(at, end);
            if (at == end || *at++ != ':') return NULL;
        }
        at = sandbus_json_skip(sandbus_json_space(at, end), end, depth + 1);
        if (at == NULL) return NULL;
        at = sandbus_json_space(at, end);
        if (at == end) return NULL;
        if (*at == close) return at + 1;
        if (*at++ != ',') return NULL;
    }
}

/* Behind the value that begins here, or NULL. */
static const char *sandbus_json_skip(const char *at, const char *end, int depth) {
    static const char *const words[] = {"true", "false", "null"};
    if (at == end) return NULL;
    if (*at == '{' || *at == '[') {
        if (depth == SANDBUS_JSON_DEPTH) return NULL;
        return sandbus_json_skip_members(at + 1, end, depth, *at == '{');
    }
    if (*at == '"') return sandbus_json_skip_string(at, end);
    for (int i = 0; i < 3; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(end - at) >= len && memcmp(at, words[i], len) == 0) return at + len;
    }
    return sandbus_json_skip_number(at, end);
}

bool(sandbus_json_parse)(sandbus_bytes document, sandbus_json *value) {
    if (!sandbus_is_utf8(document)) return sandbus_json_fail("it is not UTF-8", SANDBUS_ABSENT, "");
    document = sandbus_given(document);
    const char *end = document.at + document.len, *at = sandbus_json_space(document.at, end);
    const char *behind = sandbus_json_skip(at, end, 0);
    if (behind == NULL || sandbus_json_space(behind, end) != end)
        return sandbus_json_fail("it is not well-formed, or nested too deep", SANDBUS_ABSENT, "");
    value->raw = (sandbus_bytes){at, (size_t)(behind - at)};
    return true;
}

bool sandbus_event_json(const sandbus_event *event, sandbus_json *value) {
    sandbus_bytes body = sandbus_event_value(event);
    if (body.at == NULL) return sandbus_fail_about("tombstone", "the event has no value (a tombstone)", SANDBUS_ABSENT, "");
    return (sandbus_json_parse)(body, value);
}

bool sandbus_json_next(sandbus_json array, size_t *cursor, sandbus_json *item) {
    const char *end = array.raw.at + array.raw.len;
    if (array.raw.len == 0 || array.raw.at[0] != '[') return false;
    /* The cursor is where an item ended: a comma or the end comes next. */
    const char *at = sandbus_json_space(array.raw.at + (*cursor > 0 ? *cursor : 1), end);
    if (at < end && *at == ',') at = sandbus_json_space(at + 1, end);
    const char *behind = at < end && *at != ']' ? sandbus_json_skip(at, end, 0) : NULL;
    if (behind == NULL) return false;
    item->raw = (sandbus_bytes){at, (size_t)(behind - at)};
    *cursor = (size_t)(behind - array.raw.at);
    return true;
}

/* How often an object has that field; the value of the last is answered. */
static int sandbus_json_find(sandbus_json object, sandbus_bytes name, sandbus_json *value) {
    int found = 0;
    const char *end = object.raw.at + object.raw.len, *at = object.raw.at;
    if (object.raw.len == 0 || *at != '{') return 0;
    at = sandbus_json_space(at + 1, end);
    while (at < end && *at == '"') {
        const char *behind = sandbus_json_skip_string(at, end);
        if (behind == NULL) break;
        sandbus_json key = {{at, (size_t)(behind - at)}};
        sandbus_bytes text;
        bool named = sandbus_json_to_text(key, &text) && (sandbus_equal)(text, name);
        at = sandbus_json_space(sandbus_json_space(behind, end) + 1, end);
        behind = sandbus_json_skip(at, end, 0);
        if (behind == NULL) break;
        if (named) {
            found++;
            value->raw = (sandbus_bytes){at, (size_t)(behind - at)};
        }
        at = sandbus_json_space(behind, end);
        if (at < end && *at == ',') at = sandbus_json_space(at + 1, end);
    }
    return found;
}

bool(sandbus_json_field)(sandbus_json object, sandbus_bytes name, sandbus_json *value) {
    int found = sandbus_json_find(object, name, value);
    if (found == 1) return true;
    if (object.raw.len == 0 || object.raw.at[0] != '{') return sandbus_json_fail("it is no object", SANDBUS_ABSENT, "");
    return sandbus_json_fail("the field \"", name, found == 0 ? "\" is missing" : "\" is there twice");
}

bool(sandbus_json_has)(sandbus_json object, sandbus_bytes name) {
    sandbus_json value;
    return sandbus_json_find(object, name, &value) > 0 && value.raw.at[0] != 'n';
}

/* Text that the document holds as it is needs no copy. */
bool sandbus_json_to_text(sandbus_json value, sandbus_bytes *text) {
    const char *at = value.raw.at + 1, *end = value.raw.at + value.raw.len - 1;
    if (value.raw.len < 2 || value.raw.at[0] != '"') return sandbus_json_fail("a value is no text", SANDBUS_ABSENT, "");
    *text = (sandbus_bytes){at, (size_t)(end - at)};
    if (memchr(at, '\\', text->len) == NULL) return true;
    /* No escape is shorter than the character that it stands for. */
    char *copy = sandbus_alloc(text->len);
    text->at = copy;
    text->len = 0;
    while (at < end) {
        uint32_t code;
        bool escape = *at == '\\';
        at = sandbus_json_character(at, end, &code);
        if (at == NULL) return sandbus_json_fail("a value is no text", SANDBUS_ABSENT, "");
        if (!escape || code < 0x80) {
            copy[text->len++] = (char)code;
            continue;
        }
        int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
        copy[text->len++] = (char)(first[more] | code >> (6 * more));
        while (more-- > 0) copy[text->len++] = (char)(0x80 | (code >> (6 * more) & 0x3f));
    }
    return true;
}

bool sandbus_json_to_integer(sandbus_json value, int64_t *integer) {
    return sandbus_integer(value.raw, integer) ||
           sandbus_json_fail("a value is no integer of 64 bits", SANDBUS_ABSENT, "");
}

bool sandbus_json_to_number(sandbus_json value, double *number) {
    if (value.raw.len == 0 || (value.raw.at[0] != '-' && (value.raw.at[0] < '0' || value.raw.at[0] > '9')))
        return sandbus_json_fail("a value is no number", SANDBUS_ABSENT, "");
    *number = strtod(sandbus_string(value.raw), NULL);
    return true;
}

bool sandbus_json_to_boolean(sandbus_json value, bool *boolean) {
    if (value.raw.len == 0 || (value.raw.at[0] != 't' && value.raw.at[0] != 'f'))
        return sandbus_json_fail("a value is no boolean", SANDBUS_ABSENT, "");
    *boolean = value.raw.at[0] == 't';
    return true;
}

bool(sandbus_json_text)(sandbus_json object, sandbus_bytes name, sandbus_bytes *text) {
    sandbus_json value;
    if (!(sandbus_json_field)(object, name, &value)) return false;
    return sandbus_json_to_text(value, text) || sandbus_json_fail("the field \"", name, "\" is no text");
}

bool(sandbus_json_integer)(sandbus_json object, sandbus_bytes name, int64_t *integer) {
    sandbus_json value;
    if (!(sandbus_json_field)(object, name, &value)) return false;
    return sandbus_integer(value.raw, integer) ||
           sandbus_json_fail("the field \"", name, "\" is no integer of 64 bits");
}

bool(sandbus_json_number)(sandbus_json object, sandbus_bytes name, double *number) {
    sandbus_json value;
    if (!(sandbus_json_field)(object, name, &value)) return false;
    return sandbus_json_to_number(value, number) || sandbus_json_fail("the field \"", name, "\" is no number");
}

bool(sandbus_json_boolean)(sandbus_json object, sandbus_bytes name, bool *boolean) {
    sandbus_json value;
    if (!(sandbus_json_field)(object, name, &value)) return false;
    return sandbus_json_to_boolean(value, boolean) || sandbus_json_fail("the field \"", name, "\" is no boolean");
}

sandbus_bytes(sandbus_json_quote)(sandbus_bytes text) {
    text = sandbus_lossy(text);
    if (text.len > SIZE_MAX / 8) sandbus_trap("out of memory");
    char *quoted = sandbus_alloc(text.len * 6 + 2);
    size_t len = 0;
    quoted[len++] = '"';
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            quoted[len++] = (char)c;
            continue;
        }
        quoted[len++] = '\\';
        if (c >= 0x20) {
            quoted[len++] = (char)c;
            continue;
        }
        memcpy(quoted + len, "u00", 3);
        quoted[len + 3] = "0123456789abcdef"[c >> 4];
        quoted[len + 4] = "0123456789abcdef"[c & 15];
        len += 5;
    }
    quoted[len++] = '"';
    return (sandbus_bytes){quoted, len};
}

/* What grows by realloc and is kept from call to call. */
typedef struct sandbus_buffer {
    unsigned char *at;
    size_t len;
    size_t room;
} sandbus_buffer;

static void sandbus_grow(sandbus_buffer *buffer, size_t more) {
    if (more > SIZE_MAX / 4 || buffer->len > SIZE_MAX / 4) sandbus_trap("out of memory");
    if (buffer->room - buffer->len >= more) return;
    size_t room = buffer->len + more > buffer->room * 2 ? buffer->len + more : buffer->room * 2;
    unsigned char *at = realloc(buffer->at, room);
    if (at == NULL) sandbus_trap("out of memory");
    buffer->at = at;
    buffer->room = room;
}

/* --- what is printed --- */

#if defined(__wasm__)
enum { SANDBUS_LINE = 8192 }; /* the longest piece that is held back while its line has no end */

/* Lines of standard output and of standard error that have no end yet. */
static sandbus_buffer sandbus_lines[2];

/* Writes so much of the line, and keeps the rest. */
static void sandbus_line_write(size_t stream, size_t len) {
    sandbus_buffer *line = &sandbus_lines[stream];
    const char *text = line->at != NULL ? (const char *)line->at : "";
    (sandbus_log)(stream == 0 ? SANDBUS_LEVEL_INFO : SANDBUS_LEVEL_ERROR, (sandbus_bytes){text, len});
    line->len -= len;
    if (line->len > 0) memmove(line->at, line->at + len, line->len);
}

/* Output becomes log lines where it has ends of lines: perror writes one in five pieces. */
static void sandbus_line_add(size_t stream, sandbus_bytes bytes) {
    sandbus_buffer *line = &sandbus_lines[stream];
    for (const char *at = bytes.at, *end = bytes.at + bytes.len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t left = (size_t)((newline != NULL ? newline : end) - at), room = SANDBUS_LINE - line->len;
        size_t take = left < room ? left : room;
        if (take > 0) {
            sandbus_grow(line, take);
            memcpy(line->at + line->len, at, take);
        }
        line->len += take;
        at += take;
        if (at == newline) {
            sandbus_line_write(stream, line->len);
            at++;
        } else if (at < end) {
            /* Not within a character. */
            size_t cut = line->len;
            if (((unsigned char)*at & 0xc0) == 0x80)
                while (cut > SANDBUS_LINE - 4 && (line->at[--cut] & 0xc0) == 0x80) continue;
            sandbus_line_write(stream, cut);
        }
    }
}

/* Ends the lines that are open, so that they belong to the try that printed them. fflush takes 400 bytes, and links
 * nothing else of stdio: it knows which streams are used. Declared weak it would not be there, as printf does not call it. */
static void sandbus_end_output(void) {
    fflush(NULL);
    for (size_t stream = 0; stream < 2; stream++)
        if (sandbus_lines[stream].len > 0) sandbus_line_write(stream, sandbus_lines[stream].len);
}
#else
/* Natively it goes to the test's own output. */
static void sandbus_end_output(void) {}
#endif

/* --- one try, and a frame of them --- */

static bool sandbus_created;

static sandbus_verdict sandbus_try(const sandbus_event *event) {
    const sandbus_handler *handler = &sandbus_registered_handler;
    sandbus_failed_kind = sandbus_failed_message = SANDBUS_ABSENT;
    if (!sandbus_created && handler->create != NULL && !handler->create()) return sandbus_failed();
    sandbus_created = true;
    sandbus_verdict verdict = handler->handle(event);
    if (verdict.code < SANDBUS_ACK || verdict.code > SANDBUS_ERROR)
        return sandbus_error_bytes("bad_verdict", "what the handler returned is no verdict");
    return verdict;
}

/* One try, with what it prints. */
static sandbus_verdict sandbus_run(const sandbus_event *event) {
    sandbus_verdict verdict = sandbus_try(event);
    sandbus_end_output();
    return verdict;
}

static sandbus_buffer sandbus_answer, sandbus_stopped;

static void sandbus_buffer_zeros(sandbus_buffer *buffer, size_t len) {
    buffer->len = 0;
    sandbus_grow(buffer, len);
    memset(buffer->at, 0, len);
    buffer->len = len;
}

/* Writes a text behind what is there, and the reference to it at `place`. */
static void sandbus_answer_text(size_t place, sandbus_bytes text) {
    text = sandbus_lossy(text);
    sandbus_store32(sandbus_answer.at + place, text.len > 0 ? (uint32_t)sandbus_answer.len : 0);
    sandbus_store32(sandbus_answer.at + place + 4, (uint32_t)text.len);
    if (text.len == 0) return;
    sandbus_grow(&sandbus_answer, text.len);
    memcpy(sandbus_answer.at + sandbus_answer.len, text.at, text.len);
    sandbus_answer.len += text.len;
}

enum { SANDBUS_NOT_RUN = 6 };

static void sandbus_answer_verdict(size_t index, const sandbus_verdict *verdict) {
    size_t record = 24 + 32 * index;
    sandbus_answer.at[record] = (unsigned char)verdict->code;
    sandbus_store32(sandbus_answer.at + record + 20, UINT32_MAX);
    sandbus_store32(sandbus_answer.at + record + 28, UINT32_MAX);
    if (verdict->code == SANDBUS_RETRY && verdict->has_delay) {
        sandbus_answer.at[record + 1] = 1;
        sandbus_store64(sandbus_answer.at + record + 8, verdict->delay_ms);
    }
    if (verdict->code == SANDBUS_ERROR) sandbus_answer_text(record + 16, verdict->kind);
    if (verdict->code == SANDBUS_ERROR || verdict->code == SANDBUS_DEAD_LETTER)
        sandbus_answer_text(record + 24, verdict->text);
}

/* Runs each event in the frame's order, but those of a lane that has stopped. */
static sandbus_bytes sandbus_run_frame(sandbus_bytes frame) {
    sandbus_event event = sandbus_frame_read(frame);
    bool stopped = false;
    sandbus_buffer_zeros(&sandbus_answer, 24 + 32 * event.count);
    for (size_t i = 0; i < event.count; i++, event.record += event.record_len) {
        sandbus_mark mark = sandbus_arena_mark();
        size_t lane = sandbus_load32(event.record);
        if (lane >= event.lanes) SANDBUS_BREACH("a lane is none of those it counts");
        sandbus_verdict verdict = sandbus_verdict_of((sandbus_code)SANDBUS_NOT_RUN);
        if (!stopped || sandbus_stopped.at[lane] == 0) {
            if (event.count > 1) sandbus_unannounced = (uint32_t)i;
            verdict = sandbus_run(&event);
            if (event.count > 1 && verdict.code != SANDBUS_ACK && verdict.code != SANDBUS_SKIP) {
                if (!stopped) sandbus_buffer_zeros(&sandbus_stopped, event.lanes);
                stopped = true;
                sandbus_stopped.at[lane] = 1;
            }
        }
        sandbus_answer_verdict(i, &verdict);
        sandbus_arena_release(mark);
    }
    sandbus_unannounced = UINT32_MAX;
    memcpy(sandbus_answer.at, "SBVD\1\0\30\0\40\0\0\0", 12);
    sandbus_store32(sandbus_answer.at + 12, (uint32_t)event.count);
    sandbus_store32(sandbus_answer.at + 16, (uint32_t)sandbus_answer.len);
    return (sandbus_bytes){(const char *)sandbus_answer.at, sandbus_answer.len};
}

/* --- the exports --- */

const sandbus_bytes *sandbus_wit_packed_handle(const void *frame_at, size_t frame_len) {
    static sandbus_bytes answer;
    answer = sandbus_run_frame((sandbus_bytes){frame_at, frame_len});
    return &answer;
}

void sandbus_wit_packed_handle_done(const sandbus_bytes *result) {
    (void)result;
    sandbus_arena_empty();
    if (sandbus_answer.room <= SANDBUS_KEPT) return;
    free(sandbus_answer.at);
    sandbus_answer = (sandbus_buffer){NULL, 0, 0};
}

typedef struct sandbus_writer {
    unsigned char *frame;
    size_t len;
} sandbus_writer;

static void sandbus_write(sandbus_writer *writer, size_t place, bool there, sandbus_bytes bytes) {
    sandbus_store32(writer->frame + place, (uint32_t)writer->len);
    sandbus_store32(writer->frame + place + 4, there ? (uint32_t)bytes.len : UINT32_MAX);
    if (!there || bytes.len == 0) return;
    memcpy(writer->frame + writer->len, bytes.at, bytes.len);
    writer->len += bytes.len;
}

/* An event of the typed way as a frame of one, so that there is one way to read events. */
static sandbus_bytes sandbus_frame_of(const sandbus_wit_event *event) {
    size_t table = event->headers.len * 16, len = 104 + table;
    len += event->topic.len + event->event_type.len + event->id.len;
    len += (event->key.some ? event->key.value.len : 0) + (event->value.some ? event->value.value.len : 0);
    for (size_t i = 0; i < event->headers.len; i++) {
        const sandbus_wit_header *header = &event->headers.at[i];
        len += header->name.len + (header->value.some ? header->value.value.len : 0);
    }
    sandbus_writer writer = {sandbus_alloc(len), 104 + table};
    memset(writer.frame, 0, 104);
    memcpy(writer.frame, "SBEV\1\0\30\0\120\0\20\0\1\0\0", 16);
    sandbus_store32(writer.frame + 16, (uint32_t)len);
    sandbus_store32(writer.frame + 20, 1);
    sandbus_store32(writer.frame + 28, event->attempt);
    sandbus_store32(writer.frame + 32, event->partition);
    sandbus_store32(writer.frame + 36, (uint32_t)event->headers.len);
    sandbus_store64(writer.frame + 40, event->offset);
    sandbus_store64(writer.frame + 48, event->timestamp.some ? event->timestamp.value : UINT64_MAX);
    sandbus_write(&writer, 56, true, event->topic);
    sandbus_write(&writer, 64, true, event->event_type);
    sandbus_write(&writer, 72, true, event->id);
    sandbus_write(&writer, 80, event->key.some, event->key.value);
    sandbus_write(&writer, 88, event->value.some, event->value.value);
    sandbus_store32(writer.frame + 96, 104);
    sandbus_store32(writer.frame + 100, (uint32_t)table);
    for (size_t i = 0; i < event->headers.len; i++) {
        const sandbus_wit_header *header = &event->headers.at[i];
        sandbus_write(&writer, 104 + i * 16, true, header->name);
        sandbus_write(&writer, 112 + i * 16, header->value.some, header->value.value);
    }
    return (sandbus_bytes){(const char *)writer.frame, len};
}

const sandbus_wit_result_verdict_error *sandbus_wit_typed_handle(const sandbus_wit_event *arguments) {
    static sandbus_wit_result_verdict_error result;
    sandbus_event event = sandbus_frame_read(sandbus_frame_of(arguments));
    sandbus_verdict verdict = sandbus_run(&event);
    memset(&result, 0, sizeof(result));
    if (verdict.code == SANDBUS_ERROR) {
        result.failed = 1;
        result.of.err.kind = sandbus_lossy(verdict.kind);
        result.of.err.message = sandbus_lossy(verdict.text);
        return &result;
    }
    result.of.ok.tag = (uint8_t)(verdict.code - SANDBUS_ACK);
    if (verdict.code == SANDBUS_RETRY && verdict.has_delay) {
        result.of.ok.of.retry.some = 1;
        result.of.ok.of.retry.value = verdict.delay_ms;
    }
    if (verdict.code == SANDBUS_DEAD_LETTER) result.of.ok.of.dead_letter = sandbus_lossy(verdict.text);
    return &result;
}

void sandbus_wit_typed_handle_done(const sandbus_wit_result_verdict_error *result) {
    (void)result;
    sandbus_arena_empty();
}

const sandbus_wit_description *sandbus_wit_descriptor_describe(void) {
    static sandbus_wit_description description;
    const sandbus_handler *handler = &sandbus_registered_handler;
    size_t count = 0;
    while (handler->events != NULL && handler->events[count] != NULL) count++;
    sandbus_bytes *events = sandbus_alloc(count * sizeof(sandbus_bytes));
    for (size_t i = 0; i < count; i++) events[i] = sandbus_text(handler->events[i]);
    const char *const attributes[][2] = {{"sdk", "sandbus-sdk-c " SANDBUS_SDK_VERSION},
                                         {"language", "c"},
                                         {"name", handler->name},
                                         {"version", handler->version}};
    sandbus_wit_tuple_bytes_bytes *pairs = sandbus_alloc(sizeof(attributes) / sizeof(*attributes) * sizeof(*pairs));
    size_t known = 0;
    for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
        if (attributes[i][1] != NULL)
            pairs[known++] = (sandbus_wit_tuple_bytes_bytes){sandbus_text(attributes[i][0]), sandbus_text(attributes[i][1])};
    description.events.at = events;
    description.events.len = count;
    description.attributes.at = pairs;
    description.attributes.len = known;
    return &description;
}

void sandbus_wit_descriptor_describe_done(const sandbus_wit_description *result) {
    (void)result;
    sandbus_arena_empty();
}

/* --- what the C library wants of WASI --- */

/* printf, assert, time and the like work, and a component still imports nothing of WASI but clocks and random: the
 * linker takes these functions for the library's imports. Only those that are needed are linked. */
#if defined(__wasm__)
#define SANDBUS_LIBC(name) __imported_wasi_snapshot_preview1_##name

enum { SANDBUS_EBADF = 8 };

/* Standard output becomes log lines at info, standard error at error level. */
int32_t SANDBUS_LIBC(fd_write)(int32_t fd, int32_t parts, int32_t count, int32_t written);
int32_t SANDBUS_LIBC(fd_write)(int32_t fd, int32_t parts, int32_t count, int32_t written) {
    const sandbus_bytes *part = (const sandbus_bytes *)(uintptr_t)parts;
    size_t total = 0;
    if (fd != 1 && fd != 2) return SANDBUS_EBADF;
    for (int32_t i = 0; i < count; i++) {
        sandbus_line_add((size_t)fd - 1, part[i]);
        total += part[i].len;
    }
    *(uint32_t *)(uintptr_t)written = (uint32_t)total;
    return 0;
}

int32_t SANDBUS_LIBC(environ_sizes_get)(int32_t count, int32_t size);
int32_t SANDBUS_LIBC(environ_sizes_get)(int32_t count, int32_t size) {
    *(uint32_t *)(uintptr_t)count = *(uint32_t *)(uintptr_t)size = 0;
    return 0;
}

int32_t SANDBUS_LIBC(environ_get)(int32_t variables, int32_t text);
int32_t SANDBUS_LIBC(environ_get)(int32_t variables, int32_t text) {
    (void)variables, (void)text;
    return 0;
}

int32_t SANDBUS_LIBC(clock_time_get)(int32_t clock, int64_t precision, int32_t result);
int32_t SANDBUS_LIBC(clock_time_get)(int32_t clock, int64_t precision, int32_t result) {
    (void)precision;
    uint64_t time;
    if (clock == 0) {
        sandbus_wit_datetime now;
        sandbus_wit_wall_clock_now(&now);
        time = now.seconds * 1000000000 + now.nanoseconds;
    } else {
        time = sandbus_now_ns();
    }
    memcpy((void *)(uintptr_t)result, &time, sizeof(time));
    return 0;
}

int32_t SANDBUS_LIBC(random_get)(int32_t buffer, int32_t len);
int32_t SANDBUS_LIBC(random_get)(int32_t buffer, int32_t len) {
    unsigned char *at = (unsigned char *)(uintptr_t)buffer;
    for (size_t left = (size_t)len; left > 0;) {
        uint64_t number = sandbus_random();
        size_t took = left < sizeof(number) ? left : sizeof(number);
        memcpy(at, &number, took);
        at += took;
        left -= took;
    }
    return 0;
}

/* Sleeping is waiting for one event of a clock; there is nothing else to wait for. */
int32_t SANDBUS_LIBC(poll_oneoff)(int32_t asked, int32_t events, int32_t count, int32_t happened);
int32_t SANDBUS_LIBC(poll_oneoff)(int32_t asked, int32_t events, int32_t count, int32_t happened) {
    const unsigned char *subscription = (const unsigned char *)(uintptr_t)asked;
    unsigned char *event = (unsigned char *)(uintptr_t)events;
    if (count != 1 || subscription[8] != 0) return SANDBUS_EBADF;
    uint64_t time = sandbus_load64(subscription + 24), now = 0;
    if ((subscription[40] & 1) != 0)
        SANDBUS_LIBC(clock_time_get)((int32_t)sandbus_load32(subscription + 16), 0, (int32_t)(uintptr_t)&now);
    if (time > now) sandbus_sleep_ns(time - now);
    memset(event, 0, 32);
    memcpy(event, subscription, 8);
    *(uint32_t *)(uintptr_t)happened = 1;
    return 0;
}

SANDBUS_NORETURN void SANDBUS_LIBC(proc_exit)(int32_t status);
SANDBUS_NORETURN void SANDBUS_LIBC(proc_exit)(int32_t status) {
    (void)status;
    sandbus_end_output();
    sandbus_trap("the handler called exit: there is no process to end");
}

/* There are no other files, no terminal and no network: "bad file descriptor". */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define SANDBUS_REFUSED(name, ...)          \
    int32_t SANDBUS_LIBC(name)(__VA_ARGS__); \
    int32_t SANDBUS_LIBC(name)(__VA_ARGS__) { return SANDBUS_EBADF; }
SANDBUS_REFUSED(clock_res_get, int32_t a, int32_t b)
SANDBUS_REFUSED(fd_advise, int32_t a, int64_t b, int64_t c, int32_t d)
SANDBUS_REFUSED(fd_allocate, int32_t a, int64_t b, int64_t c)
SANDBUS_REFUSED(fd_datasync, int32_t a)
SANDBUS_REFUSED(fd_fdstat_set_flags, int32_t a, int32_t b)
SANDBUS_REFUSED(fd_fdstat_set_rights, int32_t a, int64_t b, int64_t c)
SANDBUS_REFUSED(fd_filestat_get, int32_t a, int32_t b)
SANDBUS_REFUSED(fd_filestat_set_size, int32_t a, int64_t b)
SANDBUS_REFUSED(fd_filestat_set_times, int32_t a, int64_t b, int64_t c, int32_t d)
SANDBUS_REFUSED(fd_pread, int32_t a, int32_t b, int32_t c, int64_t d, int32_t e)
SANDBUS_REFUSED(fd_prestat_get, int32_t a, int32_t b)
SANDBUS_REFUSED(fd_prestat_dir_name, int32_t a, int32_t b, int32_t c)
SANDBUS_REFUSED(fd_pwrite, int32_t a, int32_t b, int32_t c, int64_t d, int32_t e)
SANDBUS_REFUSED(fd_readdir, int32_t a, int32_t b, int32_t c, int64_t d, int32_t e)
SANDBUS_REFUSED(fd_renumber, int32_t a, int32_t b)
SANDBUS_REFUSED(fd_sync, int32_t a)
SANDBUS_REFUSED(fd_tell, int32_t a, int32_t b)
SANDBUS_REFUSED(path_create_directory, int32_t a, int32_t b, int32_t c)
SANDBUS_REFUSED(path_filestat_get, int32_t a, int32_t b, int32_t c, int32_t d, int32_t e)
SANDBUS_REFUSED(path_filestat_set_times, int32_t a, int32_t b, int32_t c, int32_t d, int64_t e, int64_t f, int32_t g)
SANDBUS_REFUSED(path_link, int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f, int32_t g)
SANDBUS_REFUSED(path_open, int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int64_t f, int64_t g, int32_t h, int32_t i)
SANDBUS_REFUSED(path_readlink, int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f)
SANDBUS_REFUSED(path_remove_directory, int32_t a, int32_t b, int32_t c)
SANDBUS_REFUSED(path_rename, int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f)
SANDBUS_REFUSED(path_symlink, int32_t a, int32_t b, int32_t c, int32_t d, int32_t e)
SANDBUS_REFUSED(path_unlink_file, int32_t a, int32_t b, int32_t c)
SANDBUS_REFUSED(sock_accept, int32_t a, int32_t b, int32_t c)
SANDBUS_REFUSED(sock_recv, int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f)
SANDBUS_REFUSED(sock_send, int32_t a, int32_t b, int32_t c, int32_t d, int32_t e)
SANDBUS_REFUSED(sock_shutdown, int32_t a, int32_t b)
SANDBUS_REFUSED(sched_yield, void)
SANDBUS_REFUSED(args_sizes_get, int32_t a, int32_t b)
SANDBUS_REFUSED(args_get, int32_t a, int32_t b)
SANDBUS_REFUSED(fd_close, int32_t a)
SANDBUS_REFUSED(fd_fdstat_get, int32_t a, int32_t b)
SANDBUS_REFUSED(fd_read, int32_t a, int32_t b, int32_t c, int32_t d)
SANDBUS_REFUSED(fd_seek, int32_t a, int64_t b, int32_t c, int32_t d)
#pragma GCC diagnostic pop
#endif /* __wasm__ */

/* --- the test host --- */

#if defined(SANDBUS_TEST)
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* With -std=c11 the headers leave it out. */
int nanosleep(const struct timespec *time, struct timespec *left);

/* What a try does, and what the host was given for it. It lasts as long as the test's process, and is not freed. */
static sandbus_outcome sandbus_test_out;
static sandbus_attribute *sandbus_test_keys;
static sandbus_bytes *sandbus_test_grants;
static size_t sandbus_test_key_count, sandbus_test_grant_count;
static uint64_t sandbus_test_next_offset;
static int sandbus_test_passed, sandbus_test_failures;

/* One more item at the end of an array. */
#define SANDBUS_TEST_PUSH(array, count, ...)                                     \
    do {                                                                         \
        (array) = realloc((array), ((count) + 1) * sizeof(*(array)));             \
        if ((array) == NULL) abort();                                             \
        (array)[(count)++] = __VA_ARGS__;                                         \
    } while (0)

static sandbus_bytes sandbus_test_at(const void *at, size_t len) {
    return sandbus_keep((sandbus_bytes){at != NULL ? at : "", len});
}

static bool sandbus_test_refuse(sandbus_wit_result_refusal *result, const char *code, const char *message) {
    result->failed = code != NULL;
    if (code != NULL) result->of.err = (sandbus_wit_refusal){sandbus_text(code), sandbus_text(message)};
    return code == NULL;
}

/* `*` is any run of characters. */
static bool sandbus_test_matches(const char *pattern, size_t pattern_len, const char *text, size_t len) {
    if (pattern_len == 0) return len == 0;
    if (*pattern != '*')
        return len > 0 && *pattern == *text && sandbus_test_matches(pattern + 1, pattern_len - 1, text + 1, len - 1);
    for (size_t skip = 0; skip <= len; skip++)
        if (sandbus_test_matches(pattern + 1, pattern_len - 1, text + skip, len - skip)) return true;
    return false;
}

static bool sandbus_test_is_name(sandbus_bytes name) {
    if (name.len < 1 || name.len > 64 || name.at[0] < 'a' || name.at[0] > 'z') return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') return false;
    }
    return name.len < 6 || memcmp(name.at + name.len - 6, "_total", 6) != 0;
}

static bool sandbus_test_is_topic(sandbus_bytes topic) {
    if (topic.len < 1 || topic.len > 249 || sandbus_equal(topic, ".") || sandbus_equal(topic, "..")) return false;
    for (size_t i = 0; i < topic.len; i++) {
        char c = topic.at[i];
        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

void sandbus_wit_batch_at(uint32_t index) {
    SANDBUS_TEST_PUSH(sandbus_test_out.announced, sandbus_test_out.announced_count, index);
}

void sandbus_wit_logging_log(uint32_t level, const void *message_at, size_t message_len) {
    static const char *const names[] = {"trace", "debug", "info", "warn", "error"};
    sandbus_bytes message = sandbus_test_at(message_at, message_len);
    if (level > SANDBUS_LEVEL_ERROR || !sandbus_is_utf8(message)) abort();
    printf("    %s: %.*s\n", names[level], SANDBUS_ARG(message));
    fflush(stdout);
    sandbus_test_line line = {(sandbus_level)level, message};
    SANDBUS_TEST_PUSH(sandbus_test_out.logs, sandbus_test_out.log_count, line);
}

void sandbus_wit_config_get(const void *key_at, size_t key_len, sandbus_wit_option_bytes *result) {
    sandbus_bytes key = {key_at, key_len};
    *result = (sandbus_wit_option_bytes){0, SANDBUS_ABSENT};
    for (size_t i = 0; i < sandbus_test_key_count; i++)
        if (sandbus_equal(sandbus_test_keys[i].key, key))
            *result = (sandbus_wit_option_bytes){1, sandbus_test_keys[i].value};
}

void sandbus_wit_config_entries(sandbus_wit_list_tuple_bytes_bytes *result) {
    sandbus_wit_tuple_bytes_bytes *entries = sandbus_alloc(sandbus_test_key_count * sizeof(*entries));
    for (size_t i = 0; i < sandbus_test_key_count; i++)
        entries[i] = (sandbus_wit_tuple_bytes_bytes){sandbus_test_keys[i].key, sandbus_test_keys[i].value};
    result->at = entries;
    result->len = sandbus_test_key_count;
}

void sandbus_wit_publish_send(const void *topic_at, size_t topic_len, uint32_t key_some, const void *key_at,
                              size_t key_len, uint32_t value_some, const void *value_at, size_t value_len,
                              const void *headers_at, size_t headers_len, sandbus_wit_result_refusal *result) {
    sandbus_message message = {sandbus_test_at(topic_at, topic_len), SANDBUS_ABSENT, SANDBUS_ABSENT, NULL, 0, 0};
    if (!sandbus_test_is_topic(message.topic)) {
        sandbus_test_refuse(result, "bad_topic", "no topic has that name");
        return;
    }
    bool granted = false;
    for (size_t i = 0; i < sandbus_test_grant_count; i++) {
        sandbus_bytes grant = sandbus_test_grants[i];
        granted |= sandbus_test_matches(grant.at, grant.len, message.topic.at, message.topic.len);
    }
    if (!sandbus_test_refuse(result, granted ? NULL : "denied", "no publish grant for that topic")) return;
    if (key_some) message.key = sandbus_test_at(key_at, key_len);
    if (value_some) message.value = sandbus_test_at(value_at, value_len);
    for (size_t i = 0; i < headers_len; i++) {
        sandbus_wit_header given = ((const sandbus_wit_header *)headers_at)[i];
        sandbus_header header = {sandbus_test_at(given.name.at, given.name.len), SANDBUS_ABSENT};
        if (given.value.some) header.value = sandbus_test_at(given.value.value.at, given.value.value.len);
        SANDBUS_TEST_PUSH(message.headers, message.header_count, header);
    }
    SANDBUS_TEST_PUSH(sandbus_test_out.sent, sandbus_test_out.sent_count, message);
}

static void sandbus_test_measure(char kind, sandbus_bytes name, double value, const sandbus_attribute *attributes,
                                 size_t count, sandbus_wit_result_refusal *result) {
    sandbus_test_measurement measurement = {kind, sandbus_test_at(name.at, name.len), value, NULL, 0};
    const char *code = sandbus_test_is_name(name) ? NULL : "bad_name";
    for (size_t i = 0; i < count && code == NULL; i++) {
        if (!sandbus_test_is_name(attributes[i].key)) code = "bad_attribute";
        for (size_t j = 0; j < i; j++)
            if ((sandbus_equal)(attributes[i].key, attributes[j].key)) code = "bad_attribute";
        sandbus_attribute copy = {sandbus_keep(attributes[i].key), sandbus_keep(attributes[i].value)};
        SANDBUS_TEST_PUSH(measurement.attributes, measurement.attribute_count, copy);
    }
    /* Neither infinite nor NaN. */
    if (code == NULL && !(value - value == 0)) code = "bad_value";
    if (sandbus_test_refuse(result, code, "no such metric or attribute, or no finite value"))
        SANDBUS_TEST_PUSH(sandbus_test_out.measurements, sandbus_test_out.measurement_count, measurement);
}

void sandbus_wit_metrics_counter_add(const void *name_at, size_t name_len, uint64_t value, const void *attributes_at,
                                     size_t attributes_len, sandbus_wit_result_refusal *result) {
    sandbus_test_measure('c', (sandbus_bytes){name_at, name_len}, (double)value, attributes_at, attributes_len, result);
}

void sandbus_wit_metrics_histogram_record(const void *name_at, size_t name_len, double value, const void *attributes_at,
                                          size_t attributes_len, sandbus_wit_result_refusal *result) {
    sandbus_test_measure('h', (sandbus_bytes){name_at, name_len}, value, attributes_at, attributes_len, result);
}

void sandbus_wit_metrics_updown_add(const void *name_at, size_t name_len, uint64_t value, const void *attributes_at,
                                    size_t attributes_len, sandbus_wit_result_refusal *result) {
    sandbus_test_measure('u', (sandbus_bytes){name_at, name_len}, (double)(int64_t)value, attributes_at, attributes_len,
                         result);
}

void sandbus_wit_wall_clock_now(sandbus_wit_datetime *result) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    *result = (sandbus_wit_datetime){(uint64_t)now.tv_sec, (uint32_t)now.tv_nsec};
}

/* C11 alone has no clock that cannot be set back: this one stands still meanwhile. */
uint64_t sandbus_wit_monotonic_clock_now(void) {
    static uint64_t latest;
    sandbus_wit_datetime now;
    sandbus_wit_wall_clock_now(&now);
    uint64_t nanos = now.seconds * 1000000000 + now.nanoseconds;
    return latest = nanos > latest ? nanos : latest;
}

static uint64_t sandbus_test_until;

uint32_t sandbus_wit_monotonic_clock_subscribe_duration(uint64_t when) {
    sandbus_test_until = sandbus_now_ns() + when;
    return 0;
}

void sandbus_wit_poll_pollable_block(uint32_t self) {
    (void)self;
    for (uint64_t now; (now = sandbus_now_ns()) < sandbus_test_until;) {
        struct timespec left = {(time_t)((sandbus_test_until - now) / 1000000000),
                                (long)((sandbus_test_until - now) % 1000000000)};
        nanosleep(&left, NULL);
    }
}

void sandbus_wit_poll_pollable_drop(uint32_t self) { (void)self; }

uint64_t sandbus_wit_random_get_random_u64(void) {
    uint64_t number;
    FILE *source = fopen("/dev/urandom", "rb");
    if (source == NULL || fread(&number, sizeof(number), 1, source) != 1) abort();
    fclose(source);
    return number;
}

void sandbus_test_config(const char *key, const char *value) {
    sandbus_attribute entry = {sandbus_text(key), sandbus_text(value)};
    SANDBUS_TEST_PUSH(sandbus_test_keys, sandbus_test_key_count, entry);
    for (size_t i = sandbus_test_key_count - 1; i > 0; i--) {
        sandbus_attribute *pair = &sandbus_test_keys[i - 1];
        if (strcmp(pair[0].key.at, pair[1].key.at) <= 0) break;
        entry = pair[0];
        pair[0] = pair[1];
        pair[1] = entry;
    }
}

void sandbus_test_grant(const char *topics) {
    SANDBUS_TEST_PUSH(sandbus_test_grants, sandbus_test_grant_count, sandbus_text(topics));
}

void sandbus_test_restart(void) { sandbus_created = false; }

bool sandbus_test_wants(const char *type) {
    const char *const *events = sandbus_registered_handler.events;
    for (; events != NULL && *events != NULL; events++)
        if (sandbus_test_matches(*events, strlen(*events), type, strlen(type))) return true;
    return false;
}

sandbus_test_event sandbus_test_event_of(const char *type) {
    sandbus_test_event event = {0};
    event.topic = sandbus_text("events.stream");
    event.type = sandbus_text(type);
    event.attempt = 1;
    event.offset = event.timestamp = -1;
    sandbus_test_header(&event, "event_type", type);
    return event;
}

void(sandbus_test_header)(sandbus_test_event *event, sandbus_bytes name, sandbus_bytes value) {
    if (event->header_count == sizeof(event->headers) / sizeof(*event->headers))
        sandbus_test_failed(__FILE__, __LINE__, "a test's event has at most 32 headers");
    event->headers[event->header_count++] = (sandbus_header){name, value};
}

static sandbus_bytes sandbus_test_encode(const sandbus_test_event *event) {
    sandbus_wit_header headers[sizeof(event->headers) / sizeof(*event->headers)];
    sandbus_wit_event given = {0};
    for (size_t i = 0; i < event->header_count; i++) {
        sandbus_header header = event->headers[i];
        headers[i] = (sandbus_wit_header){header.name, {header.value.at != NULL, header.value}};
    }
    given.topic = event->topic;
    given.partition = event->partition;
    given.offset = event->offset < 0 ? sandbus_test_next_offset : (uint64_t)event->offset;
    given.timestamp.some = event->timestamp >= 0;
    given.timestamp.value = (uint64_t)event->timestamp;
    given.key = (sandbus_wit_option_bytes){event->key.at != NULL, event->key};
    given.value = (sandbus_wit_option_bytes){event->value.at != NULL, event->value};
    given.headers.at = headers;
    given.headers.len = event->header_count;
    given.event_type = event->type;
    given.attempt = event->attempt;
    given.id = event->id.at != NULL ? event->id
                                    : sandbus_format("%.*s/%u/%llu", SANDBUS_ARG(given.topic), (unsigned)given.partition,
                                                     (unsigned long long)given.offset);
    sandbus_test_next_offset = given.offset + 1;
    return sandbus_frame_of(&given);
}

/* What the answer holds at this place, copied. */
static sandbus_bytes sandbus_test_reference(sandbus_bytes answer, size_t place) {
    const unsigned char *at = (const unsigned char *)answer.at + place;
    uint32_t len = sandbus_load32(at + 4);
    return len == UINT32_MAX ? SANDBUS_ABSENT : sandbus_test_at(answer.at + sandbus_load32(at), len);
}

sandbus_bytes sandbus_test_frame(sandbus_bytes frame, sandbus_outcome *outcome) {
    memset(&sandbus_test_out, 0, sizeof(sandbus_test_out));
    const sandbus_bytes *result = sandbus_wit_packed_handle(frame.at, frame.len);
    sandbus_bytes answer = sandbus_keep(*result);
    sandbus_wit_packed_handle_done(result);
    const unsigned char *record = (const unsigned char *)answer.at + 24;
    *outcome = sandbus_test_out;
    outcome->verdict = (sandbus_verdict){(sandbus_code)record[0], record[1] == 1, sandbus_load64(record + 8),
                                         sandbus_test_reference(answer, 40), sandbus_test_reference(answer, 48)};
    if (record[0] == SANDBUS_ACK) {
        outcome->published = outcome->sent;
        outcome->published_count = outcome->sent_count;
    }
    return answer;
}

sandbus_outcome sandbus_test_deliver(const sandbus_test_event *event) {
    sandbus_outcome outcome;
    sandbus_test_frame(sandbus_test_encode(event), &outcome);
    return outcome;
}

double sandbus_test_sum(const sandbus_outcome *outcome, const char *name) {
    double sum = 0;
    for (size_t i = 0; i < outcome->measurement_count; i++)
        if (sandbus_equal(outcome->measurements[i].name, name)) sum += outcome->measurements[i].value;
    return sum;
}

sandbus_bytes sandbus_test_header_of(const sandbus_message *message, const char *name) {
    for (size_t i = 0; i < message->header_count; i++)
        if (sandbus_equal(message->headers[i].name, name)) return message->headers[i].value;
    return SANDBUS_ABSENT;
}

enum { SANDBUS_TEST_STATUS = 97 };

void sandbus_test_failed(const char *file, int line, const char *what) {
    printf("    %s:%d: failed: %s\n", file, line, what);
    fflush(stdout);
    _exit(SANDBUS_TEST_STATUS);
}

void sandbus_test_expect_text(const char *file, int line, sandbus_bytes is, sandbus_bytes expected) {
    if ((sandbus_equal)(is, expected)) return;
    sandbus_bytes what = sandbus_format("\"%.*s\"%s, expected \"%.*s\"%s", SANDBUS_ARG(is), is.at ? "" : " (absent)",
                                        SANDBUS_ARG(expected), expected.at ? "" : " (absent)");
    sandbus_test_failed(file, line, sandbus_string(what));
}

void sandbus_test_expect(const char *file, int line, const sandbus_outcome *outcome, sandbus_code code, const char *text) {
    static const char *const names[] = {"nothing", "ack", "skip", "retry", "dead-letter", "error", "not-run"};
    const sandbus_verdict *verdict = &outcome->verdict;
    sandbus_bytes compared = verdict->code == SANDBUS_ERROR ? verdict->kind : verdict->text;
    if (verdict->code == code && (text == NULL || sandbus_equal(compared, text))) return;
    sandbus_bytes what = sandbus_format("the try ended in %s %.*s %.*s, expected %s %s", names[verdict->code % 7],
                                        SANDBUS_ARG(verdict->kind), SANDBUS_ARG(verdict->text), names[code],
                                        text != NULL ? text : "");
    sandbus_test_failed(file, line, sandbus_string(what));
}

void sandbus_test_run(const char *name, void (*test)(void), bool crashes) {
    printf("test %s\n", name);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        test();
        fflush(stdout);
        _exit(0);
    }
    int status = 0;
    bool ended = child > 0 && waitpid(child, &status, 0) == child;
    bool passed = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    /* A sanitizer ends the process by a status of its own. */
    bool crashed = WIFSIGNALED(status) || (WIFEXITED(status) && !passed && WEXITSTATUS(status) != SANDBUS_TEST_STATUS);
    if (ended && (crashes ? crashed : passed)) {
        sandbus_test_passed++;
        return;
    }
    sandbus_test_failures++;
    printf("    FAILED: %s%s\n", name, crashes ? ", which should have crashed" : crashed ? ", which crashed" : "");
}

int sandbus_test_end(void) {
    printf("%d passed; %d failed\n", sandbus_test_passed, sandbus_test_failures);
    return sandbus_test_failures == 0 ? 0 : 1;
}
#endif /* SANDBUS_TEST */
#endif /* SANDBUS_IMPLEMENTATION */
