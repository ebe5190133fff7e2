/* pipeline/health.h - quality figures as JSON: what train, inspect and metrics.json report. */
#ifndef PIPELINE_HEALTH_H
#define PIPELINE_HEALTH_H

#include "base/error.h"
#include "semid/quality.h"

#include <jansson.h>

/* A number, or null where it is not finite: errors can overflow. */
json_t *health_figure(double v);

/* Adds "levels" (an array with an object per level) and "codes" (an object) to `report`. Figures
 * that are not known are null. */
semid_status health_add(json_t *report, const semid_quality *quality, semid_error *err);

#endif
