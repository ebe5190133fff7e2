/* sample/words.h - the vocabulary of the sample catalogue. A list is one string, its elements
 * separated by '|'. */
#ifndef SAMPLE_WORDS_H
#define SAMPLE_WORDS_H

#include <stddef.h>

typedef struct sample_type {
    const char *noun;      /* "Hex Bolt" */
    const char *category;  /* the shelf inside the department */
    const char *sizes;     /* of the items of a product line */
    const char *materials; /* differ between product lines */
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

extern const char *const sample_brands; /* a brand is one of these + an ending: "Nor" + "vex" */
extern const char *const sample_endings;
extern const char *const sample_colors;
extern const char *const sample_closings; /* sentences for any product */
extern const char *const sample_praise;   /* good reviews */
extern const char *const sample_blame;    /* bad reviews */

#endif
