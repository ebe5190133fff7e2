/*
 * semid/semid.h - all of libsemid's public interface.
 */
#ifndef SEMID_SEMID_H
#define SEMID_SEMID_H

#include "semid/codebook.h"
#include "semid/codes.h"
#include "semid/inverted.h"
#include "semid/status.h"

#endif
