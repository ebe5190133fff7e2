#include "input/concat.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/json_report.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* `train` notes the layout of its files in metrics.json:
 *
 *     "concat": {"normalize": true, "sources": [{"input": "a.npy", "dim": 384, "weight": 1.0},
 * ...]}
 *
 * null for one file. Weights are noted as they were given. Every later step reads the layout beside
 * the codebooks, takes it as its default and refuses anything that contradicts it: codes of vectors
 * that are put together in another way would look right and mean nothing. */

enum { MAX_WEIGHT = 1000000 };

typedef struct concat {
    const char *in;
    const concat_params *params;
    json_t *noted;    /* the layout that `train` noted, or NULL */
    char *noted_path; /* of the file that it stands in */
    size_t n;
    embeddings_part *parts; /* [n] with weights as given */
    bool normalize;
} concat;

/* ---- the layout in metrics.json ---- */

/* *layout: the one noted beside the codebooks, or NULL. */
static semid_status load_layout(json_t **layout, char **path, const char *codebooks,
                                semid_error *err) {
    json_t *metrics = NULL;
    *layout = NULL;

    size_t dir_len = (size_t)(path_basename(codebooks) - codebooks);
    TRY(mem_format(path, err, "%.*smetrics.json", (int)dir_len, codebooks));
    if (!path_exists(*path)) return SEMID_OK;

    TRY(json_file_load(&metrics, *path, err));
    json_t *found = json_object_get(metrics, "concat");
    if (json_is_object(found)) *layout = json_incref(found);
    json_decref(metrics);
    return SEMID_OK;
}

static size_t layout_files(const json_t *layout) {
    return json_array_size(json_object_get(layout, "sources"));
}

static const json_t *layout_file(const json_t *layout, size_t i) {
    return json_array_get(json_object_get(layout, "sources"), i);
}

static size_t layout_dim(const json_t *layout, size_t i) {
    return (size_t)json_integer_value(json_object_get(layout_file(layout, i), "dim"));
}

static double layout_weight(const json_t *layout, size_t i) {
    return json_number_value(json_object_get(layout_file(layout, i), "weight"));
}

static bool layout_normalizes(const json_t *layout) {
    return json_is_true(json_object_get(layout, "normalize"));
}

/* Weights pass through a file with fewer digits than they have. */
static bool same_weight(double a, double b) {
    return fabs(a - b) <= 1e-6;
}

static semid_status make_layout(const concat *c, json_t **out, semid_error *err) {
    json_t *files = json_array();
    for (size_t i = 0; i < c->n; i++)
        json_array_append_new(files, json_pack("{s:s, s:I, s:f}", "input",
                                               embeddings_path(c->parts[i].file), "dim",
                                               (json_int_t)embeddings_dim(c->parts[i].file),
                                               "weight", (double)c->parts[i].weight));
    return json_made(out, json_pack("{s:b, s:o}", "normalize", (int)c->normalize, "sources", files),
                     err);
}

/* ---- several files ---- */

/* Given weights win over noted ones, which win over 1. */
static semid_status choose_weights(concat *c, semid_error *err) {
    const string_list *given = &c->params->weights;
    if (given->n_items > 0 && given->n_items != c->n)
        FAIL(STATUS_USAGE, "--concat-weights: expected %zu numbers, one for each file, found %zu",
             c->n, given->n_items);

    for (size_t i = 0; i < c->n; i++) {
        double weight = c->noted ? layout_weight(c->noted, i) : 1;
        if (!(weight > 0))
            FAIL(SEMID_ERR_FORMAT, "%s: expected a weight above 0 for file %zu", c->noted_path,
                 i + 1);

        if (given->n_items > 0) {
            char *end;
            const char *text = given->items[i];
            weight = strtod(text, &end);
            if (end == text || *end || !(weight > 0) || !(weight <= MAX_WEIGHT))
                FAIL(STATUS_USAGE, "--concat-weights: expected numbers above 0, found \"%s\"",
                     text);
        }
        c->parts[i].weight = (float)weight;
    }
    return SEMID_OK;
}

static semid_status check_noted(const concat *c, semid_error *err) {
    for (size_t i = 0; i < c->n; i++) {
        const embeddings *file = c->parts[i].file;
        size_t dim = layout_dim(c->noted, i);
        double weight = layout_weight(c->noted, i);

        if (embeddings_dim(file) != dim)
            FAIL(SEMID_ERR_SHAPE,
                 "%s: expected vectors of dimension %zu as file %zu in %s, found %zu",
                 embeddings_path(file), dim, i + 1, c->noted_path, embeddings_dim(file));
        if (!same_weight((double)c->parts[i].weight, weight))
            FAIL(SEMID_ERR_DATA, "--concat-weights: expected %g for %s as in %s, found %g", weight,
                 embeddings_path(file), c->noted_path, (double)c->parts[i].weight);
    }

    bool noted = layout_normalizes(c->noted);
    if (noted != c->normalize)
        FAIL(SEMID_ERR_DATA, "--concat-normalize: expected %s as in %s, found %s",
             noted ? "it" : "--no-concat-normalize", c->noted_path,
             noted ? "--no-concat-normalize" : "it");
    return SEMID_OK;
}

