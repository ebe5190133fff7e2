#include "cli/options.h"

#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *field(void *params, const option *o) {
    return (char *)params + o->offset;
}

/* ---- values from text ---- */

static semid_status parse_int(const option *o, const char *text, int64_t *out, semid_error *err) {
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        FAIL(SEMID_ERR_USAGE, "--%s: expected a whole number, found \"%s\"", o->name, text);
    bool limited = o->min != 0 || o->max != 0;
    if (limited && ((double)v < o->min || (double)v > o->max))
        FAIL(SEMID_ERR_USAGE, "--%s: expected %.0f to %.0f, found %lld", o->name, o->min, o->max,
             v);
    *out = v;
    return SEMID_OK;
}

static semid_status parse_real(const option *o, const char *text, double *out, semid_error *err) {
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v))
        FAIL(SEMID_ERR_USAGE, "--%s: expected a number, found \"%s\"", o->name, text);
    bool limited = o->min != 0 || o->max != 0;
    if (limited && (v < o->min || v > o->max))
        FAIL(SEMID_ERR_USAGE, "--%s: expected %g to %g, found %g", o->name, o->min, o->max, v);
    *out = v;
    return SEMID_OK;
}

static semid_status parse_bytes(const option *o, const char *text, uint64_t *out,
                                semid_error *err) {
    static const struct {
        const char *suffix;
        double factor;
    } units[] = {{"", 1},          {"B", 1},        {"KB", 1e3},    {"MB", 1e6},   {"GB", 1e9},
                 {"TB", 1e12},     {"K", 1024.0},   {"M", 1048576}, {"G", 0x1p30}, {"KiB", 1024},
                 {"MiB", 1048576}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
    char *end;
    double v = strtod(text, &end);
    while (*end == ' ') end++;
    for (size_t i = 0; end != text && v >= 0 && i < sizeof units / sizeof *units; i++)
        if (strcasecmp(end, units[i].suffix) == 0 && v * units[i].factor < 0x1p62) {
            if (v > 0 && v * units[i].factor < o->min)
                FAIL(SEMID_ERR_USAGE, "--%s: expected 0 or at least %gMB, found \"%s\"", o->name,
                     o->min / 1e6, text);
            *out = (uint64_t)(v * units[i].factor);
            return SEMID_OK;
        }
    FAIL(SEMID_ERR_USAGE, "--%s: expected a size such as 500MB or 2GiB, found \"%s\"", o->name,
         text);
}

static semid_status parse_choice(const option *o, const char *text, int *out, semid_error *err) {
    size_t n = strlen(text);
    int position = 0;
    for (const char *c = o->choices; c; position++) {
        size_t m = strcspn(c, "|");
        if (n == m && memcmp(c, text, n) == 0) {
            *out = position;
            return SEMID_OK;
        }
        c = c[m] ? c + m + 1 : NULL;
    }
    FAIL(SEMID_ERR_USAGE, "--%s: expected one of %s, found \"%s\"", o->name, o->choices, text);
}

static semid_status parse_flag(const option *o, const char *text, bool *out, semid_error *err) {
    if (strcmp(text, "true") == 0)
        *out = true;
    else if (strcmp(text, "false") == 0)
        *out = false;
    else
        FAIL(SEMID_ERR_USAGE, "--%s: expected true or false, found \"%s\"", o->name, text);
    return SEMID_OK;
}

static semid_status parse_tristate(const option *o, const char *text, tristate *out,
                                   semid_error *err) {
    bool yes;
    TRY(parse_flag(o, text, &yes, err));
    *out = yes ? TRISTATE_YES : TRISTATE_NO;
    return SEMID_OK;
}

static void list_clear(string_list *list) {
    for (size_t i = 0; i < list->n_items; i++) mem_free(list->items[i]);
    mem_free(list->items);
    *list = (string_list){0};
}

static semid_status list_add(string_list *list, const char *text, semid_error *err) {
    if (list->is_default) list_clear(list);
    while (*text) {
        size_t n = strcspn(text, ",");
        if (n > 0) {
            TRY(mem_resize(&list->items, list->n_items, list->n_items + 1, sizeof(char *), err));
            TRY(mem_format(&list->items[list->n_items], err, "%.*s", (int)n, text));
            list->n_items++;
        }
        text += n + (text[n] == ',');
    }
    return SEMID_OK;
}

static semid_status set_value(const option *o, void *params, const char *text, semid_error *err) {
    void *at = field(params, o);
    switch (o->type) {
    case OPTION_FLAG:
        return parse_flag(o, text, at, err);
    case OPTION_TRISTATE:
        return parse_tristate(o, text, at, err);
    case OPTION_INT:
        return parse_int(o, text, at, err);
    case OPTION_REAL:
        return parse_real(o, text, at, err);
    case OPTION_BYTES:
        return parse_bytes(o, text, at, err);
    case OPTION_CHOICE:
        return parse_choice(o, text, at, err);
    case OPTION_LIST:
        return list_add(at, text, err);
    case OPTION_STRING:
    case OPTION_PATH:
        if (o->type == OPTION_PATH && !*text)
            FAIL(SEMID_ERR_USAGE, "--%s: expected a path, found an empty string", o->name);
        memcpy(at, &text, sizeof text);
        return SEMID_OK;
    }
    FAIL(SEMID_ERR_INTERNAL, "--%s: unknown option type", o->name);
}

semid_status options_set_defaults(const option *options, void *params, semid_error *err) {
    for (const option *o = options; o->name; o++)
        if (o->default_value) TRY(set_value(o, params, o->default_value, err));
    options_end_layer(options, params);
    return SEMID_OK;
}

void options_end_layer(const option *options, void *params) {
    for (const option *o = options; o->name; o++)
        if (o->type == OPTION_LIST) ((string_list *)field(params, o))->is_default = true;
}

void options_release(const option *options, void *params) {
    for (const option *o = options; o->name; o++)
        if (o->type == OPTION_LIST) list_clear(field(params, o));
}

/* ---- names ---- */

/* Option names compare with - and _ taken as equal, so that config keys may use either. */
static bool same_name(const char *a, const char *b) {
    for (; *a && *b; a++, b++) {
        char x = *a == '_' ? '-' : *a, y = *b == '_' ? '-' : *b;
        if (x != y) return false;
    }
    return *a == *b;
}

static const option *find_option(const option *options, const char *name) {
    for (const option *o = options; o->name; o++)
        if (same_name(o->name, name)) return o;
    return NULL;
}

/* Edit distance (Levenshtein), capped lengths: names are short. */
static size_t edit_distance(const char *a, const char *b) {
    enum { MAX = 63 };
    size_t n = strlen(a), m = strlen(b), row[MAX + 1];
    if (n > MAX || m > MAX) return MAX;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *nearest_word(const char *word, const char *const *words, size_t n_words) {
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 2;
    for (size_t i = 0; i < n_words; i++) {
        size_t distance = edit_distance(word, words[i]);
        if (distance < best_distance) {
            best_distance = distance;
            best = words[i];
        }
    }
    return best;
}

static semid_status unknown_option(const command *cmd, const char *name, semid_error *err) {
    const char *words[128];
    size_t n = 0;
    for (const option *o = cmd->options; o->name && n < 128; o++) words[n++] = o->name;
    for (const option *o = common_options; o->name && n < 128; o++) words[n++] = o->name;
    const char *near = nearest_word(name, words, n);
    if (near) FAIL(SEMID_ERR_USAGE, "unknown option --%s; did you mean --%s?", name, near);
    FAIL(SEMID_ERR_USAGE, "unknown option --%s; see semid %s --help", name, cmd->name);
}

/* ---- the command line ---- */

typedef struct found_option {
    const option *o;
    void *params;
    bool negated;
} found_option;

static bool takes_no_value(const option *o) {
    return o->type == OPTION_FLAG || o->type == OPTION_TRISTATE;
}

static bool find_in_tables(const command *cmd, const char *name, void *params,
                           common_params *common, found_option *out) {
    const option *o = find_option(cmd->options, name);
    *out = (found_option){.o = o, .params = params};
    if (o) return true;
    *out = (found_option){.o = find_option(common_options, name), .params = common};
    return out->o != NULL;
}

static semid_status look_up(const command *cmd, const char *name, void *params,
                            common_params *common, found_option *out, semid_error *err) {
    if (find_in_tables(cmd, name, params, common, out)) return SEMID_OK;
    if (strncmp(name, "no-", 3) == 0 && find_in_tables(cmd, name + 3, params, common, out) &&
        takes_no_value(out->o)) {
        out->negated = true;
        return SEMID_OK;
    }
    return unknown_option(cmd, name, err);
}

static semid_status parse_option(const command *cmd, int argc, char **argv, int *i, void *params,
                                 common_params *common, semid_error *err) {
    char name[64];
    const char *text = argv[*i] + 2, *value = strchr(text, '=');
    size_t n = value ? (size_t)(value - text) : strlen(text);
    snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), text);
    found_option found;
    TRY(look_up(cmd, name, params, common, &found, err));
    if (takes_no_value(found.o) && !value)
        return set_value(found.o, found.params, found.negated ? "false" : "true", err);
    if (found.negated) FAIL(SEMID_ERR_USAGE, "--%s takes no value", name);
    if (value) return set_value(found.o, found.params, value + 1, err);
    if (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0)
        FAIL(SEMID_ERR_USAGE, "--%s: expected %s", name,
             found.o->choices ? found.o->choices : found.o->metavar);
    TRY(set_value(found.o, found.params, argv[++*i], err));
    while (found.o->type == OPTION_LIST && *i + 1 < argc && argv[*i + 1][0] != '-')
        TRY(set_value(found.o, found.params, argv[++*i], err));
    return SEMID_OK;
}

