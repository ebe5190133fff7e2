/* cli/options.h - the options engine. A command is a table of options over its parameter struct;
 * parsing, defaults, validation, --help, config keys, docs/cli pages, man pages, shell completion
 * and the files of a step of `semid run` all come from that table. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/error.h"
#include "base/string_list.h"
#include "base/tristate.h"
#include "pipeline/step.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum option_type {
    OPTION_FLAG,     /* bool;          --name and --no-name */
    OPTION_TRISTATE, /* tristate;    the same, TRISTATE_UNSET when neither is given */
    OPTION_INT,      /* int64_t;       within [min, max] */
    OPTION_REAL,     /* double;        within [min, max] */
    OPTION_BYTES,    /* uint64_t;      500MB, 2GiB, 4096 */
    OPTION_STRING,   /* const char * */
    OPTION_PATH,     /* const char *;  completed as a file name */
    OPTION_CHOICE,   /* an enum (int); position of the word in `choices` */
    OPTION_LIST      /* string_list;   --name a b,c and repeated: all are added */
} option_type;

/* What the path or paths of an option are to the command: see cli/command_files.h. */
typedef enum option_file {
    FILE_NONE,    /* no path */
    FILE_READ,    /* input: a file, folder, glob or comma list; FILE:NAME is an array of a file */
    FILE_WRITTEN, /* output: a file */
    FILE_FOLDER   /* a folder whose files the command names itself: command.add_files */
} option_file;

typedef struct option {
    const char *name; /* without dashes */
    option_type type;
    size_t offset;             /* of the field in the parameter struct */
    const char *metavar;       /* "FILE", "N"; NULL for flags and choices */
    const char *default_value; /* parsed like a given one; NULL: zero */
    double min, max;           /* numbers; both 0: no limit. Bytes: 0 or at least min */
    const char *choices;       /* "last-out|time" */
    bool required;
    bool positional;   /* also taken from the argument that no option claims */
    option_file file;  /* of every OPTION_PATH, and of lists of paths */
    const char *help;  /* one sentence without a full stop */
    const char *unset; /* what holds without the option where there is no default_value: "as in
                          training". For people; every OPTION_TRISTATE has one */
} option;

typedef struct command_files command_files;

typedef struct command {
    const char *name;
    const char *summary;     /* one line, for `semid --help` */
    const char *description; /* paragraphs, for `semid NAME --help` and the docs */
    const char *examples;    /* shell lines, one each */
    const option *options;   /* ends with a NULL name */
    size_t params_size;
    semid_status (*run)(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err);
    /* The report for people; NULL prints its keys and values. */
    void (*print)(const json_t *report, FILE *out);
    /* Add the files that are read and written besides those that options name: in FILE_FOLDERs and
     * next to other files. NULL: none. */
    semid_status (*add_files)(const void *params, command_files *files, semid_error *err);
    /* The flag in params that makes the command continue from its own unfinished output; NULL if it
     * cannot with these params. The function is NULL if it never can, or if it needs no such flag
     * because it checks itself whether that output is still valid. */
    bool *(*resume_flag)(void *params);
} command;

/* The options of every command. */
typedef struct common_params {
    int64_t threads, seed;
    const char *device;
    bool json, quiet, verbose, help;
} common_params;
extern const option common_options[];

/* Set every field of the table to its default. */
semid_status options_set_defaults(const option *options, void *params, semid_error *err);

/* Begin the next layer: from here on, the first value given for a list replaces the list; further
 * values are added. */
void options_end_layer(const option *options, void *params);

/* Parse argv (without program and command name) into both structs, which hold defaults already.
 * Strings point into argv. STATUS_USAGE with a suggestion on a mistake. */
semid_status options_parse(const command *cmd, int argc, char **argv, void *params,
                           common_params *common, semid_error *err);

/* The same from a JSON object: keys are option names with - or _. Strings are borrowed from it. */
semid_status options_from_json(const command *cmd, const json_t *config, void *params,
                               semid_error *err);

/* Set one option from text, as the command line would. */
semid_status options_set(const command *cmd, void *params, const char *name, const char *value,
                         semid_error *err);

/* The values of all options as a JSON object that options_from_json takes; unset ones are left out.
 */
semid_status options_to_json(const option *options, const void *params, json_t **out,
                             semid_error *err);

/* Is there a value? Always true for numbers, choices and flags. */
bool option_is_set(const option *o, const void *params);

/* STATUS_USAGE if a required option is missing; call after parsing. */
semid_status options_check_required(const command *cmd, const void *params, semid_error *err);

void options_release(const option *options, void *params);

void options_print_help(const command *cmd, FILE *out);

/* The entry of `words` nearest to `word`, or NULL if none is near: for "did you mean". */
const char *nearest_word(const char *word, const char *const *words, size_t n_words);

#endif
