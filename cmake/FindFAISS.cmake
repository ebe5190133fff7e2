# FAISS::faiss - Debian ships a static library; it needs a BLAS with LAPACK and OpenMP for C++.
find_path(FAISS_INCLUDE_DIR faiss/Index.h)
find_library(FAISS_LIBRARY faiss)
find_library(FAISS_BLAS_LIBRARY NAMES openblas)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(FAISS REQUIRED_VARS FAISS_LIBRARY FAISS_INCLUDE_DIR
  FAISS_BLAS_LIBRARY)
if(FAISS_FOUND AND NOT TARGET FAISS::faiss)
  add_library(FAISS::faiss UNKNOWN IMPORTED)
  set_target_properties(FAISS::faiss PROPERTIES IMPORTED_LOCATION ${FAISS_LIBRARY}
    INTERFACE_LINK_LIBRARIES "${FAISS_BLAS_LIBRARY};OpenMP::OpenMP_CXX")
endif()
