#include "input/sources.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct sources {
    const char *in;
    const source_params *params;
    json_t *noted;          /* what `train` noted, or NULL */
    const char *noted_path; /* where */
    size_t n;
    embeddings_part *parts; /* [n] weights as given */
    bool normalize;
} sources;

/* ---- metrics.json ---- */

/* The layout noted beside codebooks, or NULL. */
static semid_status load_noted(json_t **out, char **path, const char *codebooks, semid_error *err) {
    json_t *metrics = NULL;
    *out = NULL;
    size_t dir_len = (size_t)(path_basename(codebooks) - codebooks);
    TRY(mem_format(path, err, "%.*smetrics.json", (int)dir_len, codebooks));
    if (!path_exists(*path)) return SEMID_OK;
    TRY(json_file_load(&metrics, *path, err));
    json_t *layout = json_object_get(metrics, "concat");
    if (json_is_object(layout)) *out = json_incref(layout);
    json_decref(metrics);
    return SEMID_OK;
}

static const json_t *noted_source(const sources *s, size_t i) {
    return json_array_get(json_object_get(s->noted, "sources"), i);
}

static size_t noted_count(const json_t *layout) {
    return json_array_size(json_object_get(layout, "sources"));
}

static size_t noted_dim(const sources *s, size_t i) {
    return (size_t)json_integer_value(json_object_get(noted_source(s, i), "dim"));
}

static double noted_weight(const sources *s, size_t i) {
    return json_number_value(json_object_get(noted_source(s, i), "weight"));
}

/* ---- what is asked for ---- */

static semid_status parse_weight(float *out, const char *text, semid_error *err) {
    char *end;
    double w = strtod(text, &end);
    if (end == text || *end || !(w > 0) || !(w <= 1e6))
        FAIL(SEMID_ERR_USAGE, "--concat-weights: expected numbers above 0, found \"%s\"", text);
    *out = (float)w;
    return SEMID_OK;
}

static semid_status choose_weights(sources *s, semid_error *err) {
    const string_list *given = &s->params->weights;
    if (given->n_items > 0 && given->n_items != s->n)
        FAIL(SEMID_ERR_USAGE,
             "--concat-weights: expected %zu numbers, one for each file, found %zu", s->n,
             given->n_items);
    for (size_t i = 0; i < s->n; i++) {
        if (s->noted && !(noted_weight(s, i) > 0))
            FAIL(SEMID_ERR_FORMAT, "%s: expected a weight above 0 for file %zu", s->noted_path,
                 i + 1);
        s->parts[i].weight = s->noted ? (float)noted_weight(s, i) : 1;
        if (given->n_items > 0) TRY(parse_weight(&s->parts[i].weight, given->items[i], err));
    }
    return SEMID_OK;
}

static semid_status check_noted(const sources *s, semid_error *err) {
    if (noted_count(s->noted) != s->n)
        FAIL(SEMID_ERR_SHAPE, "%s: the codebooks were trained on %zu files side by side, found %zu",
             s->noted_path, noted_count(s->noted), s->n);
    for (size_t i = 0; i < s->n; i++) {
        size_t dim = embeddings_dim(s->parts[i].file);
        if (dim != noted_dim(s, i))
            FAIL(SEMID_ERR_SHAPE,
                 "%s: expected vectors of dimension %zu as file %zu in %s, found %zu",
                 embeddings_path(s->parts[i].file), noted_dim(s, i), i + 1, s->noted_path, dim);
        if (fabs((double)s->parts[i].weight - noted_weight(s, i)) > 1e-6)
            FAIL(SEMID_ERR_DATA, "--concat-weights: expected %g for %s as in %s, found %g",
                 noted_weight(s, i), embeddings_path(s->parts[i].file), s->noted_path,
                 (double)s->parts[i].weight);
    }
    bool noted = json_is_true(json_object_get(s->noted, "normalize"));
    if (noted != s->normalize)
        FAIL(SEMID_ERR_DATA, "--concat-normalize: expected %s as in %s, found %s",
             noted ? "it" : "--no-concat-normalize", s->noted_path,
             noted ? "--no-concat-normalize" : "it");
    return SEMID_OK;
}

/* One file where several were trained on: they may have been put together elsewhere. */
static semid_status check_single(const sources *s, semid_error *err) {
    size_t total = 0, dim = embeddings_dim(s->parts[0].file);
    for (size_t i = 0; i < noted_count(s->noted); i++) total += noted_dim(s, i);
    if (dim == total) return SEMID_OK;
    FAIL(SEMID_ERR_SHAPE,
         "%s: expected %zu files side by side as in %s, found one of dimension %zu: give --concat",
         s->in, noted_count(s->noted), s->noted_path, dim);
}

/* ---- opening ---- */

