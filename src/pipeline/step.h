/* pipeline/step.h - what every step of the pipeline shares. A step is a function
 *     semid_status step_<name>(const <name>_params *, const step_context *, json_t **report, err)
 * that reads files, writes files whole or not at all, and returns its figures as a JSON object. It
 * looks first whether its options fit together, then whether its outputs can be made
 * (output_check.h), then at its inputs: in this order, so that the cheapest answer comes first. */
#ifndef PIPELINE_STEP_H
#define PIPELINE_STEP_H

#include "base/error.h"
#include "base/string_list.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct step_context {
    uint64_t seed;
    const char *device; /* a name that device_find knows */
} step_context;

/* Every report ends with `seconds` (wall clock) and `peak_memory_bytes`. */
typedef struct step_timer {
    double start_s;
} step_timer;
step_timer step_begin(void);
semid_status step_end(step_timer timer, json_t *report, semid_error *err);

#endif
