/*
 * The options engine. A command has one parameter struct and one table, whose rows say for each
 * option: name, type, place in the struct, limits, default, help. Everything else is a walk over
 * that table:
 *
 *   set_value          text -> field; the only place where values are parsed and checked. Command
 *                      line, config file, --set and the defaults themselves all end there, so they
 *                      accept the same values and fail with the same messages.
 *   options_to_json    field -> JSON, for the records of `semid run`; options_from_json reads it.
 *   help.c, docs_*.c   the table as --help, Markdown, manual pages and shell completion.
 *   command_files.c    the files that a call reads and writes, by the marks in the table.
 *
 * Values come in layers: defaults, then the config file, then the command line. A later layer
 * overwrites single values; its lists replace those of earlier layers, but add up within the layer
 * (string_list.is_default, options_end_layer).
 *
 * Strings are borrowed from argv or the JSON; only lists own what they hold.
 */
#include "cli/options.h"

#include "base/json_report.h"
#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *field(void *params, const option *o) {
    return (char *)params + o->offset;
}

/* ---- values from text ---- */

static bool is_limited(const option *o) {
    return o->min != 0 || o->max != 0;
}

static semid_status parse_int(const option *o, const char *text, int64_t *out, semid_error *err) {
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);

    if (end == text || *end || errno)
        FAIL(STATUS_USAGE, "--%s: expected a whole number, found \"%s\"", o->name, text);
    if (is_limited(o) && ((double)v < o->min || (double)v > o->max))
        FAIL(STATUS_USAGE, "--%s: expected %.0f to %.0f, found %lld", o->name, o->min, o->max, v);
    *out = v;
    return SEMID_OK;
}

static semid_status parse_real(const option *o, const char *text, double *out, semid_error *err) {
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end || !isfinite(v))
        FAIL(STATUS_USAGE, "--%s: expected a number, found \"%s\"", o->name, text);
    if (is_limited(o) && (v < o->min || v > o->max))
        FAIL(STATUS_USAGE, "--%s: expected %g to %g, found %g", o->name, o->min, o->max, v);
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
    bool is_number = end != text && v >= 0;
    while (*end == ' ') end++;

    for (size_t i = 0; is_number && i < sizeof units / sizeof *units; i++) {
        double n_bytes = v * units[i].factor;
        if (strcasecmp(end, units[i].suffix) != 0 || n_bytes >= 0x1p62) continue;
        if (v > 0 && n_bytes < o->min) /* 0 stands for "no limit" */
            FAIL(STATUS_USAGE, "--%s: expected 0 or at least %gMB, found \"%s\"", o->name,
                 o->min / 1e6, text);
        *out = (uint64_t)n_bytes;
        return SEMID_OK;
    }

    FAIL(STATUS_USAGE, "--%s: expected a size such as 500MB or 2GiB, found \"%s\"", o->name, text);
}

static semid_status parse_choice(const option *o, const char *text, int *out, semid_error *err) {
    size_t n = strlen(text);
    int position = 0;

    for (const char *word = o->choices; word; position++) {
        size_t n_word = strcspn(word, "|");
        if (n == n_word && memcmp(word, text, n) == 0) {
            *out = position;
            return SEMID_OK;
        }
        word = word[n_word] ? word + n_word + 1 : NULL;
    }

    FAIL(STATUS_USAGE, "--%s: expected one of %s, found \"%s\"", o->name, o->choices, text);
}

static semid_status parse_flag(const option *o, const char *text, bool *out, semid_error *err) {
    if (strcmp(text, "true") == 0)
        *out = true;
    else if (strcmp(text, "false") == 0)
        *out = false;
    else
        FAIL(STATUS_USAGE, "--%s: expected true or false, found \"%s\"", o->name, text);
    return SEMID_OK;
}

