/* Pages in Markdown: docs/cli/README.md with all commands and the common options, and one page per
 * command. GitHub's tables take no line breaks, end cells at "|" even in code spans, and read "<"
 * as HTML outside of them; hence the escaping. */
#include "cli/docs.h"

#include <string.h>

static const char *const CELL[] = {"\\|", "&lt;", "&gt;"};

static void write_default(const option *o, FILE *out) {
    const char *shown = option_default(o);
    if (o->required)
        fputs("required", out);
    else if (o->type == OPTION_FLAG)
        fputs(option_is_on(o) ? "on" : "off", out);
    else if (shown && o->default_value)
        fprintf(out, "`%s`", shown);
    else if (shown)
        docs_escape(out, shown, "|<>", CELL);
}

static void write_options(FILE *out, const option *options) {
    fputs("| option | default | meaning |\n|---|---|---|\n", out);
    for (const option *o = options; o->name; o++) {
        fprintf(out, "| `--%s%s", option_prefix(o), o->name);
        if (option_value(o)) fputc(' ', out);
        if (option_value(o)) docs_escape(out, option_value(o), "|", CELL);

        fputs("` | ", out);
        write_default(o, out);
        fputs(" | ", out);
        docs_escape(out, o->help, "|<>", CELL);
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
