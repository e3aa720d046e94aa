/* gzip.c: libdeflate for whole streams of the expected length; zlib, which works piecewise, for the first bytes of a
 * stream, for longer streams, and to tell what is wrong with a damaged one. */
#include "image/gzip.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "base/memory.h"

enum {
    MAX_RATIO = 1032, /* deflate's largest expansion */
    SLACK = 1 << 16,  /* padding behind the data up to this much stays on the fast path */
    LEVEL = 1,        /* of 12; a head scan as float32: 0.10 s, 3.0 MB; level 6: 0.18 s, 2.7 MB */
    CHUNK = 1 << 16,
    MIN_EXTRA = 1 << 20,  /* this much is always read for the checksums behind it */
    MIN_MEMBER_BYTES = 18, /* header and trailer of gzip */
    MIN_ZLIB_BYTES = 6
};

bool med_gzip_is(const uint8_t *data, size_t size) { return size >= 2 && data[0] == 0x1f && data[1] == 0x8b; }

static size_t at_most(size_t n, size_t limit) { return n < limit ? n : limit; }

/* ---- piecewise ---- */

typedef struct stream {
    z_stream z;
    const uint8_t *data; /* what zlib has not been given yet */
    size_t size;
    size_t n_expected, n_found; /* expanded bytes */
    bool is_end;
    size_t n_garbage; /* behind the last member */
    bool is_zlib;     /* one stream with zlib's header, not members with gzip's */
} stream;

static med_status stream_open(stream *s, bool is_zlib, const uint8_t *data, size_t size, size_t n_expected) {
    *s = (stream){.data = data, .size = size, .n_expected = n_expected, .is_zlib = is_zlib};
    if (inflateInit2(&s->z, is_zlib ? 15 : 15 + 16) != Z_OK) return med_fail(MED_ENOMEM, "not enough memory for zlib");
    return MED_OK;
}

static void stream_close(stream *s) { inflateEnd(&s->z); }

static void refill(stream *s) {
    if (s->z.avail_in || !s->size) return;
    size_t n = at_most(s->size, 1u << 30);
    s->z.next_in = (uint8_t *)s->data; /* zlib reads only */
    s->z.avail_in = (unsigned)n;
    s->data += n;
    s->size -= n;
}

/* After a member: another one, the end, or bytes that are none. */
static void next_member(stream *s) {
    refill(s);
    uint8_t head[2];
    size_t n_left = s->z.avail_in + s->size, n_head = at_most(n_left, sizeof head);
    for (size_t i = 0; i < n_head; i++) head[i] = i < s->z.avail_in ? s->z.next_in[i] : s->data[i - s->z.avail_in];
    if (!s->is_zlib && med_gzip_is(head, n_head)) {
        inflateReset(&s->z);
        return;
    }
    s->n_garbage = n_left;
    s->is_end = true;
}

static med_status fail_damaged(const stream *s, const char *path, const char *what) {
    return med_fail(MED_EFORMAT, "%s: the %s stream %s: %zu bytes expected, %zu found; copy the file again", path,
                    s->is_zlib ? "zlib" : "gzip", what, s->n_expected, s->n_found);
}

/* Expand up to n_max bytes; fewer only at the end of the stream. */
static med_status stream_read(stream *s, const char *path, uint8_t *out, size_t n_max, size_t *n_out) {
    *n_out = 0;
    while (!s->is_end && *n_out < n_max) {
        refill(s);
        unsigned room = (unsigned)at_most(n_max - *n_out, 1u << 30);
        s->z.next_out = out + *n_out;
        s->z.avail_out = room;
        int result = inflate(&s->z, Z_NO_FLUSH);
        *n_out += room - s->z.avail_out;
        s->n_found += room - s->z.avail_out;
        if (result == Z_STREAM_END) {
            next_member(s);
        } else if (result == Z_BUF_ERROR || (result == Z_OK && !s->z.avail_in && !s->size && s->z.avail_out)) {
            return fail_damaged(s, path, "is cut");
        } else if (result != Z_OK) {
            char what[80];
            snprintf(what, sizeof what, "is damaged (%s)", s->z.msg ? s->z.msg : "bad data");
            return fail_damaged(s, path, what);
        }
    }
    return MED_OK;
}

med_status med_gzip_peek(const char *path, const uint8_t *data, size_t size, uint8_t *out, size_t n_max,
                         size_t *n_out) {
    stream s;
    MED_TRY(stream_open(&s, false, data, size, n_max));
    med_status status = stream_read(&s, path, out, n_max, n_out);
    stream_close(&s);
    return status;
}

