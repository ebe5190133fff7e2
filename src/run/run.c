#include "run/run.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/log.h"
#include "base/memory.h"
#include "kernels/kernels.h"
#include "run/fingerprint.h"
#include "semid/version.h"

#include <stdlib.h>
#include <string.h>

enum { WHY_BYTES = 512 };

/* ---- records ---- */

static semid_status record_path(const run_step *s, const run_settings *settings, char **out,
                                semid_error *err) {
    return mem_format(out, err, "%s/%s.json", settings->record_dir, s->name);
}

/* The way through a file must not make a difference: reals are rounded as json_file_save does. */
static json_t *as_saved(const json_t *value) {
    char *text = json_dumps(value, JSON_REAL_PRECISION(9));
    json_t *out = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return out;
}

/* What the step would be given now, without its inputs. */
static semid_status describe(const run_step *s, const step_context *ctx, json_t **out,
                             semid_error *err) {
    json_t *options = as_saved(s->options);
    *out = json_pack("{s:s, s:s, s:I, s:s, s:o}", "step", s->name, "version", semid_version(),
                     "seed", (json_int_t)ctx->seed, "device", ctx->device, "options", options);
    if (!*out) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the record of %s", s->name);
    return SEMID_OK;
}

static semid_status fingerprint_list(const string_list *specs, json_t **out, semid_error *err) {
    json_t *all = json_object();
    if (!all) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the record of a step");
    semid_status status = SEMID_OK;
    for (size_t i = 0; i < specs->n_items && status == SEMID_OK; i++)
        status = fingerprint_files(specs->items[i], all, err);
    if (status == SEMID_OK)
        *out = all;
    else
        json_decref(all);
    return status;
}

/* The first key of two objects whose values differ, or NULL. */
static const char *first_difference(const json_t *a, const json_t *b) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)a, key, value) {
        if (!json_equal(value, json_object_get(b, key))) return key;
    }
    json_object_foreach((json_t *)(uintptr_t)b, key, value) {
        if (!json_object_get(a, key)) return key;
    }
    return NULL;
}

static bool differs(const json_t *record, const char *key, const json_t *now, const char *what,
                    char why[WHY_BYTES]) {
    const char *where = first_difference(json_object_get(record, key), now);
    if (where) snprintf(why, WHY_BYTES, "%s: %s", what, where);
    return where != NULL;
}

/* A record of an older version may lack outputs: those only have to exist. */
static void drop_unrecorded(json_t *outputs, const json_t *record) {
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(outputs, next, key, value) {
        if (!json_object_get(json_object_get(record, "outputs"), key))
            json_object_del(outputs, key);
    }
}

/* Is the record still what would be written now? If not, why not. */
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
        drop_unrecorded(outputs, record);
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
    TRY(record_path(s, settings, &path, err));
    snprintf(why, WHY_BYTES, settings->force ? "forced" : "not done yet");
    if (settings->force || json_file_load(&record, path, NULL) != SEMID_OK) goto done;
    TRY_GOTO(describe(s, ctx, &now, err));
    if (is_up_to_date(s, record, now, why)) *out = json_incref(record);
done:
    json_decref(record);
    json_decref(now);
    mem_free(path);
    return status;
}

static semid_status save_record(const run_step *s, const run_settings *settings,
                                const step_context *ctx, json_t *inputs, json_t *report,
                                semid_error *err) {
    char *path = NULL;
    json_t *record = NULL, *outputs = NULL;
    semid_status status = SEMID_OK;
    TRY_GOTO(record_path(s, settings, &path, err));
    TRY_GOTO(describe(s, ctx, &record, err));
    TRY_GOTO(fingerprint_list(&s->outputs, &outputs, err));
    if (json_object_set(record, "inputs", inputs) != 0 ||
        json_object_set(record, "outputs", outputs) != 0 ||
        json_object_set(record, "report", report) != 0)
        FAIL_GOTO(SEMID_ERR_NO_MEMORY, "out of memory: the record of %s", s->name);
    status = json_file_save(record, path, err);
done:
    json_decref(record);
    json_decref(outputs);
    mem_free(path);
    return status;
}

/* ---- steps that were stopped ---- */

static semid_status unfinished_path(const run_step *s, const run_settings *settings, char **out,
                                    semid_error *err) {
    return mem_format(out, err, "%s/%s.unfinished.json", settings->record_dir, s->name);
}

/* Begin a step that can be resumed: from what the last run left, if that was begun alike. */
static semid_status begin(const run_step *s, const run_settings *settings, const step_context *ctx,
                          json_t *inputs, semid_error *err) {
    char *path = NULL;
    json_t *now = NULL, *before = NULL;
    semid_status status = SEMID_OK;
    TRY_GOTO(unfinished_path(s, settings, &path, err));
    TRY_GOTO(describe(s, ctx, &now, err));
    if (json_object_set(now, "inputs", inputs) != 0 ||
        json_object_set_new(now, "isa", json_string(kernels()->tier)) != 0)
        FAIL_GOTO(SEMID_ERR_NO_MEMORY, "out of memory: the record of %s", s->name);
    *s->resume = !settings->force && json_file_load(&before, path, NULL) == SEMID_OK &&
                 json_equal(before, now);
    if (!*s->resume) status = json_file_save(now, path, err);
done:
    json_decref(now);
    json_decref(before);
    mem_free(path);
    return status;
}