/* The parts between commas. */
static semid_status add_to_list(string_list *list, const char *text, semid_error *err) {
    if (list->is_default) string_list_release(list); /* of an earlier layer */

    while (*text) {
        size_t n = strcspn(text, ",");
        if (n > 0) {
            char *part;
            TRY(mem_format(&part, err, "%.*s", (int)n, text));
            TRY(string_list_take(list, part, err));
        }
        text += n + (text[n] == ',');
    }
    return SEMID_OK;
}

static semid_status set_value(const option *o, void *params, const char *text, semid_error *err) {
    void *at = field(params, o);
    bool yes;

    switch (o->type) {
    case OPTION_FLAG:
        return parse_flag(o, text, at, err);
    case OPTION_TRISTATE:
        TRY(parse_flag(o, text, &yes, err));
        *(tristate *)at = yes ? TRISTATE_YES : TRISTATE_NO;
        return SEMID_OK;
    case OPTION_INT:
        return parse_int(o, text, at, err);
    case OPTION_REAL:
        return parse_real(o, text, at, err);
    case OPTION_BYTES:
        return parse_bytes(o, text, at, err);
    case OPTION_CHOICE:
        return parse_choice(o, text, at, err);
    case OPTION_LIST:
        return add_to_list(at, text, err);
    case OPTION_PATH: /* empty: most likely an unset variable of a script */
        if (!*text) FAIL(STATUS_USAGE, "--%s: expected a path, found an empty string", o->name);
        *(const char **)at = text;
        return SEMID_OK;
    case OPTION_STRING:
        *(const char **)at = text;
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
        if (o->type == OPTION_LIST) string_list_release(field(params, o));
}

/* ---- names ---- */

/* `name` may have _ where the table has -, as keys of config files often do. */
static const option *find_option(const option *options, const char *name) {
    for (const option *o = options; o->name; o++) {
        size_t i = 0;
        while (o->name[i] && (name[i] == '_' ? '-' : name[i]) == o->name[i]) i++;
        if (!o->name[i] && !name[i]) return o;
    }
    return NULL;
}

/* Levenshtein's distance by dynamic programming, one row of the table at a time. Longer words than
 * any name are as far as can be. */
static size_t edit_distance(const char *a, const char *b) {
    enum { MAX = 63 };
    size_t n = strlen(a), m = strlen(b), row[MAX + 1];
    if (n > MAX || m > MAX) return MAX;

    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]); /* replace, or keep */
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;         /* delete */
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1; /* insert */
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
    if (near) FAIL(STATUS_USAGE, "unknown option --%s; did you mean --%s?", name, near);
    FAIL(STATUS_USAGE, "unknown option --%s; see semid %s --help", name, cmd->name);
}

/* ---- the command line ---- */

typedef struct found_option {
    const option *o;
    void *params; /* the struct that holds its field */
    bool negated; /* given as --no-name */
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

/* argv[*i] is an option; *i moves on to the last argument that belongs to it. */
static semid_status parse_option(const command *cmd, int argc, char **argv, int *i, void *params,
                                 common_params *common, semid_error *err) {
    char name[64];
    const char *text = argv[*i] + 2, *value = strchr(text, '=');
    size_t n = value ? (size_t)(value - text) : strlen(text);
    snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), text);

    /* "--no-name" counts as the negation of a flag unless there is an option of that very name */
    found_option found;
    if (!find_in_tables(cmd, name, params, common, &found)) {
        found.negated = strncmp(name, "no-", 3) == 0 &&
                        find_in_tables(cmd, name + 3, params, common, &found) &&
                        takes_no_value(found.o);
        if (!found.negated) return unknown_option(cmd, name, err);
    }
    const option *o = found.o;

    if (takes_no_value(o) && !value)
        return set_value(o, found.params, found.negated ? "false" : "true", err);
    if (found.negated) FAIL(STATUS_USAGE, "--%s takes no value", name);
    if (value) return set_value(o, found.params, value + 1, err);

    if (*i + 1 >= argc || strncmp(argv[*i + 1], "--", 2) == 0)
        FAIL(STATUS_USAGE, "--%s: expected %s", name, o->choices ? o->choices : o->metavar);
    TRY(set_value(o, found.params, argv[++*i], err));

    /* a list takes all words up to the next option */
    while (o->type == OPTION_LIST && *i + 1 < argc && argv[*i + 1][0] != '-')
        TRY(set_value(o, found.params, argv[++*i], err));
    return SEMID_OK;
}

