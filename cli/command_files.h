/* cli/command_files.h - the files that a call of a command reads and writes. */
#ifndef CLI_COMMAND_FILES_H
#define CLI_COMMAND_FILES_H

#include "cli/options.h"

struct command_files {
    string_list reads;  /* each a file, folder, glob or comma list */
    string_list writes; /* files */
};

/* Those that the options name which the table marks FILE_READ and FILE_WRITTEN, and those that
 * cmd->add_files adds. `out` is released on failure. */
semid_status command_files_collect(command_files *out, const command *cmd, const void *params,
                                   semid_error *err);

/* Append FOLDER/NAME for each of the NULL-ended names: for add_files. */
semid_status command_files_in(string_list *list, const char *folder, const char *const *names,
                              semid_error *err);

/* Append `path` with another extension ("a/X.npy", ".ids.npy": a/X.ids.npy): for add_files. */
semid_status command_files_beside(string_list *list, const char *path, const char *suffix,
                                  semid_error *err);

void command_files_release(command_files *files);

#endif
