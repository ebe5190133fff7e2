#include "run/run.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/json_report.h"
#include "base/log.h"
#include "base/memory.h"
#include "kernels/kernels.h"
#include "pipeline/output_check.h"
#include "run/fingerprint.h"
#include "semid/version.h"

#include <stdlib.h>
#include <string.h>

/* A record says what a finished step was given and what came of it: version, seed, device, options,
 * fingerprints of its inputs and outputs, and its report. A step is redone when anything of that
 * would be different now, and when an output is no longer as the step left it. Nothing follows
 * from one step to the next: a changed step changes its outputs, which are inputs of others, and
 * these are compared as they are on disk. So a change that does not reach a file stops there.
 *
 * The inputs are fingerprinted before the step reads them: what changes meanwhile counts as a
 * change. The record is written after the outputs, and with it the step is done; a run that is
 * stopped earlier does the step again. A step that can go on from its own half-done work (embed,
 * train with networks) is preceded by a file that says what it was begun with: it goes on if
 * everything is still the same, the instruction set included, because rows of two of them differ
 * in their last bits. */

enum { WHY_BYTES = 512 };

/* ---- records ---- */

static semid_status record_path(const run_step *s, const run_settings *settings, const char *suffix,
                                char **out, semid_error *err) {
    return mem_format(out, err, "%s/%s%s", settings->record_dir, s->name, suffix);
}

/* What the step would be given now, without its inputs. */
static semid_status describe(const run_step *s, const step_context *ctx, json_t **out,
                             semid_error *err) {
    /* Options as they come back from a file: json_file_save rounds reals so. */
    char *text = json_dumps(s->options, JSON_REAL_PRECISION(9));
    json_t *options = text ? json_loads(text, 0, NULL) : NULL;
    free(text);

    return json_made(out,
                     json_pack("{s:s, s:s, s:I, s:s, s:o}", "step", s->name, "version",
                               semid_version(), "seed", (json_int_t)ctx->seed, "device",
                               ctx->device, "options", options),
                     err);
}

static semid_status fingerprint_list(const string_list *specs, json_t **out, semid_error *err) {
    json_t *all;
    TRY(json_made(&all, json_object(), err));
    semid_status status = SEMID_OK;
    for (size_t i = 0; i < specs->n_items && status == SEMID_OK; i++)
        status = fingerprint_files(specs->items[i], all, err);

    if (status == SEMID_OK)
        *out = all;
    else
        json_decref(all);
    return status;
}

/* Does an object of the record differ from what it would be now? The first key that does is named.
 */
static bool differs(const json_t *record, const char *part, const json_t *now, const char *what,
                    char why[WHY_BYTES]) {
    const json_t *before = json_object_get(record, part);
    const char *key, *found = NULL;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)before, key, value) {
        if (!found && !json_equal(value, json_object_get(now, key))) found = key;
    }
    json_object_foreach((json_t *)(uintptr_t)now, key, value) {
        if (!found && !json_object_get(before, key)) found = key;
    }

    if (found) snprintf(why, WHY_BYTES, "%s: %s", what, found);
    return found != NULL;
}

/* Is the record what would be written now? If not, why not. */
static bool is_up_to_date(const run_step *s, const json_t *record, const json_t *now,
                          char why[WHY_BYTES]) {
    static const char *const scalars[] = {"version", "seed", "device"};
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
        if (!json_equal(json_object_get(record, scalars[i]), json_object_get(now, scalars[i]))) {
            snprintf(why, WHY_BYTES, "another %s", scalars[i]);
            return false;
        }
    if (differs(record, "options", json_object_get(now, "options"), "changed option", why))
        return false;

    json_t *inputs = NULL, *outputs = NULL;
    bool same = false;
    snprintf(why, WHY_BYTES, "an input or output is missing");
    if (fingerprint_list(&s->inputs, &inputs, NULL) == SEMID_OK &&
        fingerprint_list(&s->outputs, &outputs, NULL) == SEMID_OK) {
        /* a record of an older version may lack outputs: those only have to exist */
        const char *key;
        json_t *value, *recorded = json_object_get(record, "outputs");
        void *next;
        json_object_foreach_safe(outputs, next, key, value) {
            if (!json_object_get(recorded, key)) json_object_del(outputs, key);
        }
        same = !differs(record, "inputs", inputs, "changed input", why) &&
               !differs(record, "outputs", outputs, "changed output", why);
    }
    json_decref(inputs);
    json_decref(outputs);
    return same;
}

/* The record when the step is up to date; else *out stays NULL and `why` says what is not. */
static semid_status find_record(const run_step *s, const run_settings *settings,
                                const step_context *ctx, json_t **out, char why[WHY_BYTES],
                                semid_error *err) {
    char *path;
    json_t *record = NULL, *now = NULL;
    semid_status status = SEMID_OK;
    TRY(record_path(s, settings, ".json", &path, err));

    snprintf(why, WHY_BYTES, settings->force ? "forced" : "not done yet");
    /* a record that cannot be read is none */
    if (settings->force || json_file_load(&record, path, NULL) != SEMID_OK) goto done;
    TRY_GOTO(describe(s, ctx, &now, err));
    if (is_up_to_date(s, record, now, why)) *out = json_incref(record);
done:
    json_decref(record);
    json_decref(now);
    mem_free(path);
    return status;
}

/* ---- one step ---- */

