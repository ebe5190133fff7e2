# `make install`: the command, libsemid with its headers, pkg-config and CMake package files, what
# the command loads at run time, and the documents that it generates itself.
include(CMakePackageConfigHelpers)

# ---- libsemid ----
install(TARGETS semid_shared EXPORT semidTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/semid DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT semidTargets FILE semidConfig.cmake NAMESPACE semid::
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/semid)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/semidConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/semidConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/semid)

# The prefix is taken from where the .pc file lies, so that the tree may be moved.
file(RELATIVE_PATH semid_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_SOURCE_DIR}/cmake/semid.pc.in ${CMAKE_BINARY_DIR}/semid.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/semid.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# ---- the command ----
install(TARGETS semid_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# duckdb_api.c looks for it beside the program's folder; a system copy stays where it is.
if(DuckDB_LIBRARY MATCHES "^${CMAKE_SOURCE_DIR}/")
  install(PROGRAMS ${DuckDB_LIBRARY} DESTINATION lib/semid)
endif()

# ---- manual and completion ----
set(generated ${CMAKE_BINARY_DIR}/generated)
add_custom_command(OUTPUT ${generated}/stamp
  COMMAND semid_command docs --quiet --format man --out ${generated}/man
  COMMAND semid_command docs --quiet --format bash --out ${generated}/bash
  COMMAND semid_command docs --quiet --format zsh --out ${generated}/zsh
  COMMAND semid_command docs --quiet --format fish --out ${generated}/fish
  COMMAND ${CMAKE_COMMAND} -E touch ${generated}/stamp
  DEPENDS semid_command COMMENT "Writing manual pages and completion" VERBATIM)
add_custom_target(generated_docs ALL DEPENDS ${generated}/stamp)
install(DIRECTORY ${generated}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(DIRECTORY ${generated}/bash/
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(DIRECTORY ${generated}/zsh/ DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(DIRECTORY ${generated}/fish/ DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
