/* The reader of JSON. tests/conformance/json.jsonl is the program's second argument. */
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

/* --- the documents that every language reads --- */

static sandbus_bytes read_lines(const char *path) {
    enum { SPACE = 1 << 20 };
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, SPACE);
    SANDBUS_EXPECT(file != NULL && text != NULL);
    size_t len = fread(text, 1, SPACE, file);
    SANDBUS_EXPECT(len > 0 && len < SPACE && fclose(file) == 0);
    return (sandbus_bytes){text, len};
}

static sandbus_bytes text_of(sandbus_json row, const char *name) {
    sandbus_bytes text = {"", 0};
    if ((sandbus_json_has)(row, SANDBUS_BYTES(name)))
        SANDBUS_EXPECT((sandbus_json_text)(row, SANDBUS_BYTES(name), &text));
    return text;
}

static sandbus_bytes from_base64(sandbus_bytes text) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *bytes = malloc(text.len);
    SANDBUS_EXPECT(bytes != NULL);
    size_t len = 0;
    uint32_t bits = 0;
    for (size_t at = 0; at < text.len && text.at[at] != '='; at++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, text.at[at]) - digits);
        if (at % 4 > 0) bytes[len++] = (char)(bits >> (6 - 2 * (at % 4)));
    }
    sandbus_bytes exact = exactly(bytes, len);
    free(bytes);
    return exact;
}

static sandbus_bytes document_of(sandbus_json row) {
    if (sandbus_json_has(row, "base64")) return from_base64(text_of(row, "base64"));
    if (!sandbus_json_has(row, "times")) {
        sandbus_bytes document = text_of(row, "document");
        return exactly(document.at, document.len);
    }
    int64_t times;
    SANDBUS_EXPECT(sandbus_json_integer(row, "times", &times));
    const char *const names[] = {"before", "open", "inside", "close", "after"};
    size_t len = 0;
    for (size_t i = 0; i < 5; i++) len += text_of(row, names[i]).len * (i % 2 ? (size_t)times : 1);
    char *document = malloc(len), *at = document;
    SANDBUS_EXPECT(document != NULL);
    for (size_t i = 0; i < 5; i++) {
        sandbus_bytes part = text_of(row, names[i]);
        for (int64_t n = i % 2 ? times : 1; n > 0; n--, at += part.len) memcpy(at, part.at, part.len);
    }
    return (sandbus_bytes){document, len};
}

static const char *documents;

static void what_is_json_is_so_in_every_language(void) {
    sandbus_bytes file = read_lines(documents);
    size_t count = 0;
    for (const char *at = file.at, *end; at < file.at + file.len; at = end + 1, count++) {
        end = memchr(at, '\n', (size_t)(file.at + file.len - at));
        SANDBUS_EXPECT(end != NULL);
        sandbus_json row, differs, body;
        SANDBUS_EXPECT((sandbus_json_parse)((sandbus_bytes){at, (size_t)(end - at)}, &row));
        sandbus_bytes wanted = text_of(row, "is");
        if (sandbus_json_has(row, "differs") && sandbus_json_field(row, "differs", &differs) &&
            sandbus_json_has(differs, "c"))
            wanted = text_of(differs, "c");
        sandbus_bytes document = document_of(row);
        const char *found = (sandbus_json_parse)(document, &body) ? "ok" : "bad_json";
        free((char *)(uintptr_t)document.at);
        if (wanted.len < strlen(found) || memcmp(wanted.at, found, strlen(found)) != 0)
            sandbus_test_failed(__FILE__, __LINE__, sandbus_string(text_of(row, "name")));
    }
    SANDBUS_EXPECT(count > 50);
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

int main(int count, char **arguments) {
    if (count != 3) return 1;
    documents = arguments[2];
    SANDBUS_RUN(what_is_json_is_read_and_nothing_else);
    SANDBUS_RUN(what_is_json_is_so_in_every_language);
    SANDBUS_RUN(fields_are_found_by_their_names);
    SANDBUS_RUN(items_come_in_order);
    SANDBUS_RUN(what_is_quoted_reads_back);
    SANDBUS_RUN(no_byte_makes_it_read_elsewhere);
    return sandbus_test_end();
}
