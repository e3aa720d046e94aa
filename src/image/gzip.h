/* gzip.h: gzip streams (RFC 1952) whose expanded size the caller knows from a header. Several members in a row count as
 * one stream. Checksums and lengths of all members are verified; nothing is ever filled in. */
#ifndef MED_IMAGE_GZIP_H
#define MED_IMAGE_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

bool med_gzip_is(const uint8_t *data, size_t size);

/* The first bytes of the expanded stream: n_max or all there are. Checksums are not looked at. */
MED_CHECK med_status med_gzip_peek(const char *path, const uint8_t *data, size_t size, uint8_t *out, size_t n_max,
                                   size_t *n_out);

/* Expand n_bytes into an owned buffer. MED_EFORMAT: cut, damaged or shorter than that (before anything is allocated
 * where `size` bytes cannot hold so much). A longer stream is checked to its end, its extra bytes counted and not kept;
 * one that goes on for as long again (1 MiB at least) is refused, since it could expand to anything. */
MED_CHECK med_status med_gzip_expand(const char *path, const uint8_t *data, size_t size, size_t n_bytes, uint8_t **out,
                                     size_t *n_extra);

/* The same for a single zlib stream (RFC 1950). */
MED_CHECK med_status med_zlib_expand(const char *path, const uint8_t *data, size_t size, size_t n_bytes, uint8_t **out,
                                     size_t *n_extra);

/* One member, without time or name: equal input gives equal bytes. Owned. */
MED_CHECK med_status med_gzip_compress(const uint8_t *data, size_t n_bytes, uint8_t **out, size_t *n_out);

#endif