static semid_status parse_positional(const command *cmd, const char *text, void *params,
                                     semid_error *err) {
    for (const option *o = cmd->options; o->name; o++) {
        if (!o->positional) continue;
        const char *now;
        memcpy(&now, field(params, o), sizeof now);
        if (o->type == OPTION_LIST || !now) return set_value(o, params, text, err);
    }
    FAIL(SEMID_ERR_USAGE, "unexpected argument \"%s\"; see semid %s --help", text, cmd->name);
}

semid_status options_parse(const command *cmd, int argc, char **argv, void *params,
                           common_params *common, semid_error *err) {
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "-v") == 0)
            common->verbose = true;
        else if (strcmp(a, "-q") == 0)
            common->quiet = true;
        else if (strcmp(a, "-h") == 0)
            common->help = true;
        else if (strncmp(a, "--", 2) == 0 && a[2])
            TRY(parse_option(cmd, argc, argv, &i, params, common, err));
        else if (a[0] == '-' && a[1])
            FAIL(SEMID_ERR_USAGE, "unknown option %s; options start with two dashes", a);
        else
            TRY(parse_positional(cmd, a, params, err));
    }
    return SEMID_OK;
}

bool option_is_set(const option *o, const void *params) {
    const void *at = (const char *)params + o->offset;
    if (o->type == OPTION_LIST) return ((const string_list *)at)->n_items > 0;
    if (o->type == OPTION_TRISTATE) return *(const tristate *)at != TRISTATE_UNSET;
    if (o->type != OPTION_STRING && o->type != OPTION_PATH) return true;
    const char *value;
    memcpy(&value, at, sizeof value);
    return value != NULL;
}

