#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"

#define COMMAND(id) extern const command cmd_##id;
#include "cli/commands.def"
#undef COMMAND

/* All of them, NULL-ended, and one by its name (NULL if there is none). */
extern const command *const all_commands[];
const command *command_find(const char *name);

#endif
