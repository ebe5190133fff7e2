/* One page a command, in Markdown. */
#include "cli/docs.h"

#include <string.h>

static const char *const CELL[] = {"\\|", "&lt;", "&gt;"};

static void write_cell(FILE *out, const char *s) {
    docs_escape(out, s, "|<>", CELL);
}

static void write_options(FILE *out, const option *options) {
    fputs("| option | default | meaning |\n|---|---|---|\n", out);
    for (const option *o = options; o->name; o++) {
        fprintf(out, "| `--%s%s", option_prefix(o), o->name);
        if (option_value(o)) fputc(' ', out);
        /* code spans keep <> as they are, but a bar would end the cell even there */
        if (option_value(o)) docs_escape(out, option_value(o), "|", CELL);
        fputs("` | ", out);
        if (o->required)
            fputs("required", out);
        else if (o->type == OPTION_FLAG)
            fputs(option_is_on(o) ? "on" : "off", out);
        else if (o->type == OPTION_TRISTATE)
            fputs("by the model", out);
        else if (o->default_value && *o->default_value)
            fprintf(out, "`%s`", o->default_value);
        fputs(" | ", out);
        write_cell(out, o->help);
        fputs(" |\n", out);
    }
}

static void write_index(FILE *out) {
    fputs("# The commands of semid\n\nGenerated from the option tables by `semid docs`.\n\n"
          "| command | what it does |\n|---|---|\n",
          out);
    for (const command *const *c = all_commands; *c; c++)
        fprintf(out, "| [`semid %s`](%s.md) | %s |\n", (*c)->name, (*c)->name, (*c)->summary);
    fputs("\n## Common options\n\nEvery command takes these besides its own. Exit status: 0 done, "
          "1 failed, 2 wrong usage, 130 interrupted.\n\n",
          out);
    write_options(out, common_options);
}

void docs_write_md(const command *cmd, FILE *out) {
    if (!cmd) {
        write_index(out);
        return;
    }
    fprintf(out, "# semid %s\n\n%s.\n\n", cmd->name, cmd->summary);
    fputs("```\n", out);
    docs_write_usage(cmd, out);
    fputs("```\n", out);
    fprintf(out, "\n%s\n\n## Options\n\n", cmd->description);
    write_options(out, cmd->options);
    fputs("\nand the [common options](README.md#common-options).\n", out);
    if (cmd->examples) fprintf(out, "\n## Examples\n\n```sh\n%s\n```\n", cmd->examples);
}
