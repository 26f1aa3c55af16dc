/* What the parts of the probe have of each other. */
#ifndef PROBE_H
#define PROBE_H

#include "sandbus.h"

typedef enum step_kind {
    STEP_ACK,
    STEP_SKIP,
    STEP_RETRY,
    STEP_RETRY_AFTER,
    STEP_DEAD_LETTER,
    STEP_FAIL,
    STEP_UNTIL,
    STEP_SPIN,
    STEP_SLEEP,
    STEP_TRAP,
    STEP_THROW,
    STEP_LOOP,
    STEP_RECURSE,
    STEP_ALLOC,
    STEP_RESULT,
    STEP_LOG_FLOOD,
    STEP_LOG,
    STEP_COUNT,
    STEP_PUBLISH
} step_kind;

/* One thing to do. */
typedef struct step {
    step_kind kind;
    uint64_t number;    /* microseconds, bytes, lines, or the attempt of an `until` */
    sandbus_bytes text; /* reason, message, line, name, topic, or the step of an `until` */
    sandbus_bytes word; /* the kind of an error */
} step;

/* Reads one step; false if it is malformed. */
bool step_parse(sandbus_bytes text, step *read);
/* The error that a malformed step is. */
sandbus_verdict bad_step(sandbus_bytes text);
/* Parts a text at the first `mark`, which is in neither part; false if there is none. */
bool split_once(sandbus_bytes text, char mark, sandbus_bytes *before, sandbus_bytes *after);

/* Runs the script on this event. */
sandbus_verdict run_script(sandbus_bytes script, const sandbus_event *event);

/* With the instance's first event: whether each is reported, and what this instance says of itself. */
bool results_create(void);
bool results_report(const sandbus_event *event);

SANDBUS_NORETURN void misbehave_trap(void);
SANDBUS_NORETURN void misbehave_throw(sandbus_bytes text);
SANDBUS_NORETURN void misbehave_endlessly(void);
void misbehave_recurse(void);
void misbehave_alloc(size_t bytes);
void misbehave_log_flood(uint64_t lines);
/* Recursion of which a test can ask for less than all. */
uint64_t descend(uint64_t level, uint64_t deepest);

#endif
