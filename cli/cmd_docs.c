/* The generated documents: one writer per format (docs_*.c), each called once for semid itself and
 * once per command, or only for semid where one file covers all commands. Here too is what the
 * writers and --help have in common: how an option, its value and its default are shown. */
#include "cli/docs.h"

#include "base/file.h"
#include "base/memory.h"
#include "pipeline/output_check.h"

#include <string.h>

typedef struct docs_params {
    const char *out;
    int format;
} docs_params;

static const option options[] = {
    {.name = "format",
     .type = OPTION_CHOICE,
     .offset = offsetof(docs_params, format),
     .choices = "md|man|bash|zsh|fish",
     .default_value = "md",
     .help = "Markdown pages, manual pages, or completion for a shell"},
    {.name = "out",
     .type = OPTION_PATH,
     .offset = offsetof(docs_params, out),
     .metavar = "DIR",
     .file = FILE_FOLDER,
     .required = true,
     .help = "Folder for the files"},
    {0}};

/* Names of the file about semid itself, and of the files about commands as a format of printf
 * (NULL: there are none). */
typedef struct docs_format {
    docs_writer write;
    const char *main_name, *command_name;
} docs_format;

static const docs_format formats[] = {{docs_write_md, "README.md", "%s.md"},
                                      {docs_write_man, "semid.1", "semid-%s.1"},
                                      {docs_write_bash, "semid", NULL},
                                      {docs_write_zsh, "_semid", NULL},
                                      {docs_write_fish, "semid.fish", NULL}};

void docs_escape(FILE *out, const char *s, const char *from, const char *const *to) {
    for (; *s; s++) {
        const char *hit = strchr(from, *s);
        if (hit)
            fputs(to[hit - from], out);
        else
            fputc(*s, out);
    }
}

bool option_is_on(const option *o) {
    return o->type == OPTION_FLAG && o->default_value && strcmp(o->default_value, "true") == 0;
}

const char *option_prefix(const option *o) {
    return option_is_on(o) || o->type == OPTION_TRISTATE ? "[no-]" : "";
}

const char *option_value(const option *o) {
    return o->type == OPTION_CHOICE ? o->choices : o->metavar;
}

const char *option_default(const option *o) {
    if (option_is_on(o)) return "on";
    return o->default_value && *o->default_value ? o->default_value : o->unset;
}

static semid_status write_file(const docs_params *p, const command *cmd, semid_error *err) {
    const docs_format *format = &formats[p->format];
    char name[128];
    if (cmd)
        snprintf(name, sizeof name, format->command_name, cmd->name);
    else
        snprintf(name, sizeof name, "%s", format->main_name);

    char *path;
    file_out f = {0};
    TRY(path_join(&path, p->out, name, err));
    semid_status status = file_out_open(&f, path, err);
    if (status == SEMID_OK) {
        format->write(cmd, f.stream);
        status = file_out_commit(&f, err);
    }

    file_out_release(&f);
    mem_free(path);
    return status;
}

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    (void)ctx;
    (void)report;
    const docs_params *p = params;
    const char *const outputs[] = {formats[p->format].main_name, NULL};
    TRY(output_check_folder(p->out, outputs, err));

    TRY(write_file(p, NULL, err));
    if (!formats[p->format].command_name) return SEMID_OK;
    for (const command *const *c = all_commands; *c; c++) TRY(write_file(p, *c, err));
    return SEMID_OK;
}

const command cmd_docs = {
    .name = "docs",
    .summary = "Write the pages, manual and shell completion",
    .description =
        "Writes everything that is generated from the option tables of the commands: the pages in "
        "docs/cli, manual pages, and completion for bash, zsh and fish. `make install` calls it.",
    .examples = "semid docs --format md --out docs/cli\n"
                "semid docs --format bash --out ~/.local/share/bash-completion/completions",
    .options = options,
    .params_size = sizeof(docs_params),
    .run = run,
};
