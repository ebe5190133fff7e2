/* cli/docs.h - documents that are generated from the option tables: pages, manual, completion. */
#ifndef CLI_DOCS_H
#define CLI_DOCS_H

#include "cli/commands.h"

/* Writes one file. `cmd` is NULL for the file about semid itself. */
typedef void (*docs_writer)(const command *cmd, FILE *out);

void docs_write_md(const command *cmd, FILE *out);
void docs_write_man(const command *cmd, FILE *out);
void docs_write_bash(const command *cmd, FILE *out);
void docs_write_zsh(const command *cmd, FILE *out);
void docs_write_fish(const command *cmd, FILE *out);

/* Write s with some characters replaced: to[i] instead of from[i]. */
void docs_escape(FILE *out, const char *s, const char *from, const char *const *to);

/* "semid train [--in] FILE --out DIR [options]" and the end of the line. */
void docs_write_usage(const command *cmd, FILE *out);

/* Is it a flag that is on by default? Such a flag is shown as the one that switches it off. */
bool option_is_on(const option *o);
/* "[no-]" for a flag that is on by default, and for one without a default; else "". */
const char *option_prefix(const option *o);
/* The value after the name: its choices or metavar; NULL for flags. */
const char *option_value(const option *o);
/* "on", the default value, or what holds without the option; NULL where there is nothing to say. */
const char *option_default(const option *o);

#endif