/* The step, and then its record: with that it is done. */
static semid_status call_step(const run_step *s, const run_settings *settings,
                              const step_context *ctx, json_t **report, semid_error *err) {
    json_t *inputs = NULL, *outputs = NULL, *figures = NULL, *record = NULL;
    json_t *now = NULL, *before = NULL;
    char *unfinished = NULL, *path = NULL;
    semid_status status = SEMID_OK;
    TRY_GOTO(record_path(s, settings, ".unfinished.json", &unfinished, err));
    TRY_GOTO(record_path(s, settings, ".json", &path, err));
    TRY_GOTO(fingerprint_list(&s->inputs, &inputs, err));

    /* A step that can be resumed: does it go on from what the last run left? Else note what it is
     * begun with. */
    if (s->resume) {
        TRY_GOTO(describe(s, ctx, &now, err));
        TRY_GOTO(json_set(now, "inputs", json_incref(inputs), err));
        /* finished steps may be of another instruction set; the halves of one step may not */
        TRY_GOTO(json_set(now, "isa", json_string(kernels()->tier), err));
        *s->resume = !settings->force && json_file_load(&before, unfinished, NULL) == SEMID_OK &&
                     json_equal(before, now);
        if (!*s->resume) TRY_GOTO(json_file_save(now, unfinished, err));
    }

    TRY_GOTO(s->call(s->params, ctx, &figures, err));
    if (!figures) figures = json_object(); /* a step without figures */

    TRY_GOTO(describe(s, ctx, &record, err));
    TRY_GOTO(fingerprint_list(&s->outputs, &outputs, err));
    TRY_GOTO(json_set(record, "inputs", json_incref(inputs), err));
    TRY_GOTO(json_set(record, "outputs", json_incref(outputs), err));
    TRY_GOTO(json_set(record, "report", json_incref(figures), err));
    TRY_GOTO(json_file_save(record, path, err));
    if (s->resume) TRY_GOTO(file_remove(unfinished, err));
    *report = json_incref(figures);
done:
    json_decref(inputs);
    json_decref(outputs);
    json_decref(figures);
    json_decref(record);
    json_decref(now);
    json_decref(before);
    mem_free(unfinished);
    mem_free(path);
    return status;
}

/* In a dry run no file changes: a step is due too if it reads from one that is. `before`: the
 * entries of the report so far. */
static bool is_due_after(const run_step *steps, size_t i, const json_t *before,
                         char why[WHY_BYTES]) {
    for (size_t j = 0; j < i; j++) {
        const json_t *state = json_object_get(json_array_get(before, j), "state");
        if (strcmp(json_string_value(state), "due") != 0) continue;

        const string_list *reads = &steps[i].inputs, *writes = &steps[j].outputs;
        for (size_t r = 0; r < reads->n_items; r++)
            for (size_t w = 0; w < writes->n_items; w++)
                if (strstr(reads->items[r], writes->items[w])) {
                    snprintf(why, WHY_BYTES, "after %s", steps[j].name);
                    return true;
                }
    }
    return false;
}

/* Does the step, or finds that it need not be done; appends its entry to `entries`. */
static semid_status do_step(const run_step *steps, size_t i, size_t n_steps,
                            const run_settings *settings, const step_context *ctx, json_t *entries,
                            semid_error *err) {
    const run_step *s = &steps[i];
    char why[WHY_BYTES] = "";
    json_t *record = NULL, *report = NULL;
    semid_status status = SEMID_OK;
    double start_s = clock_seconds();
    TRY(find_record(s, settings, ctx, &record, why, err));

    const char *state = record ? "up to date" : settings->dry_run ? "due" : "done";
    if (settings->dry_run && is_due_after(steps, i, entries, why)) state = "due";

    /* the report of a step that is up to date is that of its record */
    if (strcmp(state, "done") == 0) {
        log_info("[%zu/%zu] %s (%s)", i + 1, n_steps, s->name, why);
        status = call_step(s, settings, ctx, &report, err);
        if (status != SEMID_OK) {
            error_prefix(err, "%s", s->name);
            goto done;
        }
        log_info("[%zu/%zu] %s: done in %.1f s", i + 1, n_steps, s->name,
                 clock_seconds() - start_s);
    } else {
        bool due = strcmp(state, "due") == 0;
        log_info("[%zu/%zu] %s: %s%s%s%s", i + 1, n_steps, s->name, state, due ? " (" : "",
                 due ? why : "", due ? ")" : "");
        if (record) report = json_incref(json_object_get(record, "report"));
    }

    json_t *entry = json_pack("{s:s, s:s, s:s, s:f}", "step", s->name, "state", state, "why",
                              record ? "" : why, "seconds", clock_seconds() - start_s);
    TRY_GOTO(json_append(entries, entry, err));
    if (report) TRY_GOTO(json_set(entry, "report", json_incref(report), err));
done:
    json_decref(record);
    json_decref(report);
    return status;
}

/* ---- the run ---- */

semid_status run_steps(const run_step *steps, size_t n_steps, const run_settings *settings,
                       const step_context *ctx, json_t **report, semid_error *err) {
    json_t *entries = NULL;
    semid_status status = SEMID_OK;

    /* Those of all steps, before the first of them begins. */
    for (size_t i = 0; i < n_steps; i++)
        for (size_t k = 0; k < steps[i].outputs.n_items; k++)
            if (output_check_file(steps[i].outputs.items[k], NULL, err) != SEMID_OK)
                return error_prefix(err, "%s", steps[i].name);
    TRY(output_check_folder(settings->record_dir, (const char *const[]){NULL}, err));

    TRY_GOTO(json_made(&entries, json_array(), err));
    for (size_t i = 0; i < n_steps; i++) {
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(do_step(steps, i, n_steps, settings, ctx, entries, err));
    }
    TRY_GOTO(json_made(report, json_pack("{s:O}", "steps", entries), err));
done:
    json_decref(entries);
    return status;
}