semid_status options_check_required(const command *cmd, const void *params, semid_error *err) {
    for (const option *o = cmd->options; o->name; o++)
        if (o->required && !option_is_set(o, params))
            FAIL(SEMID_ERR_USAGE, "--%s %s is required; see semid %s --help", o->name, o->metavar,
                 cmd->name);
    return SEMID_OK;
}

/* ---- configuration ---- */

semid_status options_set(const command *cmd, void *params, const char *name, const char *value,
                         semid_error *err) {
    const option *o = find_option(cmd->options, name);
    if (!o) return unknown_option(cmd, name, err);
    return set_value(o, params, value, err);
}

static semid_status set_from_json(const option *o, const json_t *value, void *params,
                                  semid_error *err) {
    char number[64];
    if (json_is_string(value)) return set_value(o, params, json_string_value(value), err);
    if (json_is_boolean(value))
        return set_value(o, params, json_is_true(value) ? "true" : "false", err);
    if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        return set_value(o, params, number, err);
    }
    if (json_is_real(value)) {
        snprintf(number, sizeof number, "%.17g", json_real_value(value));
        return set_value(o, params, number, err);
    }
    if (json_is_array(value) && o->type == OPTION_LIST) {
        size_t i;
        json_t *item;
        json_array_foreach(value, i, item) TRY(set_from_json(o, item, params, err));
        return SEMID_OK;
    }
    FAIL(SEMID_ERR_USAGE, "\"%s\": expected a string, number or boolean", o->name);
}

semid_status options_from_json(const command *cmd, const json_t *config, void *params,
                               semid_error *err) {
    const char *key;
    json_t *value;
    if (!json_is_object(config))
        FAIL(SEMID_ERR_USAGE, "the options of %s: expected a JSON object", cmd->name);
    json_object_foreach((json_t *)(uintptr_t)config, key, value) {
        const option *o = find_option(cmd->options, key);
        if (!o) return unknown_option(cmd, key, err);
        TRY(set_from_json(o, value, params, err));
    }
    return SEMID_OK;
}

static json_t *choice_to_json(const option *o, int position) {
    const char *word = o->choices;
    while (position-- > 0) word += strcspn(word, "|") + 1;
    return json_stringn(word, strcspn(word, "|"));
}

static json_t *list_to_json(const string_list *list) {
    json_t *array = json_array();
    for (size_t i = 0; i < list->n_items; i++)
        json_array_append_new(array, json_string(list->items[i]));
    return array;
}

static json_t *value_to_json(const option *o, const void *at) {
    const char *text;
    switch (o->type) {
    case OPTION_FLAG:
        return json_boolean(*(const bool *)at);
    case OPTION_TRISTATE:
        return json_boolean(*(const tristate *)at == TRISTATE_YES);
    case OPTION_INT:
        return json_integer(*(const int64_t *)at);
    case OPTION_REAL:
        return json_real(*(const double *)at);
    case OPTION_BYTES:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case OPTION_CHOICE:
        return choice_to_json(o, *(const int *)at);
    case OPTION_LIST:
        return list_to_json(at);
    case OPTION_STRING:
    case OPTION_PATH:
        memcpy(&text, at, sizeof text);
        return json_string(text);
    }
    return NULL;
}

semid_status options_to_json(const option *options, const void *params, json_t **out,
                             semid_error *err) {
    json_t *values = json_object();
    bool failed = !values;
    for (const option *o = options; o->name && !failed; o++)
        if (option_is_set(o, params))
            failed = json_object_set_new(values, o->name,
                                         value_to_json(o, (const char *)params + o->offset)) != 0;
    if (failed) {
        json_decref(values);
        FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the options");
    }
    *out = values;
    return SEMID_OK;
}
