#include "device/device.h"

#include <string.h>

/* The devices that a name can mean. "auto" takes the best one there is: the CPU, which is the
 * reference that every other back end is compared with. A further one is a struct declared in
 * device.h and a comparison here. */

semid_status device_find(const device **out, const char *name, semid_error *err) {
    if (strcmp(name, "auto") != 0 && strcmp(name, device_cpu.name) != 0)
        FAIL(SEMID_ERR_ARGUMENT, "device: expected auto or cpu, found \"%s\"", name);
    *out = &device_cpu;
    return SEMID_OK;
}
