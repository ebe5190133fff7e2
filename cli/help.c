/* --help. All of it is in the option table and the texts of the command; here are only layout and
 * line breaks: texts start in column HELP_COLUMN, on the line after names that are longer, and no
 * line is wider than HELP_WIDTH (tests/cli/test_main.sh measures). */
#include "cli/docs.h"

#include <string.h>

enum { HELP_COLUMN = 30, HELP_WIDTH = 100 };

/* Print `text` broken at spaces. The cursor is at `column`; further lines start at `indent`. */
static void print_wrapped(FILE *out, const char *text, int column, int indent) {
    bool space = false; /* to be printed before the next word, unless that begins a line */

    while (*text) {
        size_t n = strcspn(text, " \n");
        bool is_full = space && column + 1 + (int)n > HELP_WIDTH;
        if (is_full) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        }
        column += fprintf(out, "%s%.*s", space && !is_full ? " " : "", (int)n, text);
        text += n;

        space = *text == ' ';
        if (*text == '\n') { /* an empty line gets no spaces */
            fprintf(out, "\n%*s", text[1] == '\n' ? 0 : indent, "");
            column = indent;
        }
        if (*text) text++;
    }
    fputc('\n', out);
}

static void print_option(const option *o, FILE *out) {
    int column = fprintf(out, "  --%s%s", option_prefix(o), o->name);
    if (option_value(o)) column += fprintf(out, " %s", option_value(o));
    if (column >= HELP_COLUMN) { /* no room beside the name */
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - column, "");

    char text[1024];
    const char *shown = option_default(o);
    snprintf(text, sizeof text, "%s%s%s%s%s", o->help, o->required ? " (required)" : "",
             shown ? " (default: " : "", shown ? shown : "", shown ? ")" : "");
    print_wrapped(out, text, HELP_COLUMN, HELP_COLUMN);
}

void docs_write_usage(const command *cmd, FILE *out) {
    fprintf(out, "semid %s", cmd->name);
    for (const option *o = cmd->options; o->name; o++) {
        if (o->positional)
            fprintf(out, o->required ? " [--%s] %s" : " [[--%s] %s]", o->name, o->metavar);
        else if (o->required)
            fprintf(out, " --%s %s", o->name, option_value(o));
    }
    fputs(" [options]\n", out);
}

void options_print_help(const command *cmd, FILE *out) {
    fputs("usage: ", out);
    docs_write_usage(cmd, out);
    fprintf(out, "\n%s.\n\n", cmd->summary);
    print_wrapped(out, cmd->description, 0, 0);

    fprintf(out, "\noptions:\n");
    for (const option *o = cmd->options; o->name; o++) print_option(o, out);
    fprintf(out, "\ncommon to all commands:\n");
    for (const option *o = common_options; o->name; o++) print_option(o, out);

    if (cmd->examples) fprintf(out, "\nexamples:\n%s\n", cmd->examples);
}
