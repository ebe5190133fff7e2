#include "pipeline/export.h"

#include "base/json_report.h"
#include "base/log.h"
#include "formats/ids.h"
#include "formats/ids_file.h"
#include "pipeline/output_check.h"
#include "semid/codes.h"
#include "table/item_codes.h"

/* Row i of the codes belongs to id i. Nothing else connects the two files, so all that can be
 * checked is that there are as many of both. The format of the table, and how codes stand in it,
 * is table/item_codes.h's; it follows from the name of the output. */

semid_status step_export(const export_params *params, const step_context *ctx, json_t **report,
                         semid_error *err) {
    (void)ctx;
    step_timer timer = step_begin();
    semid_codes codes = {0};
    ids list = {0};
    json_t *made = NULL;
    semid_status status = SEMID_OK;
    TRY(item_codes_check_path(params->out, err));
    TRY(output_check_file(params->out, NULL, err));

    TRY_GOTO(semid_codes_load(&codes, params->codes, err));
    TRY_GOTO(ids_load(&list, params->ids, err));
    if (list.n_ids != codes.n_rows)
        FAIL_GOTO(SEMID_ERR_SHAPE,
                  "%s has %zu ids, %s has shape [%zu, %zu]: expected one id for each row",
                  params->ids, list.n_ids, params->codes, codes.n_rows, codes.n_levels);

    log_info("writing %zu items to %s", list.n_ids, params->out);
    TRY_GOTO(item_codes_save(&list, &codes, params->out, params->id_col, params->concat_col, err));

    TRY_GOTO(json_made(&made,
                       json_pack("{s:s, s:I, s:I}", "out", params->out, "items",
                                 (json_int_t)list.n_ids, "levels", (json_int_t)codes.n_levels),
                       err));
    TRY_GOTO(step_end(timer, made, err));
    *report = json_incref(made);
done:
    json_decref(made);
    ids_release(&list);
    semid_codes_release(&codes);
    return status;
}
