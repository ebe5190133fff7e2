/* retrieval/faiss_library.h - loads the module with FAISS when a command needs it. */
#ifndef RETRIEVAL_FAISS_LIBRARY_H
#define RETRIEVAL_FAISS_LIBRARY_H

#include "base/error.h"
#include "retrieval/faiss_bridge.h"

/* Its functions. Looks for libsemid-faiss.so beside the program and where `make install` puts it;
 * SEMID_ERR_UNSUPPORTED says where it looked. */
semid_status faiss_library_load(const faiss_bridge **out, semid_error *err);

/* Index files. Errors name the path; saving is whole or nothing. */
semid_status faiss_file_save(const faiss_bridge *faiss, const faiss_index *index, const char *path,
                             semid_error *err);
semid_status faiss_file_load(const faiss_bridge *faiss, faiss_index **out, const char *path,
                             semid_error *err);

#endif