static semid_status open_parts(sources *s, semid_error *err) {
    TRY(mem_calloc(&s->parts, s->n, sizeof *s->parts, err));
    for (size_t i = 0; i < s->n; i++) {
        const char *path = i == 0 ? s->in : s->params->concat.items[i - 1];
        TRY(embeddings_open(&s->parts[i].file, path, err));
    }
    return SEMID_OK;
}

static semid_status make_layout(const sources *s, json_t **out, semid_error *err) {
    json_t *list = json_array(), *layout;
    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(list, json_pack("{s:s, s:I, s:f}", "input",
                                              embeddings_path(s->parts[i].file), "dim",
                                              (json_int_t)embeddings_dim(s->parts[i].file),
                                              "weight", (double)s->parts[i].weight));
    layout = json_pack("{s:b, s:o}", "normalize", (int)s->normalize, "sources", list);
    if (!layout) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    *out = layout;
    return SEMID_OK;
}

static semid_status concat(embeddings **out, sources *s, semid_error *err) {
    double squares = 0;
    for (size_t i = 0; i < s->n; i++)
        squares += (double)s->parts[i].weight * (double)s->parts[i].weight;
    for (size_t i = 0; i < s->n; i++) {
        s->parts[i].unit = s->normalize;
        if (s->normalize) s->parts[i].weight = (float)((double)s->parts[i].weight / sqrt(squares));
    }
    TRY(embeddings_concat(out, s->parts, s->n, err));
    for (size_t i = 0; i < s->n; i++) s->parts[i].file = NULL;
    return SEMID_OK;
}

static semid_status open_several(embeddings **out, json_t **layout, sources *s, semid_error *err) {
    tristate normalize = (tristate)s->params->normalize;
    bool unset = s->noted ? json_is_true(json_object_get(s->noted, "normalize")) : true;
    s->normalize = normalize == TRISTATE_UNSET ? unset : normalize == TRISTATE_YES;
    if (s->noted && noted_count(s->noted) != s->n) return check_noted(s, err);
    TRY(choose_weights(s, err));
    if (s->noted) TRY(check_noted(s, err));
    json_t *made = NULL;
    if (layout) TRY(make_layout(s, &made, err));
    semid_status status = concat(out, s, err);
    if (status == SEMID_OK && layout)
        *layout = made;
    else
        json_decref(made);
    return status;
}

static semid_status open_single(embeddings **out, json_t **layout, sources *s, semid_error *err) {
    if (s->params->weights.n_items > 0 || s->params->normalize != TRISTATE_UNSET)
        FAIL(SEMID_ERR_USAGE, "--concat-%s: expected --concat FILE as well",
             s->params->weights.n_items > 0 ? "weights" : "normalize");
    if (s->noted) TRY(check_single(s, err));
    if (layout) *layout = json_null();
    *out = s->parts[0].file;
    s->parts[0].file = NULL;
    return SEMID_OK;
}

semid_status sources_open(embeddings **out, json_t **layout, const char *in,
                          const source_params *params, const char *codebooks, semid_error *err) {
    semid_status status = SEMID_OK;
    sources s = {.in = in, .params = params, .n = params->concat.n_items + 1};
    char *noted_path = NULL;
    if (codebooks) TRY_GOTO(load_noted(&s.noted, &noted_path, codebooks, err));
    s.noted_path = noted_path;
    TRY_GOTO(open_parts(&s, err));
    if (s.n > 1)
        TRY_GOTO(open_several(out, layout, &s, err));
    else
        TRY_GOTO(open_single(out, layout, &s, err));
done:
    for (size_t i = 0; s.parts && i < s.n; i++) embeddings_close(s.parts[i].file);
    mem_free(s.parts);
    mem_free(noted_path);
    json_decref(s.noted);
    return status;
}

semid_status sources_check(const json_t *layout, const char *codebooks, semid_error *err) {
    json_t *noted = NULL;
    char *path = NULL;
    semid_status status = SEMID_OK;
    TRY_GOTO(load_noted(&noted, &path, codebooks, err));
    if (!json_is_object(layout) || !noted) goto done;
    bool same = noted_count(noted) == noted_count(layout) &&
                json_is_true(json_object_get(noted, "normalize")) ==
                    json_is_true(json_object_get(layout, "normalize"));
    for (size_t i = 0; same && i < noted_count(noted); i++) {
        const json_t *a = json_array_get(json_object_get(noted, "sources"), i);
        const json_t *b = json_array_get(json_object_get(layout, "sources"), i);
        same = json_equal(json_object_get(a, "dim"), json_object_get(b, "dim")) &&
               fabs(json_number_value(json_object_get(a, "weight")) -
                    json_number_value(json_object_get(b, "weight"))) <= 1e-6;
    }
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
