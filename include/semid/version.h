/*
 * semid/version.h - the version of the library, when compiling and when running.
 *
 * Before 1.0 a new minor version may change the ABI, and the name of the shared library with it
 * (libsemid.so.0.2); a new patch version does not.
 */
#ifndef SEMID_VERSION_H
#define SEMID_VERSION_H

#include "semid/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of the headers. */
#define SEMID_VERSION_MAJOR 0
#define SEMID_VERSION_MINOR 2
#define SEMID_VERSION_PATCH 0

/* One number that grows, for comparisons: 200 for 0.2.0. */
#define SEMID_VERSION_NUMBER                                                                       \
    (SEMID_VERSION_MAJOR * 10000 + SEMID_VERSION_MINOR * 100 + SEMID_VERSION_PATCH)

/* Of the library that runs: "MAJOR.MINOR.PATCH", and as a number like the one above. */
SEMID_API const char *semid_version(void);
SEMID_API int semid_version_number(void);

#ifdef __cplusplus
}
#endif
#endif
