# DuckDB::headers - duckdb.h only: the library itself is loaded at run time by the commands that need
# it. A system copy comes first, then what scripts/bootstrap put into .deps.
find_path(DuckDB_INCLUDE_DIR duckdb.h HINTS ${CMAKE_SOURCE_DIR}/.deps/duckdb/include)
find_library(DuckDB_LIBRARY duckdb HINTS ${CMAKE_SOURCE_DIR}/.deps/duckdb/lib)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(DuckDB REQUIRED_VARS DuckDB_LIBRARY DuckDB_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "Run scripts/bootstrap, which fetches it.")
if(DuckDB_FOUND AND NOT TARGET DuckDB::headers)
  add_library(DuckDB::headers INTERFACE IMPORTED)
  set_target_properties(DuckDB::headers PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES ${DuckDB_INCLUDE_DIR})
endif()