static semid_status end(const run_step *s, const run_settings *settings, semid_error *err) {
    char *path;
    TRY(unfinished_path(s, settings, &path, err));
    semid_status status = file_remove(path, err);
    mem_free(path);
    return status;
}

/* ---- the run ---- */

static semid_status call_step(const run_step *s, const run_settings *settings,
                              const step_context *ctx, json_t **report, semid_error *err) {
    json_t *inputs = NULL, *figures = NULL;
    semid_status status = SEMID_OK;
    /* inputs as they are before the step reads them: a change meanwhile counts as a change */
    TRY_GOTO(fingerprint_list(&s->inputs, &inputs, err));
    if (s->resume) TRY_GOTO(begin(s, settings, ctx, inputs, err));
    TRY_GOTO(s->call(s->params, ctx, &figures, err));
    if (!figures) figures = json_object();
    TRY_GOTO(save_record(s, settings, ctx, inputs, figures, err));
    if (s->resume) TRY_GOTO(end(s, settings, err));
    *report = figures;
    figures = NULL;
done:
    json_decref(inputs);
    json_decref(figures);
    return status;
}

static semid_status add_to_report(json_t *steps, const run_step *s, const char *state,
                                  const char *why, double seconds, json_t *report,
                                  semid_error *err) {
    json_t *entry = json_pack("{s:s, s:s, s:s, s:f}", "step", s->name, "state", state, "why", why,
                              "seconds", seconds);
    if (!entry || (report && json_object_set(entry, "report", report) != 0) ||
        json_array_append_new(steps, entry) != 0)
        FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    return SEMID_OK;
}

static bool reads_from(const run_step *later, const run_step *earlier) {
    for (size_t i = 0; i < later->inputs.n_items; i++)
        for (size_t j = 0; j < earlier->outputs.n_items; j++)
            if (strstr(later->inputs.items[i], earlier->outputs.items[j])) return true;
    return false;
}

/* What a run would do. A step is due if one is that it reads from. */
static const char *planned_state(const run_step *steps, size_t i, const json_t *before,
                                 const char *state, char why[WHY_BYTES]) {
    for (size_t j = 0; j < i; j++) {
        const json_t *entry = json_array_get(before, j);
        bool due = strcmp(json_string_value(json_object_get(entry, "state")), "due") == 0;
        if (!due || !reads_from(&steps[i], &steps[j])) continue;
        snprintf(why, WHY_BYTES, "after %s", steps[j].name);
        return "due";
    }
    return state;
}

static semid_status do_step(const run_step *steps, size_t i, size_t n_steps,
                            const run_settings *settings, const step_context *ctx, json_t *done,
                            semid_error *err) {
    const run_step *s = &steps[i];
    char why[WHY_BYTES] = "";
    json_t *record = NULL, *report = NULL;
    semid_status status = SEMID_OK;
    double start = clock_seconds();
    TRY(find_record(s, settings, ctx, &record, why, err));
    const char *state = record ? "up to date" : settings->dry_run ? "due" : "done";
    if (settings->dry_run) state = planned_state(steps, i, done, state, why);
    if (strcmp(state, "done") == 0) {
        log_info("[%zu/%zu] %s (%s)", i + 1, n_steps, s->name, why);
        status = call_step(s, settings, ctx, &report, err);
        if (status != SEMID_OK) {
            error_prefix(err, "%s", s->name);
            goto done;
        }
        log_info("[%zu/%zu] %s: done in %.1f s", i + 1, n_steps, s->name, clock_seconds() - start);
    } else {
        bool due = strcmp(state, "due") == 0;
        log_info("[%zu/%zu] %s: %s%s%s%s", i + 1, n_steps, s->name, state, due ? " (" : "",
                 due ? why : "", due ? ")" : "");
        if (record) report = json_incref(json_object_get(record, "report"));
    }
    status = add_to_report(done, s, state, record ? "" : why, clock_seconds() - start, report, err);
done:
    json_decref(record);
    json_decref(report);
    return status;
}

semid_status run_steps(const run_step *steps, size_t n_steps, const run_settings *settings,
                       const step_context *ctx, json_t **report, semid_error *err) {
    json_t *done = json_array();
    semid_status status = SEMID_OK;
    if (!done) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    for (size_t i = 0; i < n_steps; i++) {
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(do_step(steps, i, n_steps, settings, ctx, done, err));
    }
    *report = json_pack("{s:O}", "steps", done);
    if (!*report) status = error_set(err, SEMID_ERR_NO_MEMORY, "out of memory: the report");
done:
    json_decref(done);
    return status;
}
