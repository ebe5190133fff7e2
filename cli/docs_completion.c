/* Completion for bash, zsh and fish: one file per shell covers all commands. Each is a list of
 * names and values in the syntax of that shell: commands, then the options of a command, then the
 * words of a choice or, for options with a mark at `file`, file names. */
#include "cli/docs.h"

#include <string.h>

/* "last-out|time" -> "last-out time" */
static void write_choices(FILE *out, const char *choices) {
    static const char *const space[] = {" "};
    docs_escape(out, choices, "|", space);
}

/* The names of an option: "no-x" for a flag that is on, both for one without a default. */
static size_t prefixes(const option *o, const char *out[2]) {
    size_t n = 0;
    if (!option_is_on(o)) out[n++] = "";
    if (*option_prefix(o)) out[n++] = "no-";
    return n;
}

/* ---- bash ---- */

static void write_bash_names(FILE *out, const option *options) {
    for (const option *o = options; o->name; o++) {
        const char *prefix[2];
        size_t n = prefixes(o, prefix);
        for (size_t i = 0; i < n; i++) fprintf(out, " --%s%s", prefix[i], o->name);
    }
}

static void write_bash_choices(FILE *out) {
    for (const command *const *c = all_commands; *c; c++)
        for (const option *o = (*c)->options; o->name; o++) {
            if (o->type != OPTION_CHOICE) continue;
            fprintf(out, "        '%s --%s') words='", (*c)->name, o->name);
            write_choices(out, o->choices);
            fputs("' ;;\n", out);
        }
}

void docs_write_bash(const command *cmd, FILE *out) {
    if (cmd) return;

    fputs("# bash completion for semid\n"
          "_semid() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local command=${COMP_WORDS[1]} words=''\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
          "        words='",
          out);
    for (const command *const *c = all_commands; *c; c++) fprintf(out, "%s ", (*c)->name);

    fputs("--help --version'\n    elif [[ $cur == -* ]]; then\n        case $command in\n", out);
    for (const command *const *c = all_commands; *c; c++) {
        fprintf(out, "        %s) words='", (*c)->name);
        write_bash_names(out, (*c)->options);
        fputs("' ;;\n", out);
    }
    fputs("        esac\n        words=\"$words", out);
    write_bash_names(out, common_options);

    fputs("\"\n    else\n        case \"$command $prev\" in\n", out);
    write_bash_choices(out);

    /* what is not offered here, `-o default` completes as a file name */
    fputs("        esac\n    fi\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
          "}\n"
          "complete -o default -F _semid semid\n",
          out);
}

/* ---- zsh ---- */

static void write_zsh_option(FILE *out, const option *o, const char *prefix) {
    static const char *const escapes[] = {"'\\''", "\\[", "\\]", "\\:"};
    const char *repeated = o->type == OPTION_LIST ? "*" : ""; /* may be given several times */
    fprintf(out, " \\\n            '%s--%s%s[", repeated, prefix, o->name);
    docs_escape(out, o->help, "'[]:", escapes);
    fputc(']', out);

    if (o->type == OPTION_CHOICE) {
        fputs(":choice:(", out);
        write_choices(out, o->choices);
        fputc(')', out);
    } else if (option_value(o)) {
        fputc(':', out);
        docs_escape(out, o->metavar, "'[]:", escapes);
        fputs(o->file != FILE_NONE ? ":_files" : ":", out);
    }
    fputc('\'', out);
}

static void write_zsh_options(FILE *out, const option *options) {
    for (const option *o = options; o->name; o++) {
        const char *prefix[2];
        size_t n = prefixes(o, prefix);
        for (size_t i = 0; i < n; i++) write_zsh_option(out, o, prefix[i]);
    }
}

void docs_write_zsh(const command *cmd, FILE *out) {
    static const char *const escapes[] = {"'\\''", "\\:"};
    if (cmd) return;

    fputs("#compdef semid\n\n_semid() {\n    local -a commands common\n    commands=(\n", out);
    for (const command *const *c = all_commands; *c; c++) {
        fprintf(out, "        '%s:", (*c)->name);
        docs_escape(out, (*c)->summary, "':", escapes);
        fputs("'\n", out);
    }

    fputs("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n"
          "        return\n    fi\n    local command=${words[2]}\n    shift words\n"
          "    (( CURRENT-- ))\n    case $command in\n",
          out);
    for (const command *const *c = all_commands; *c; c++) {
        fprintf(out, "    %s)\n        _arguments", (*c)->name);
        write_zsh_options(out, (*c)->options);
        write_zsh_options(out, common_options);
        fputs("\n        ;;\n", out);
    }
    fputs("    esac\n}\n\n_semid \"$@\"\n", out);
}

/* ---- fish ---- */

static void write_fish_quoted(FILE *out, const char *s) {
    static const char *const escapes[] = {"\\'", "\\\\"};
    fputc('\'', out);
    docs_escape(out, s, "'\\", escapes);
    fputc('\'', out);
}

static void write_fish_option(FILE *out, const char *condition, const option *o,
                              const char *prefix) {
    fprintf(out, "complete -c semid -n '%s' -l %s%s", condition, prefix, o->name);

    /* -x: a value that is not a file; -r -F: a file */
    if (o->type == OPTION_CHOICE) {
        fputs(" -x -a '", out);
        write_choices(out, o->choices);
        fputc('\'', out);
    } else if (o->file != FILE_NONE) {
        fputs(" -r -F", out);
    } else if (option_value(o)) {
        fputs(" -x", out);
    }

    fputs(" -d ", out);
    write_fish_quoted(out, o->help);
    fputc('\n', out);
}

static void write_fish_options(FILE *out, const char *condition, const option *options) {
    for (const option *o = options; o->name; o++) {
        const char *prefix[2];
        size_t n = prefixes(o, prefix);
        for (size_t i = 0; i < n; i++) write_fish_option(out, condition, o, prefix[i]);
    }
}

void docs_write_fish(const command *cmd, FILE *out) {
    char condition[128];
    if (cmd) return;

    fputs("# fish completion for semid\ncomplete -c semid -n __fish_use_subcommand -f\n", out);
    for (const command *const *c = all_commands; *c; c++) {
        fprintf(out, "complete -c semid -n __fish_use_subcommand -a %s -d ", (*c)->name);
        write_fish_quoted(out, (*c)->summary);
        fputc('\n', out);
    }

    for (const command *const *c = all_commands; *c; c++) {
        snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s", (*c)->name);
        write_fish_options(out, condition, (*c)->options);
    }
    write_fish_options(out, "not __fish_use_subcommand", common_options);
}
