/* pipeline/output_check.h - can the outputs of a step be made? This is asked before anything is
 * read, so that hours of work do not end at a folder that cannot be written: for every command and
 * all steps of `semid run` by cli/, of the outputs that they declare (cli/command_files.h), and by
 * steps that have more to check, such as the extension.
 *
 * Nothing is created or touched. What a check cannot see, such as a disk that fills up, is reported
 * when the file is written. */
#ifndef PIPELINE_OUTPUT_CHECK_H
#define PIPELINE_OUTPUT_CHECK_H

#include "base/error.h"

/* One file. SEMID_ERR_ARGUMENT unless its name ends in one of the extensions (NULL-ended, without
 * the dot; NULL: any name will do). SEMID_ERR_IO if it is a folder, or if the folder that it lies
 * in cannot be written or made. */
semid_status output_check_file(const char *path, const char *const *extensions, semid_error *err);

/* A folder and the files to be written into it (NULL-ended). */
semid_status output_check_folder(const char *path, const char *const *names, semid_error *err);

#endif