/* Run to the end of the stream for its checksums, keeping nothing. */
static med_status read_extra(stream *s, const char *path, size_t *n_extra) {
    uint8_t dropped[CHUNK];
    size_t limit = s->n_expected > MIN_EXTRA ? s->n_expected : MIN_EXTRA;
    *n_extra = 0;
    while (!s->is_end) {
        size_t n;
        MED_TRY(stream_read(s, path, dropped, sizeof dropped, &n));
        *n_extra += n;
        if (*n_extra > limit)
            return med_fail(MED_EFORMAT, "%s: the compressed stream goes on for more than %zu bytes behind the %zu expected",
                            path, limit, s->n_expected);
    }
    *n_extra += s->n_garbage;
    return MED_OK;
}

static med_status expand_piecewise(const char *path, bool is_zlib, const uint8_t *data, size_t size, size_t n_bytes,
                                   uint8_t *out, size_t *n_extra) {
    stream s;
    MED_TRY(stream_open(&s, is_zlib, data, size, n_bytes));
    size_t n;
    med_status status = stream_read(&s, path, out, n_bytes, &n);
    if (status == MED_OK)
        status = n == n_bytes ? read_extra(&s, path, n_extra) : fail_damaged(&s, path, "is intact but too short");
    stream_close(&s);
    return status;
}

/* ---- whole ---- */

/* All members that follow each other; *n counts what they expand to, *size what is left behind them. */
static bool expand_members(struct libdeflate_decompressor *d, const uint8_t *data, size_t *size, size_t n_room,
                           uint8_t *out, size_t *n) {
    while (med_gzip_is(data, *size)) {
        size_t n_in, n_out;
        if (libdeflate_gzip_decompress_ex(d, data, *size, out + *n, n_room - *n, &n_in, &n_out) != LIBDEFLATE_SUCCESS)
            return false;
        *n += n_out;
        data += n_in;
        *size -= n_in;
    }
    return true;
}

static bool expand_zlib(struct libdeflate_decompressor *d, const uint8_t *data, size_t *size, size_t n_room,
                        uint8_t *out, size_t *n) {
    size_t n_in;
    if (libdeflate_zlib_decompress_ex(d, data, *size, out, n_room, &n_in, n) != LIBDEFLATE_SUCCESS) return false;
    *size -= n_in;
    return true;
}

/* False: longer than n_room, shorter than n_bytes, or damaged; the piecewise way finds out which. */
static bool expand_whole(bool is_zlib, const uint8_t *data, size_t size, size_t n_bytes, size_t n_room, uint8_t *out,
                         size_t *n_extra) {
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    if (!decompressor) return false;
    size_t n = 0;
    bool is_ok = (is_zlib ? expand_zlib : expand_members)(decompressor, data, &size, n_room, out, &n);
    libdeflate_free_decompressor(decompressor);
    if (!is_ok || n < n_bytes) return false;
    *n_extra = n - n_bytes + size;
    return true;
}

static med_status expand(const char *path, bool is_zlib, const uint8_t *data, size_t size, size_t n_bytes,
                         uint8_t **out, size_t *n_extra) {
    *out = NULL;
    if (size < (is_zlib ? MIN_ZLIB_BYTES : MIN_MEMBER_BYTES) || n_bytes / MAX_RATIO > size)
        return med_fail(MED_EFORMAT,
                        "%s: truncated: %zu bytes expected after expansion, more than %zu compressed bytes can hold",
                        path, n_bytes, size);
    void *buffer;
    MED_TRY(med_buffer_alloc(n_bytes + SLACK, "an expanded file", &buffer));
    med_status status = MED_OK;
    if (!expand_whole(is_zlib, data, size, n_bytes, n_bytes + SLACK, buffer, n_extra))
        status = expand_piecewise(path, is_zlib, data, size, n_bytes, buffer, n_extra);
    if (status == MED_OK)
        *out = buffer;
    else
        free(buffer);
    return status;
}

med_status med_gzip_expand(const char *path, const uint8_t *data, size_t size, size_t n_bytes, uint8_t **out,
                           size_t *n_extra) {
    return expand(path, false, data, size, n_bytes, out, n_extra);
}

med_status med_zlib_expand(const char *path, const uint8_t *data, size_t size, size_t n_bytes, uint8_t **out,
                           size_t *n_extra) {
    return expand(path, true, data, size, n_bytes, out, n_extra);
}

med_status med_gzip_compress(const uint8_t *data, size_t n_bytes, uint8_t **out, size_t *n_out) {
    *out = NULL;
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(LEVEL);
    if (!compressor) return med_fail(MED_ENOMEM, "not enough memory for a compressor");
    size_t room = libdeflate_gzip_compress_bound(compressor, n_bytes);
    void *buffer;
    med_status status = med_buffer_alloc(room, "a compressed file", &buffer);
    if (status == MED_OK) {
        *n_out = libdeflate_gzip_compress(compressor, data, n_bytes, buffer, room);
        med_assert(*n_out > 0);
        *out = buffer;
    }
    libdeflate_free_compressor(compressor);
    return status;
}
