#include "semid/version.h"

/* The numbers of the header that the library was compiled with. */

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *semid_version(void) {
    return TEXT(SEMID_VERSION_MAJOR) "." TEXT(SEMID_VERSION_MINOR) "." TEXT(SEMID_VERSION_PATCH);
}

int semid_version_number(void) {
    return SEMID_VERSION_NUMBER;
}
