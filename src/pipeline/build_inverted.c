#include "pipeline/build_inverted.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/json_report.h"
#include "base/memory.h"
#include "formats/ids_index.h"
#include "pipeline/output_check.h"
#include "semid/inverted.h"
#include "table/item_codes.h"

#include <string.h>

/* The table that `export` wrote becomes the index that serving looks codes up in. The index is
 * opened again after it was written, which checks the file, and the figures of the report come from
 * there. */

static semid_status describe(const char *path, json_t **out, semid_error *err) {
    semid_inverted *index;
    TRY(semid_inverted_open(&index, path, err));
    size_t n_items = semid_inverted_items(index), n_codes = semid_inverted_codes(index);

    size_t largest_bucket = 0; /* items that share one code */
    for (size_t i = 0; i < n_codes; i++) {
        size_t n_rows;
        semid_inverted_rows(index, (semid_code_range){i, 1}, &n_rows);
        if (n_rows > largest_bucket) largest_bucket = n_rows;
    }

    json_t *meta = json_pack(
        "{s:s, s:I, s:I, s:I, s:f, s:I, s:f, s:I}", "index", path_basename(path), "items",
        (json_int_t)n_items, "levels", (json_int_t)semid_inverted_levels(index), "unique_codes",
        (json_int_t)n_codes, "avg_bucket", (double)n_items / (double)n_codes, "max_bucket",
        (json_int_t)largest_bucket, "collision_rate", 1 - (double)n_codes / (double)n_items,
        "index_bytes", (json_int_t)file_bytes(path));
    semid_inverted_close(index);
    return json_made(out, meta, err);
}

semid_status step_build_inverted(const build_inverted_params *params, const step_context *ctx,
                                 json_t **report, semid_error *err) {
    (void)ctx;
    static const char *const outputs[] = {"inverted.sid", "inverted.meta.json", NULL};
    step_timer timer = step_begin();
    semid_status status = SEMID_OK;
    ids list = {0};
    semid_codes codes = {0};
    const char **strings = NULL;
    char *path = NULL, *meta_path = NULL;
    json_t *meta = NULL;
    TRY(output_check_folder(params->outdir, outputs, err));

    TRY_GOTO(item_codes_load(&list, &codes, params->items, params->id_col, err));

    /* The ids as C strings; duplicates and ids with a NUL inside could not be looked up again. */
    TRY_GOTO(ids_check_distinct(&list, params->items, err));
    TRY_GOTO(mem_alloc(&strings, list.n_ids, sizeof *strings, err));
    for (size_t i = 0; i < list.n_ids; i++) {
        size_t n_bytes;
        strings[i] = ids_get(&list, i, &n_bytes);
        if (strlen(strings[i]) != n_bytes)
            FAIL_GOTO(SEMID_ERR_DATA, "%s: row %zu: the id has a NUL byte inside", params->items,
                      i);
    }

    TRY_GOTO(path_join(&path, params->outdir, outputs[0], err));
    TRY_GOTO(path_join(&meta_path, params->outdir, outputs[1], err));
    /* the index is what serving reads; its description follows */
    TRY_GOTO(semid_inverted_build(path, &codes, strings, err));
    TRY_GOTO(describe(path, &meta, err));
    TRY_GOTO(json_file_save(meta, meta_path, err));

    TRY_GOTO(step_end(timer, meta, err));
    *report = meta;
    meta = NULL;
done:
    json_decref(meta);
    mem_free(path);
    mem_free(meta_path);
    mem_free(strings);
    semid_codes_release(&codes);
    ids_release(&list);
    return status;
}
