# libsemid: shared and static, its headers, and what pkg-config and CMake need to find them.
include(CMakePackageConfigHelpers)

install(TARGETS semid_shared EXPORT semidTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS semid_core ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/semid DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# semid::semid is the shared library, semid::semid_static the static one with what it needs.
set(semid_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/semid)
install(EXPORT semidTargets FILE semidTargets.cmake NAMESPACE semid:: DESTINATION ${semid_cmake_dir})
configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/semidConfig.cmake.in
  ${CMAKE_BINARY_DIR}/semidConfig.cmake INSTALL_DESTINATION ${semid_cmake_dir}
  PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/semidConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/semidConfig.cmake ${CMAKE_BINARY_DIR}/semidConfigVersion.cmake
  DESTINATION ${semid_cmake_dir})

# The prefix is taken from where the .pc file lies, so that the tree may be moved.
file(RELATIVE_PATH semid_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_SOURCE_DIR}/cmake/semid.pc.in ${CMAKE_BINARY_DIR}/semid.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/semid.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/NOTICE
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
