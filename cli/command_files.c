/*
 * The inputs and outputs of a step of `semid run`. The option table has most of them, as a mark at
 * each path (option_file). A command adds the rest by its add_files:
 * the files of a folder, such as codebooks.npz in --out, and those next to another, such as the ids
 * beside the vectors. So whoever adds an option or an output says so in the command itself, and
 * `semid run` repeats the right steps without knowing any option by name.
 */
#include "cli/command_files.h"

#include "base/file.h"

/* Of FILE:NAME the file. */
static semid_status add_read(string_list *reads, const char *path, semid_error *err) {
    char *file;
    const char *name;
    TRY(path_split_name(&file, &name, path, err));
    return string_list_take(reads, file, err);
}

static semid_status add_paths(command_files *out, const option *o, const char *const *paths,
                              size_t n_paths, semid_error *err) {
    for (size_t i = 0; i < n_paths; i++)
        if (o->file == FILE_READ)
            TRY(add_read(&out->reads, paths[i], err));
        else if (o->file == FILE_WRITTEN)
            TRY(string_list_add(&out->writes, paths[i], err));
    return SEMID_OK;
}

semid_status command_files_collect(command_files *out, const command *cmd, const void *params,
                                   semid_error *err) {
    semid_status status = SEMID_OK;
    *out = (command_files){0};

    for (const option *o = cmd->options; o->name; o++) {
        const void *at = (const char *)params + o->offset;
        if (o->file == FILE_NONE || !option_is_set(o, params)) continue;
        if (o->type == OPTION_LIST) { /* --concat a.npy,b.npy */
            const string_list *list = at;
            TRY_GOTO(add_paths(out, o, (const char *const *)list->items, list->n_items, err));
        } else {
            TRY_GOTO(add_paths(out, o, at, 1, err));
        }
    }

    if (cmd->add_files) TRY_GOTO(cmd->add_files(params, out, err));
done:
    if (status != SEMID_OK) command_files_release(out);
    return status;
}

semid_status command_files_in(string_list *list, const char *folder, const char *const *names,
                              semid_error *err) {
    for (; *names; names++) {
        char *path;
        TRY(path_join(&path, folder, *names, err));
        TRY(string_list_take(list, path, err));
    }
    return SEMID_OK;
}

semid_status command_files_beside(string_list *list, const char *path, const char *suffix,
                                  semid_error *err) {
    char *other;
    TRY(path_replace_extension(&other, path, suffix, err));
    return string_list_take(list, other, err);
}

void command_files_release(command_files *files) {
    string_list_release(&files->reads);
    string_list_release(&files->writes);
}
