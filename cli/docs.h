/* cli/docs.h - documents that follow from the option tables: pages, manual, completion. */
#ifndef CLI_DOCS_H
#define CLI_DOCS_H

#include "cli/commands.h"

/* Calls of one writer for each of its files: `cmd` is NULL for the one that is about semid itself.
 */
typedef void (*docs_writer)(const command *cmd, FILE *out);

void docs_write_md(const command *cmd, FILE *out);
void docs_write_man(const command *cmd, FILE *out);
void docs_write_bash(const command *cmd, FILE *out);
void docs_write_zsh(const command *cmd, FILE *out);
void docs_write_fish(const command *cmd, FILE *out);

/* Write s with some characters replaced: `from` holds them, to[i] is what from[i] becomes. */
void docs_escape(FILE *out, const char *s, const char *from, const char *const *to);

/* "semid train [--in] FILE --out DIR [options]" and the end of the line. */
void docs_write_usage(const command *cmd, FILE *out);

/* A flag that is on by default is shown as the one that switches it off. */
bool option_is_on(const option *o);
/* "no-" for such a flag, "[no-]" where neither is the default; else "". */
const char *option_prefix(const option *o);
/* What stands behind the option: its choices or metavar; NULL for flags. */
const char *option_value(const option *o);

#endif
