#include "pipeline/export.h"

#include "base/log.h"
#include "formats/ids.h"
#include "semid/codes.h"
#include "table/item_codes.h"

static semid_status write_table(const export_params *p, const ids *list, const semid_codes *codes,
                                json_t **report, semid_error *err) {
    if (list->n_ids != codes->n_rows)
        FAIL(SEMID_ERR_SHAPE,
             "%s has %zu ids, %s has shape [%zu, %zu]: expected one id for each row", p->ids,
             list->n_ids, p->codes, codes->n_rows, codes->n_levels);
    log_info("writing %zu items to %s", list->n_ids, p->out);
    TRY(item_codes_save(list, codes, p->out, p->id_col, p->concat_col, err));
    *report = json_pack("{s:s, s:I, s:I}", "out", p->out, "items", (json_int_t)list->n_ids,
                        "levels", (json_int_t)codes->n_levels);
    if (!*report) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    return SEMID_OK;
}

semid_status step_export(const export_params *params, const step_context *ctx, json_t **report,
                         semid_error *err) {
    (void)ctx;
    step_timer timer = step_begin();
    semid_codes codes = {0};
    ids list = {0};
    json_t *made = NULL;
    semid_status status = SEMID_OK;
    TRY_GOTO(item_codes_check_path(params->out, err));
    TRY_GOTO(semid_codes_load(&codes, params->codes, err));
    TRY_GOTO(ids_load(&list, params->ids, err));
    TRY_GOTO(write_table(params, &list, &codes, &made, err));
    TRY_GOTO(step_end(timer, made, err));
    *report = json_incref(made);
done:
    json_decref(made);
    ids_release(&list);
    semid_codes_release(&codes);
    return status;
}
