/* The grammar of steps, read strictly: no spaces around them, nothing left out. */
#include "probe.h"

#include <string.h>

bool split_once(sandbus_bytes text, char mark, sandbus_bytes *before, sandbus_bytes *after) {
    const char *at = text.len > 0 ? memchr(text.at, mark, text.len) : NULL;
    if (at == NULL) return false;
    *before = (sandbus_bytes){text.at, (size_t)(at - text.at)};
    *after = (sandbus_bytes){at + 1, text.len - before->len - 1};
    return true;
}

/* Cuts a suffix off; false if the text does not end in it. */
static bool strip_suffix(sandbus_bytes *text, const char *suffix) {
    size_t len = strlen(suffix);
    if (text->len < len || memcmp(text->at + text->len - len, suffix, len) != 0) return false;
    text->len -= len;
    return true;
}

/* Decimal digits and nothing else, times the unit. */
static bool parse_number(sandbus_bytes text, uint64_t unit, uint64_t *number) {
    if (text.len == 0) return false;
    *number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') return false;
        uint64_t digit = (uint64_t)(text.at[i] - '0');
        if (*number > (UINT64_MAX - digit) / 10) return false;
        *number = *number * 10 + digit;
    }
    if (*number > UINT64_MAX / unit) return false;
    *number *= unit;
    return true;
}

/* `20ms`, `2s` or `50us`, in microseconds. */
static bool parse_duration(sandbus_bytes text, uint64_t *micros) {
    uint64_t unit = strip_suffix(&text, "us") ? 1 : strip_suffix(&text, "ms") ? 1000 : 1000000;
    if (unit == 1000000 && !strip_suffix(&text, "s")) return false;
    return parse_number(text, unit, micros);
}

/* `100MiB`, `64KiB`, `1GiB`, `17B` or `17`, less than 4 GiB. */
static bool parse_size(sandbus_bytes text, uint64_t *bytes) {
    uint64_t unit = strip_suffix(&text, "KiB")   ? 1 << 10
                    : strip_suffix(&text, "MiB") ? 1 << 20
                    : strip_suffix(&text, "GiB") ? 1 << 30
                                                 : 1;
    if (unit == 1) strip_suffix(&text, "B");
    return parse_number(text, unit, bytes) && *bytes <= UINT32_MAX;
}

static bool is(sandbus_bytes text, const char *word) { return sandbus_equal(text, word); }

static bool parse_argument(sandbus_bytes word, sandbus_bytes argument, step *read) {
    static const struct {
        const char *word;
        step_kind kind;
        bool (*parse)(sandbus_bytes, uint64_t *); /* none: any text will do */
    } words[] = {
        {"retry", STEP_RETRY_AFTER, parse_duration}, {"dead-letter", STEP_DEAD_LETTER, NULL},
        {"spin", STEP_SPIN, parse_duration},         {"sleep", STEP_SLEEP, parse_duration},
        {"alloc", STEP_ALLOC, parse_size},           {"result", STEP_RESULT, parse_size},
        {"log", STEP_LOG, NULL},                     {"count", STEP_COUNT, NULL},
        {"publish", STEP_PUBLISH, NULL},             {"throw", STEP_THROW, NULL},
    };
    read->text = argument;
    if (is(word, "log-flood")) {
        read->kind = STEP_LOG_FLOOD;
        return parse_number(argument, 1, &read->number);
    }
    if (is(word, "error")) {
        read->kind = STEP_FAIL;
        return split_once(argument, ':', &read->word, &read->text);
    }
    if (is(word, "until")) {
        sandbus_bytes attempt;
        step inner;
        read->kind = STEP_UNTIL;
        return split_once(argument, ':', &attempt, &read->text) && parse_number(attempt, 1, &read->number) &&
               read->number <= UINT32_MAX && step_parse(read->text, &inner);
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!is(word, words[i].word)) continue;
        read->kind = words[i].kind;
        return words[i].parse == NULL || words[i].parse(argument, &read->number);
    }
    return false;
}

bool step_parse(sandbus_bytes text, step *read) {
    static const struct {
        const char *word;
        step_kind kind;
    } words[] = {{"ack", STEP_ACK},   {"skip", STEP_SKIP}, {"retry", STEP_RETRY},
                 {"trap", STEP_TRAP}, {"loop", STEP_LOOP}, {"recurse", STEP_RECURSE}};
    sandbus_bytes word, argument;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!is(text, words[i].word)) continue;
        read->kind = words[i].kind;
        return true;
    }
    return split_once(text, ':', &word, &argument) && parse_argument(word, argument, read);
}

sandbus_verdict bad_step(sandbus_bytes text) { return sandbus_error_bytes("bad_step", text); }
