/* table/duckdb_api.h - DuckDB's C API, loaded when it is first needed: commands that do not use
 * tables start without it. It is searched for at $SEMID_DUCKDB alone if that is set, else where the
 * build found it, beside the program (../lib/semid/libduckdb.so) and on the loader's path. */
#ifndef TABLE_DUCKDB_API_H
#define TABLE_DUCKDB_API_H

#include "base/error.h"

#include <duckdb.h>

/* Every function of DuckDB that semid calls. */
#define DUCKDB_FUNCTIONS(X)                                                                        \
    X(duckdb_append_data_chunk)                                                                    \
    X(duckdb_appender_create)                                                                      \
    X(duckdb_appender_destroy)                                                                     \
    X(duckdb_appender_error)                                                                       \
    X(duckdb_array_vector_get_child)                                                               \
    X(duckdb_bind_add_result_column)                                                               \
    X(duckdb_bind_get_extra_info)                                                                  \
    X(duckdb_bind_set_cardinality)                                                                 \
    X(duckdb_close)                                                                                \
    X(duckdb_column_count)                                                                         \
    X(duckdb_connect)                                                                              \
    X(duckdb_create_config)                                                                        \
    X(duckdb_create_data_chunk)                                                                    \
    X(duckdb_create_list_type)                                                                     \
    X(duckdb_create_logical_type)                                                                  \
    X(duckdb_create_scalar_function)                                                               \
    X(duckdb_create_table_function)                                                                \
    X(duckdb_data_chunk_get_size)                                                                  \
    X(duckdb_data_chunk_get_vector)                                                                \
    X(duckdb_data_chunk_reset)                                                                     \
    X(duckdb_data_chunk_set_size)                                                                  \
    X(duckdb_destroy_config)                                                                       \
    X(duckdb_destroy_data_chunk)                                                                   \
    X(duckdb_destroy_logical_type)                                                                 \
    X(duckdb_destroy_pending)                                                                      \
    X(duckdb_destroy_prepare)                                                                      \
    X(duckdb_destroy_result)                                                                       \
    X(duckdb_destroy_scalar_function)                                                              \
    X(duckdb_destroy_table_function)                                                               \
    X(duckdb_disconnect)                                                                           \
    X(duckdb_execute_pending)                                                                      \
    X(duckdb_fetch_chunk)                                                                          \
    X(duckdb_free)                                                                                 \
    X(duckdb_function_get_local_init_data)                                                         \
    X(duckdb_function_set_error)                                                                   \
    X(duckdb_init_get_extra_info)                                                                  \
    X(duckdb_init_set_error)                                                                       \
    X(duckdb_init_set_init_data)                                                                   \
    X(duckdb_init_set_max_threads)                                                                 \
    X(duckdb_interrupt)                                                                            \
    X(duckdb_library_version)                                                                      \
    X(duckdb_list_vector_get_child)                                                                \
    X(duckdb_list_vector_reserve)                                                                  \
    X(duckdb_list_vector_set_size)                                                                 \
    X(duckdb_open_ext)                                                                             \
    X(duckdb_pending_error)                                                                        \
    X(duckdb_pending_execute_task)                                                                 \
    X(duckdb_pending_prepared)                                                                     \
    X(duckdb_pending_prepared_streaming)                                                           \
    X(duckdb_prepare)                                                                              \
    X(duckdb_prepare_error)                                                                        \
    X(duckdb_register_scalar_function)                                                             \
    X(duckdb_register_table_function)                                                              \
    X(duckdb_result_error)                                                                         \
    X(duckdb_scalar_function_add_parameter)                                                        \
    X(duckdb_scalar_function_get_extra_info)                                                       \
    X(duckdb_scalar_function_set_extra_info)                                                       \
    X(duckdb_scalar_function_set_function)                                                         \
    X(duckdb_scalar_function_set_name)                                                             \
    X(duckdb_scalar_function_set_return_type)                                                      \
    X(duckdb_set_config)                                                                           \
    X(duckdb_table_function_set_bind)                                                              \
    X(duckdb_table_function_set_extra_info)                                                        \
    X(duckdb_table_function_set_function)                                                          \
    X(duckdb_table_function_set_init)                                                              \
    X(duckdb_table_function_set_local_init)                                                        \
    X(duckdb_table_function_set_name)                                                              \
    X(duckdb_validity_set_row_invalid)                                                             \
    X(duckdb_vector_assign_string_element_len)                                                     \
    X(duckdb_vector_ensure_validity_writable)                                                      \
    X(duckdb_vector_get_data)                                                                      \
    X(duckdb_vector_get_validity)                                                                  \
    X(duckdb_vector_size)

typedef struct duckdb_functions {
#define X(name) __typeof__(name) *name;
    DUCKDB_FUNCTIONS(X)
#undef X
} duckdb_functions;

/* The functions, loaded by the first call. SEMID_ERR_UNSUPPORTED says where it was searched for and
 * what to do. */
semid_status duckdb_load(const duckdb_functions **out, semid_error *err);

#endif
