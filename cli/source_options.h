/* cli/source_options.h - rows of the tables of all commands that read item vectors. */
#ifndef CLI_SOURCE_OPTIONS_H
#define CLI_SOURCE_OPTIONS_H

#include "cli/options.h"
#include "input/concat.h"

#define OPTION_CONCAT(params)                                                                      \
    {                                                                                              \
        .name = "concat", .type = OPTION_LIST, .offset = offsetof(params, concat.files),           \
        .metavar = "FILE", .file = FILE_READ,                                                      \
        .help =                                                                                    \
            "More vectors of the same items, such as those of images, appended to each row of "    \
            "the first file"                                                                       \
    }

#define OPTION_CONCAT_WEIGHTS(params)                                                              \
    {                                                                                              \
        .name = "concat-weights", .type = OPTION_LIST, .offset = offsetof(params, concat.weights), \
        .metavar = "W,W,...", .help = "One weight per file, the first file included",              \
        .unset = "as in training, else equal weights"                                              \
    }

#define OPTION_CONCAT_NORMALIZE(params)                                                            \
    {                                                                                              \
        .name = "concat-normalize", .type = OPTION_TRISTATE,                                       \
        .offset = offsetof(params, concat.normalize),                                              \
        .help = "Scale the rows of each file to length 1 before they are weighted",                \
        .unset = "as in training, else yes"                                                        \
    }

#endif
