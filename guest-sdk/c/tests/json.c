/* The reader of JSON. */
#define SANDBUS_IMPLEMENTATION
#include "sandbus.h"

static sandbus_verdict handle(const sandbus_event *event) {
    (void)event;
    return sandbus_ack();
}
SANDBUS_HANDLER(.name = "json", .events = SANDBUS_EVENTS("*"), .handle = handle);

/* In memory of its own length, so that a sanitizer sees its end. */
static sandbus_bytes exactly(const char *text, size_t len) {
    char *copy = malloc(len + (len == 0));
    if (copy == NULL) exit(1);
    memcpy(copy, text, len);
    return (sandbus_bytes){copy, len};
}

static sandbus_json parsed(const char *text) {
    sandbus_json value;
    SANDBUS_EXPECT(sandbus_json_parse(exactly(text, strlen(text)), &value));
    return value;
}

static void what_is_json_is_read_and_nothing_else(void) {
    static const char *const good[] = {
        "null", " true ", "0", "-0", "-12.5e+3", "1E2", "\"\"", "[]", "[ ]", "{}", "{ }", "[1,[2,{\"a\":[]}]]",
        "{\"a\":1 , \"b\" : null}", "\"\\u00e9\\ud83d\\ude00\\n\\/\"", "\"\xc3\xa9\"", "\t[\r\n]"};
    static const char *const bad[] = {
        "", " ", "nul", "nulll", "True", "01", "-", "1.", ".5", "1e", "+1", "0x1", "NaN", "\"", "\"a", "'a'", "\"\\x\"",
        "\"\\u12g4\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\n\"", "\"\\", "\"\\u12", "[", "[1", "[1,",
        "[1,]", "[,1]", "[1 2]", "]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{1:2}", "{\"a\" 1}",
        "1 1", "[] []", "\"\xff\"", "\xef\xbb\xbf{}", "// x\n1"};
    sandbus_json value;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) parsed(good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (sandbus_json_parse(exactly(bad[i], strlen(bad[i])), &value))
            sandbus_test_failed(__FILE__, __LINE__, bad[i]);
        SANDBUS_EXPECT_TEXT(sandbus_failure(), "bad_json");
    }
    /* A NUL is none of its spaces. */
    SANDBUS_EXPECT(!sandbus_json_parse(exactly("1\0", 2), &value));
    SANDBUS_EXPECT(!sandbus_json_parse(exactly("\"\\\0\"", 4), &value));
}

static void it_is_nested_at_most_128_deep(void) {
    sandbus_json value;
    char text[260];
    memset(text, '[', 130);
    memset(text + 130, ']', 130);
    SANDBUS_EXPECT(sandbus_json_parse(exactly(text + 2, 256), &value));
    SANDBUS_EXPECT(!sandbus_json_parse(exactly(text + 1, 258), &value));
    char *deep = malloc(1 << 20);
    SANDBUS_EXPECT(deep != NULL);
    memset(deep, '[', 1 << 20);
    SANDBUS_EXPECT(!sandbus_json_parse(((sandbus_bytes){deep, 1 << 20}), &value));
}