static semid_status open_several(embeddings **out, json_t **layout, concat *c, semid_error *err) {
    tristate asked = (tristate)c->params->normalize;
    bool unset = c->noted ? layout_normalizes(c->noted) : true;
    c->normalize = asked == TRISTATE_UNSET ? unset : asked == TRISTATE_YES;

    if (c->noted && layout_files(c->noted) != c->n)
        FAIL(SEMID_ERR_SHAPE, "%s: the codebooks were trained on %zu files side by side, found %zu",
             c->noted_path, layout_files(c->noted), c->n);
    TRY(choose_weights(c, err));
    if (c->noted) TRY(check_noted(c, err));
    json_t *made = NULL;
    if (layout) TRY(make_layout(c, &made, err));

    /* weights as they are applied; what is noted stays as it was given */
    double squares = 0;
    for (size_t i = 0; i < c->n; i++)
        squares += (double)c->parts[i].weight * (double)c->parts[i].weight;
    for (size_t i = 0; i < c->n; i++) {
        c->parts[i].unit = c->normalize;
        if (c->normalize) c->parts[i].weight = (float)((double)c->parts[i].weight / sqrt(squares));
    }

    semid_status status = embeddings_concat(out, c->parts, c->n, err);
    if (status != SEMID_OK) {
        json_decref(made);
        return status;
    }
    for (size_t i = 0; i < c->n; i++) c->parts[i].file = NULL; /* they belong to *out now */
    if (layout) *layout = made;
    return SEMID_OK;
}

/* ---- one file ---- */

static semid_status open_single(embeddings **out, json_t **layout, concat *c, semid_error *err) {
    size_t n_weights = c->params->weights.n_items, noted_dim = 0;
    size_t dim = embeddings_dim(c->parts[0].file);
    if (n_weights > 0 || c->params->normalize != TRISTATE_UNSET)
        FAIL(STATUS_USAGE, "--concat-%s: expected --concat FILE as well",
             n_weights > 0 ? "weights" : "normalize");

    /* one file where several were trained on: they may have been put together elsewhere */
    for (size_t i = 0; i < layout_files(c->noted); i++) noted_dim += layout_dim(c->noted, i);
    if (c->noted && dim != noted_dim)
        FAIL(SEMID_ERR_SHAPE,
             "%s: expected %zu files side by side as in %s, found one of dimension %zu: give "
             "--concat",
             c->in, layout_files(c->noted), c->noted_path, dim);

    if (layout) *layout = json_null();
    *out = c->parts[0].file;
    c->parts[0].file = NULL;
    return SEMID_OK;
}

/* ---- both ---- */

semid_status concat_open(embeddings **out, json_t **layout, const char *in,
                         const concat_params *params, const char *codebooks, semid_error *err) {
    semid_status status = SEMID_OK;
    concat c = {.in = in, .params = params, .n = params->files.n_items + 1};
    if (codebooks) TRY_GOTO(load_layout(&c.noted, &c.noted_path, codebooks, err));

    TRY_GOTO(mem_calloc(&c.parts, c.n, sizeof *c.parts, err));
    for (size_t i = 0; i < c.n; i++) {
        const char *path = i == 0 ? in : params->files.items[i - 1];
        TRY_GOTO(embeddings_open(&c.parts[i].file, path, err));
    }

    status = c.n > 1 ? open_several(out, layout, &c, err) : open_single(out, layout, &c, err);
done:
    for (size_t i = 0; c.parts && i < c.n; i++) embeddings_close(c.parts[i].file);
    mem_free(c.parts);
    mem_free(c.noted_path);
    json_decref(c.noted);
    return status;
}

semid_status concat_check(const json_t *layout, const char *codebooks, semid_error *err) {
    json_t *noted = NULL;
    char *path = NULL;
    semid_status status = SEMID_OK;
    TRY_GOTO(load_layout(&noted, &path, codebooks, err));
    if (!json_is_object(layout) || !noted) goto done;

    bool same = layout_files(noted) == layout_files(layout) &&
                layout_normalizes(noted) == layout_normalizes(layout);
    for (size_t i = 0; same && i < layout_files(noted); i++)
        same = layout_dim(noted, i) == layout_dim(layout, i) &&
               same_weight(layout_weight(noted, i), layout_weight(layout, i));

    if (!same)
        FAIL_GOTO(SEMID_ERR_DATA,
                  "%s: expected the files, weights and normalisation that the other methods were "
                  "trained on, found others",
                  path);
done:
    mem_free(path);
    json_decref(noted);
    return status;
}
