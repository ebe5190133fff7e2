/*
 * semid/semid.h - all of libsemid's public interface.
 */
#ifndef SEMID_SEMID_H
#define SEMID_SEMID_H

#include "semid/assign.h"
#include "semid/codebook.h"
#include "semid/codes.h"
#include "semid/context.h"
#include "semid/ema.h"
#include "semid/encoder.h"
#include "semid/expand.h"
#include "semid/inverted.h"
#include "semid/kmeans.h"
#include "semid/model.h"
#include "semid/quality.h"
#include "semid/rows.h"
#include "semid/rqkmeans.h"
#include "semid/rqvae.h"
#include "semid/status.h"
#include "semid/version.h"

#endif
