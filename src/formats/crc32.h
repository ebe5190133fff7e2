/* formats/crc32.h - the checksum of zip members. */
#ifndef FORMATS_CRC32_H
#define FORMATS_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of the bytes so far and these; start with 0. */
uint32_t crc32_update(uint32_t crc, const void *data, size_t n_bytes);

#endif
