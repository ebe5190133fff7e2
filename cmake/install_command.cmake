# What `make install` adds to the library: the command, what it loads at run time, and the documents
# that it generates itself.
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
