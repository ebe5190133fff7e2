/* Manual pages in roff with the man macros: semid.1 and one semid-NAME.1 per command. What text
 * must not do in roff: begin a line with a dot or an apostrophe (those are macros), and contain a
 * plain backslash or a "-" that should be copied from the page as a minus. */
#include "cli/docs.h"

#include "semid/version.h"

#include <string.h>

static const char *const ROFF[] = {"\\e", "\\-"};

static void write_escaped(FILE *out, const char *s) {
    docs_escape(out, s, "\\-", ROFF);
}

/* Lines and paragraphs, which an empty line separates. */
static void write_text(FILE *out, const char *s) {
    while (*s) {
        char line[4096];
        size_t n = strcspn(s, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, s);

        if (*line == '.' || *line == '\'') fputs("\\&", out); /* prints nothing */
        write_escaped(out, line);
        fputc('\n', out);

        s += n;
        if (*s == '\n') s++;
        if (n == 0) continue;
        if (*s == '\n') {
            fputs(".PP\n", out);
            s++;
        }
    }
}

static void write_header(FILE *out, const char *name, const char *summary) {
    char upper[64];
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof upper; n++)
        upper[n] = (char)(name[n] >= 'a' && name[n] <= 'z' ? name[n] - 'a' + 'A' : name[n]);
    upper[n] = '\0';

    fprintf(out, ".TH \"%s\" 1 \"\" \"semid %s\" \"semid manual\"\n.SH NAME\n", upper,
            semid_version());
    write_text(out, name);
    fputs("\\- ", out);
    write_text(out, summary);
}

static void write_options(FILE *out, const option *options) {
    for (const option *o = options; o->name; o++) {
        fprintf(out, ".TP\n\\fB\\-\\-%s", option_prefix(o));
        write_escaped(out, o->name);
        fputs("\\fR", out);
        if (option_value(o)) {
            fputs(" \\fI", out);
            write_escaped(out, option_value(o));
            fputs("\\fR", out);
        }

        fputs("\n\\&", out); /* in case the help begins with a dot: .npy */
        write_escaped(out, o->help);
        fputs(o->required ? " (required).\n" : ".\n", out);
        if (option_default(o)) {
            fputs("Default: ", out);
            write_escaped(out, option_default(o));
            fputs(".\n", out);
        }
    }
}

static void write_main_page(FILE *out) {
    write_header(out, "semid", "from a catalogue of items to semantic IDs");
    fputs(".SH SYNOPSIS\n.B semid\n.I COMMAND\n[options]\n.SH COMMANDS\n", out);
    for (const command *const *c = all_commands; *c; c++) {
        char text[128];
        snprintf(text, sizeof text, "semid-%s(1)", (*c)->name);
        fputs(".TP\n.B ", out);
        write_text(out, text);
        write_text(out, (*c)->summary);
    }

    fputs(".SH COMMON OPTIONS\n", out);
    write_options(out, common_options);
    fputs(".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 130 interrupted.\n", out);
}

void docs_write_man(const command *cmd, FILE *out) {
    if (!cmd) {
        write_main_page(out);
        return;
    }

    char name[64];
    snprintf(name, sizeof name, "semid-%s", cmd->name);
    write_header(out, name, cmd->summary);
    fprintf(out, ".SH SYNOPSIS\n.B semid %s\n[options]\n.SH DESCRIPTION\n", cmd->name);
    write_text(out, cmd->description);

    fputs(".SH OPTIONS\n", out);
    write_options(out, cmd->options);
    fputs(".PP\nand the common options of semid(1).\n", out);

    if (cmd->examples) {
        fputs(".SH EXAMPLES\n.nf\n", out);
        write_text(out, cmd->examples);
        fputs(".fi\n", out);
    }
}
