/* sample/words.h - what the sample catalogue is written with. Lists are one string, parts
 * separated by '|'. */
#ifndef SAMPLE_WORDS_H
#define SAMPLE_WORDS_H

#include <stddef.h>

typedef struct sample_type {
    const char *noun;      /* "Hex Bolt" */
    const char *category;  /* the shelf inside the department */
    const char *sizes;     /* variants of one product line */
    const char *materials; /* set apart the product lines */
    const char *features;  /* sentences without a full stop */
    const char *uses;      /* "for ..." */
} sample_type;

typedef struct sample_department {
    const char *name;
    const sample_type *types;
    size_t n_types;
} sample_department;

extern const sample_department sample_departments[];
extern const size_t n_sample_departments;

extern const char *const sample_brands; /* two parts make one: "Nor" + "vex" */
extern const char *const sample_endings;
extern const char *const sample_colors;
extern const char *const sample_closings; /* sentences that fit any product */
extern const char *const sample_praise;   /* reviews, from good ... */
extern const char *const sample_blame;    /* ... to bad */

#endif
