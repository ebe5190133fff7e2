#include "pipeline/step.h"

#include "base/log.h"
#include "base/memory.h"

step_timer step_begin(void) {
    return (step_timer){.start_s = clock_seconds()};
}

semid_status step_end(step_timer timer, json_t *report, semid_error *err) {
    double seconds = clock_seconds() - timer.start_s;
    if (json_object_set_new(report, "seconds", json_real(seconds)) != 0 ||
        json_object_set_new(report, "peak_memory_bytes",
                            json_integer((json_int_t)mem_peak_bytes())) != 0)
        FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    return SEMID_OK;
}