/* An argument without dashes belongs to the first positional option that has no value yet. */
static semid_status parse_positional(const command *cmd, const char *text, void *params,
                                     semid_error *err) {
    for (const option *o = cmd->options; o->name; o++)
        if (o->positional && (o->type == OPTION_LIST || !option_is_set(o, params)))
            return set_value(o, params, text, err);
    FAIL(STATUS_USAGE, "unexpected argument \"%s\"; see semid %s --help", text, cmd->name);
}

semid_status options_parse(const command *cmd, int argc, char **argv, void *params,
                           common_params *common, semid_error *err) {
    for (int i = 0; i < argc; i++) {
        const char *a = argv[i];
        bool is_word = a[0] != '-' || !a[1]; /* "-" stands for standard input */

        if (strcmp(a, "-v") == 0)
            common->verbose = true;
        else if (strcmp(a, "-q") == 0)
            common->quiet = true;
        else if (strcmp(a, "-h") == 0)
            common->help = true;
        else if (is_word)
            TRY(parse_positional(cmd, a, params, err));
        else if (a[1] == '-' && a[2])
            TRY(parse_option(cmd, argc, argv, &i, params, common, err));
        else
            FAIL(STATUS_USAGE, "unknown option %s; options start with two dashes", a);
    }
    return SEMID_OK;
}

bool option_is_set(const option *o, const void *params) {
    const void *at = (const char *)params + o->offset;
    switch (o->type) {
    case OPTION_LIST:
        return ((const string_list *)at)->n_items > 0;
    case OPTION_TRISTATE:
        return *(const tristate *)at != TRISTATE_UNSET;
    case OPTION_STRING:
    case OPTION_PATH:
        return *(const char *const *)at != NULL;
    default: /* numbers, choices and flags: zero is a value too */
        return true;
    }
}

semid_status options_check_required(const command *cmd, const void *params, semid_error *err) {
    for (const option *o = cmd->options; o->name; o++)
        if (o->required && !option_is_set(o, params))
            FAIL(STATUS_USAGE, "--%s %s is required; see semid %s --help", o->name, o->metavar,
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

/* Through text, so that a config file and the command line accept the same values. */
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
    if (json_is_real(value)) { /* 17 digits restore every double exactly */
        snprintf(number, sizeof number, "%.17g", json_real_value(value));
        return set_value(o, params, number, err);
    }

    if (json_is_array(value) && o->type == OPTION_LIST) {
        size_t i;
        json_t *item;
        json_array_foreach(value, i, item) TRY(set_from_json(o, item, params, err));
        return SEMID_OK;
    }
    FAIL(STATUS_USAGE, "\"%s\": expected a string, number or boolean", o->name);
}

semid_status options_from_json(const command *cmd, const json_t *config, void *params,
                               semid_error *err) {
    const char *key;
    json_t *value;
    if (!json_is_object(config))
        FAIL(STATUS_USAGE, "the options of %s: expected a JSON object", cmd->name);

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
        return json_string(*(const char *const *)at);
    }
    return NULL;
}

semid_status options_to_json(const option *options, const void *params, json_t **out,
                             semid_error *err) {
    json_t *values;
    semid_status status = SEMID_OK;
    TRY(json_made(&values, json_object(), err));

    for (const option *o = options; o->name; o++) {
        if (!option_is_set(o, params)) continue;
        const void *at = (const char *)params + o->offset;
        TRY_GOTO(json_set(values, o->name, value_to_json(o, at), err));
    }

    *out = values;
    values = NULL;
done:
    json_decref(values);
    return status;
}
