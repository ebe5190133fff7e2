/* cli/encode_options.h - rows that the tables of train and encode share. */
#ifndef CLI_ENCODE_OPTIONS_H
#define CLI_ENCODE_OPTIONS_H

#include "cli/options.h"

#define OPTION_BEAM(params)                                                                        \
    {                                                                                              \
        .name = "beam", .type = OPTION_INT, .offset = offsetof(params, beam), .metavar = "B",      \
        .default_value = "1", .min = 1, .max = 1024,                                               \
        .help =                                                                                    \
            "Keep the B best partial codes per level instead of the nearest codeword alone: less " \
            "error, but B times the work"                                                          \
    }

#define OPTION_UNIQUE(params)                                                                      \
    {                                                                                              \
        .name = "unique", .type = OPTION_FLAG, .offset = offsetof(params, unique),                 \
        .help = "Give every row a different code: rows that would share one get distinct "         \
                "codewords at the last level, at the least sum of errors; rows for which a "       \
                "prefix has no space get another prefix"                                           \
    }

#define OPTION_SKIP_BAD_ROWS(params)                                                               \
    {                                                                                              \
        .name = "skip-bad-rows", .type = OPTION_FLAG, .offset = offsetof(params, skip_bad_rows),   \
        .help = "Leave out rows with NaN or Inf instead of failing; codes.rows.npy lists the "     \
                "rows that were kept"                                                              \
    }

#endif