static void fields_are_found_by_their_names(void) {
    sandbus_json order = parsed("{\"o\\u0072der\":{\"id\":\"a\\\"b\\u00e9\\ud83d\\ude00\"},\"n\":-9223372036854775808,"
                                "\"x\":1.5,\"yes\":true,\"nothing\":null,\"twice\":1,\"twice\":2,\"\":\"empty\"}");
    sandbus_json inner;
    sandbus_bytes text;
    int64_t integer;
    double number;
    bool yes;
    SANDBUS_EXPECT(sandbus_json_field(order, "order", &inner) && sandbus_json_text(inner, "id", &text));
    SANDBUS_EXPECT_TEXT(text, "a\"b\xc3\xa9\xf0\x9f\x98\x80");
    SANDBUS_EXPECT(sandbus_json_integer(order, "n", &integer) && integer == INT64_MIN);
    SANDBUS_EXPECT(sandbus_json_number(order, "x", &number) && number == 1.5);
    SANDBUS_EXPECT(sandbus_json_boolean(order, "yes", &yes) && yes);
    SANDBUS_EXPECT(sandbus_json_text(order, "", &text));
    SANDBUS_EXPECT_TEXT(text, "empty");
    SANDBUS_EXPECT(sandbus_json_has(order, "n") && !sandbus_json_has(order, "nothing") && !sandbus_json_has(order, "id"));
    SANDBUS_EXPECT(!sandbus_json_text(order, "n", &text));
    SANDBUS_EXPECT_TEXT(sandbus_failed().text, "the field \"n\" is no text");
    SANDBUS_EXPECT(!sandbus_json_integer(order, "x", &integer) && !sandbus_json_integer(order, "nothing", &integer));
    SANDBUS_EXPECT(!sandbus_json_integer(order, "twice", &integer));
    SANDBUS_EXPECT_TEXT(sandbus_failed().text, "the field \"twice\" is there twice");
    SANDBUS_EXPECT(!sandbus_json_text(order, "missing", &text));
    SANDBUS_EXPECT_TEXT(sandbus_failed().text, "the field \"missing\" is missing");
    SANDBUS_EXPECT(!sandbus_json_text(parsed("[]"), "id", &text));
    SANDBUS_EXPECT(!sandbus_json_integer(parsed("{\"n\":9223372036854775808}"), "n", &integer));
    SANDBUS_EXPECT(!sandbus_json_integer(parsed("{\"n\":1e3}"), "n", &integer));
}

static void items_come_in_order(void) {
    sandbus_json array = parsed(" [ 1 , [2, 3],{\"a\":[4]},\"]\" ] "), item;
    static const char *const items[] = {"1", "[2, 3]", "{\"a\":[4]}", "\"]\""};
    size_t cursor = 0, count = 0;
    while (sandbus_json_next(array, &cursor, &item)) SANDBUS_EXPECT_TEXT(item.raw, items[count++]);
    SANDBUS_EXPECT(count == 4);
    cursor = 0;
    SANDBUS_EXPECT(!sandbus_json_next(parsed("[]"), &cursor, &item) && !sandbus_json_next(parsed("{}"), &cursor, &item));
}

static void what_is_quoted_reads_back(void) {
    sandbus_json value;
    sandbus_bytes text, given = {"a\"\\\n\x01\x7f\xc3\xa9\0z", 10};
    SANDBUS_EXPECT_TEXT(sandbus_json_quote("a\"\n"), "\"a\\\"\\u000a\"");
    SANDBUS_EXPECT(sandbus_json_parse(sandbus_json_quote(given), &value) && sandbus_json_to_text(value, &text));
    SANDBUS_EXPECT_TEXT(text, given);
    SANDBUS_EXPECT_TEXT(sandbus_json_quote(SANDBUS_ABSENT), "\"\"");
    SANDBUS_EXPECT_TEXT(sandbus_json_quote("\xff"), "\"\xef\xbf\xbd\"");
}

/* What is cut or changed at any byte is read or refused, and a sanitizer finds nothing. */
static void no_byte_makes_it_read_elsewhere(void) {
    static const char good[] = "{\"a\":[1,-2.5e3,\"\\ud83d\\ude00\\n\"],\"b\":{\"c\":null},\"a\":true}";
    size_t refused = 0;
    for (size_t at = 0; at < sizeof(good) - 1; at++) {
        sandbus_json value;
        SANDBUS_EXPECT(!sandbus_json_parse(exactly(good, at), &value));
        for (int byte = 0; byte < 256; byte++) {
            sandbus_bytes document = exactly(good, sizeof(good) - 1), text;
            ((char *)(uintptr_t)document.at)[at] = (char)byte;
            if (!sandbus_json_parse(document, &value)) {
                refused++;
                continue;
            }
            sandbus_json_text(value, "a", &text);
            sandbus_json_has(value, "b");
        }
    }
    SANDBUS_EXPECT(refused > 1000);
}

int main(void) {
    SANDBUS_RUN(what_is_json_is_read_and_nothing_else);
    SANDBUS_RUN(it_is_nested_at_most_128_deep);
    SANDBUS_RUN(fields_are_found_by_their_names);
    SANDBUS_RUN(items_come_in_order);
    SANDBUS_RUN(what_is_quoted_reads_back);
    SANDBUS_RUN(no_byte_makes_it_read_elsewhere);
    return sandbus_test_end();
}
