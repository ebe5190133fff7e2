#include "pipeline/step.h"

#include "base/json_report.h"
#include "base/log.h"
#include "base/memory.h"

/* What the report of every step ends with. The peak of memory is that of the process: it is the
 * step's own where the command runs one step, and that of the largest step so far in `run`, whose
 * steps share the process. */

step_timer step_begin(void) {
    return (step_timer){.start_s = clock_seconds()};
}

semid_status step_end(step_timer timer, json_t *report, semid_error *err) {
    TRY(json_set(report, "seconds", json_real(clock_seconds() - timer.start_s), err));
    return json_set(report, "peak_memory_bytes", json_integer((json_int_t)mem_peak_bytes()), err);
}
