/* Carries out a script: steps in order, the first verdict ends it, without one it is `ack`. */
#include "probe.h"

#include <string.h>

/* Burns CPU until that much time has passed. The clock is read every few microseconds, so that the time goes to the
 * guest and not to host calls. */
static void spin(uint64_t micros) {
    volatile uint64_t state = 1;
    for (uint64_t start = sandbus_now_ns(); (sandbus_now_ns() - start) / 1000 < micros;)
        for (int i = 0; i < 10000; i++) state = state * 6364136223846793005u;
}

static void sleep_for(uint64_t micros) {
    sandbus_sleep_ns(micros > UINT64_MAX / 1000 ? UINT64_MAX : micros * 1000);
}

static sandbus_verdict result_of(size_t bytes) {
    char *reason = sandbus_alloc(bytes);
    memset(reason, 'x', bytes);
    return sandbus_dead_letter_bytes(sandbus_view(reason, bytes));
}

/* Runs one step. True if it ends the script, by *verdict. */
static bool run_step(const step *step_, const sandbus_event *event, sandbus_verdict *verdict) {
    bool done = true;
    step inner;
    sandbus_message copy;
    switch (step_->kind) {
    case STEP_ACK: *verdict = sandbus_ack(); return true;
    case STEP_SKIP: *verdict = sandbus_skip(); return true;
    case STEP_RETRY: *verdict = sandbus_retry(); return true;
    case STEP_RETRY_AFTER: *verdict = sandbus_retry_after(step_->number / 1000 + (step_->number % 1000 > 0)); return true;
    case STEP_DEAD_LETTER: *verdict = sandbus_dead_letter_bytes(step_->text); return true;
    case STEP_FAIL: *verdict = sandbus_error_bytes(step_->word, step_->text); return true;
    case STEP_RESULT: *verdict = result_of((size_t)step_->number); return true;
    case STEP_UNTIL:
        return sandbus_event_attempt(event) < step_->number && step_parse(step_->text, &inner) &&
               run_step(&inner, event, verdict);
    case STEP_SPIN: spin(step_->number); break;
    case STEP_SLEEP: sleep_for(step_->number); break;
    case STEP_TRAP: misbehave_trap();
    case STEP_THROW: misbehave_throw(step_->text);
    case STEP_LOOP: misbehave_endlessly();
    case STEP_RECURSE: misbehave_recurse(); break;
    case STEP_ALLOC: misbehave_alloc((size_t)step_->number); break;
    case STEP_LOG_FLOOD: misbehave_log_flood(step_->number); break;
    case STEP_LOG: sandbus_log(SANDBUS_LEVEL_INFO, step_->text); break;
    case STEP_COUNT: done = sandbus_counter_add(step_->text, 1, SANDBUS_NO_ATTRIBUTES); break;
    case STEP_PUBLISH:
        copy = sandbus_forward(event, step_->text);
        done = sandbus_send(&copy);
        break;
    }
    if (!done) *verdict = sandbus_failed();
    return !done;
}

sandbus_verdict run_script(sandbus_bytes script, const sandbus_event *event) {
    for (bool more = true; more;) {
        sandbus_bytes text = script, rest;
        sandbus_verdict verdict;
        step read;
        more = split_once(script, ';', &text, &rest);
        if (!step_parse(text, &read)) return bad_step(text);
        if (run_step(&read, event, &verdict)) return verdict;
        if (more) script = rest;
    }
    return sandbus_ack();
}
