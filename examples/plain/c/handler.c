/* A handler without an SDK: the typed way of the contract, by hand. Any toolchain can do what is done here.
 *
 * The structs are what the canonical ABI makes of the types in wit/types.wit; functions are exported by the names that
 * wit/handler.wit gives them. Text has its length and no NUL. The README says how it is built. */
#include <stddef.h>
#include <stdint.h>

typedef struct { const char *at; size_t len; } text;                           /* string, list<u8> */
typedef struct { uint8_t some; text value; } optional;                         /* option<list<u8>> */
typedef struct { text name; optional value; } header;                          /* types.header */
typedef struct { uint8_t some; uint64_t value; } number;                       /* option<u64> */
typedef struct { const text *at; size_t len; } texts;                          /* list<string> */
typedef struct { const text (*at)[2]; size_t len; } pairs;                     /* list<tuple<string, string>> */
typedef struct { texts events; pairs attributes; } description;                /* descriptor.description */
typedef struct {
    text topic; uint32_t partition; uint64_t offset; number timestamp; optional key, value;
    struct { const header *at; size_t len; } headers; text id, type; uint32_t attempt;
} event;                                                                       /* types.event */
typedef struct { uint8_t tag; union { number retry; text dead_letter; } of; } verdict; /* ack, skip, retry, dead-letter */
typedef struct { text kind, message; } error;                                  /* types.error */
typedef struct { uint8_t failed; union { verdict ok; error err; } of; } result;

#define TEXT(literal) {literal, sizeof(literal) - 1}

__attribute__((import_module("sandbus:handler/logging@0.1.0"), import_name("log")))
void log_line(int level, const char *at, size_t len);

/* Where the host writes arguments: all of it is free again with the next event. */
static _Alignas(8) char memory[1 << 20];
static size_t used;

__attribute__((export_name("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old, (void)old_size; /* The host never makes anything larger. */
    used = (used + align - 1) & ~(align - 1);
    if (size > sizeof(memory) - used) __builtin_trap();
    used += size;
    return memory + used - size;
}

__attribute__((export_name("sandbus:handler/descriptor@0.1.0#describe")))
const description *describe(void) {
    static const text events[] = {TEXT("*")}, attributes[][2] = {{TEXT("language"), TEXT("c")}};
    static const description described = {{events, 1}, {attributes, 1}};
    return &described;
}

/* Logs the id, turns tombstones away, and is done with anything else. */
__attribute__((export_name("sandbus:handler/typed@0.1.0#handle")))
const result *handle(const event *event) {
    static result answer;
    used = 0; /* Nothing is taken until the next call, and this event is still read. */
    log_line(2, event->id.at, event->id.len);
    answer = (result){0};
    if (!event->value.some) answer = (result){1, {.err = {TEXT("tombstone"), TEXT("the event has no value")}}};
    return &answer;
}
