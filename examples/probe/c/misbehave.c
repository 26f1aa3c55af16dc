/* What no handler should do, done so that no optimiser takes it away. */
#include "probe.h"

#include <stdlib.h>
#include <string.h>

void misbehave_trap(void) { __builtin_trap(); }

/* C has no exceptions: what comes nearest ends the instance, and says why. */
void misbehave_throw(sandbus_bytes text) { sandbus_trap(sandbus_string(text)); }

void misbehave_endlessly(void) {
    for (volatile uint64_t turns = 0;;) turns = turns + 1;
}

/* One frame for each level. The rotation after the call keeps it from becoming a loop; arguments live in locals, so it is
 * the call stack that fills and not the memory's own. */
__attribute__((noinline)) uint64_t descend(uint64_t level, uint64_t deepest) {
    if (level >= deepest) return level;
    uint64_t below = descend(level + 1, deepest);
    return (below << 7 | below >> 57) ^ level;
}

void misbehave_recurse(void) {
    volatile uint64_t first = 0, deepest = UINT64_MAX;
    first = descend(first, deepest);
}

/* Takes so many bytes, writes to all of them, and frees them. */
void misbehave_alloc(size_t bytes) {
    char *volatile taken = malloc(bytes > 0 ? bytes : 1);
    if (taken == NULL) sandbus_trap("out of memory");
    memset(taken, 1, bytes);
    free(taken);
}

void misbehave_log_flood(uint64_t lines) {
    for (uint64_t line = 1; line <= lines && line > 0; line++)
        sandbus_log_info("log-flood %llu", (unsigned long long)line);
}
