/* The list of all commands, in the order of commands.def. A new command needs its line there and
 * nothing here: the table, the lookup by name, the help, the pages and the completion all go
 * through this list.
 */
#include "cli/commands.h"

#include <string.h>

const command *const all_commands[] = {
#define COMMAND(id) &cmd_##id,
#include "cli/commands.def"
#undef COMMAND
    NULL};

const command *command_find(const char *name) {
    for (const command *const *c = all_commands; *c; c++)
        if (strcmp((*c)->name, name) == 0) return *c;
    return NULL;
}
