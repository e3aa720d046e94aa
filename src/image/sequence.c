/* sequence.c: the fields "Seq_FrameNNNN_..." of a MetaImage or NRRD header, and the frames behind it. */
#include "image/sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "image/metaimage.h"
#include "image/nrrd.h"

/* What both formats give. */
typedef struct source {
    const char *path;
    const med_pairs *pairs;
    int n_dim;
    const int64_t *size;
    const med_payload *payload;
} source;

void med_sequence_free(med_sequence *s) {
    if (!s) return;
    free(s->pose);
    free(s->time_s);
    free(s->is_valid);
    free(s->pixels);
    free(s);
}

int med_sequence_find_pose(const med_sequence *s, const char *name) {
    for (int p = 0; p < s->n_poses; p++)
        if (strcmp(s->pose_name[p], name) == 0) return p;
    return -1;
}

/* ---- fields ---- */

/* "Seq_Frame0012_ProbeToTrackerTransform" -> 12 and "ProbeToTrackerTransform". */
static bool cut_key(med_span key, int64_t *frame, med_span *field) {
    med_span number;
    if (!med_span_starts(key, "Seq_Frame")) return false;
    key.at += strlen("Seq_Frame"), key.n -= strlen("Seq_Frame");
    if (!med_span_cut(&key, "_", &number) || !med_span_to_int(number, frame)) return false;
    *field = key;
    return true;
}

static bool take_ending(med_span *text, const char *ending) {
    size_t n = strlen(ending);
    if (text->n < n || memcmp(text->at + text->n - n, ending, n) != 0) return false;
    text->n -= n;
    return true;
}

/* Every name of a pose, in the order of their first frames. */
static med_status collect_names(const source *from, med_sequence *s) {
    char shown[MED_SPAN_SHOWN];
    for (int i = 0; i < from->pairs->n; i++) {
        int64_t frame;
        med_span field;
        if (!cut_key(from->pairs->item[i].key, &frame, &field) || !take_ending(&field, "Transform")) continue;
        bool is_known = false;
        for (int p = 0; p < s->n_poses; p++) is_known = is_known || med_span_is(field, s->pose_name[p]);
        if (is_known) continue;
        if (s->n_poses == MED_SEQUENCE_MAX_POSES || field.n >= MED_SEQUENCE_NAME || memchr(field.at, '\0', field.n))
            return med_fail(MED_EFORMAT, "%s:%d: pose '%s': more than %d poses per frame, or no name for one",
                            from->path, from->pairs->item[i].line, med_span_show(field, shown), MED_SEQUENCE_MAX_POSES);
        memcpy(s->pose_name[s->n_poses++], field.at, field.n);
    }
    return MED_OK;
}

static med_status set_matrix(const source *from, const med_pair *pair, med_pose *pose) {
    double value[16];
    bool is_matrix = med_span_to_doubles(pair->value, value, 16) == 16;
    for (int i = 0; is_matrix && i < 16; i++) is_matrix = isfinite(value[i]);
    if (!is_matrix || value[12] != 0 || value[13] != 0 || value[14] != 0 || value[15] != 1)
        return med_fail(MED_EFORMAT, "%s:%d: a pose is 16 finite numbers row by row, the last row 0 0 0 1", from->path,
                        pair->line);
    memcpy(pose->matrix.m, value, sizeof value);
    pose->is_there = true;
    return MED_OK;
}

static med_pose *find_pose(med_sequence *s, int64_t frame, med_span name) {
    for (int p = 0; p < s->n_poses; p++)
        if (med_span_is(name, s->pose_name[p])) return &s->pose[frame * s->n_poses + p];
    return NULL; /* a status without its pose */
}

static med_status set_field(const source *from, const med_pair *pair, int64_t frame, med_span field, med_sequence *s) {
    bool is_ok = med_span_is(pair->value, "OK");
    if (med_span_is(field, "Timestamp")) {
        if (!med_span_to_double(pair->value, &s->time_s[frame]) || !isfinite(s->time_s[frame]))
            return med_fail(MED_EFORMAT, "%s:%d: a time stamp is no finite number", from->path, pair->line);
    } else if (med_span_is_any(field, MED_WORDS("ImageStatus", "Status"))) {
        s->is_valid[frame] = is_ok;
    } else if (take_ending(&field, "TransformStatus")) {
        med_pose *pose = find_pose(s, frame, field);
        if (pose) pose->is_valid = is_ok;
    } else if (take_ending(&field, "Transform")) {
        return set_matrix(from, pair, find_pose(s, frame, field));
    }
    return MED_OK;
}

static med_status set_fields(const source *from, med_sequence *s) {
    for (int i = 0; i < from->pairs->n; i++) {
        const med_pair *pair = &from->pairs->item[i];
        int64_t frame;
        med_span field;
        if (med_span_is_any(pair->key, MED_WORDS("UltrasoundImageOrientation", "ultrasound image orientation")) &&
            pair->value.n < sizeof s->orientation)
            memcpy(s->orientation, pair->value.at, pair->value.n);
        if (!cut_key(pair->key, &frame, &field)) continue;
        if (frame < 0 || frame >= s->n_frames)
            return med_fail(MED_EFORMAT, "%s:%d: a field of frame %lld, there are %d frames", from->path, pair->line,
                            (long long)frame, s->n_frames);
        MED_TRY(set_field(from, pair, frame, field, s));
    }
    return MED_OK;
}

/* ---- frames ---- */

static med_status check_sizes(const source *from, med_sequence *s) {
    if (from->n_dim != 3 || from->payload->type != MED_VOXEL_U8)
        return med_fail(MED_EFORMAT, "%s: a %d-D %s image, expected a sequence of 8-bit grey frames", from->path,
                        from->n_dim, med_voxel_type_name(from->payload->type));
    for (int d = 0; d < 3; d++)
        if (from->size[d] > INT32_MAX ||
            (int64_t)from->payload->n_values != from->size[0] * from->size[1] * from->size[2])
            return med_fail(MED_EFORMAT, "%s: frames of %lld x %lld pixels are not supported", from->path,
                            (long long)from->size[0], (long long)from->size[1]);
    s->width = (int)from->size[0];
    s->height = (int)from->size[1];
    s->n_frames = (int)from->size[2];
    return MED_OK;
}

static med_status load_pixels(const source *from, const med_mapping *map, bool with_pixels, med_sequence *s) {
    med_payload_bytes bytes;
    void *buffer = NULL;
    MED_TRY(med_payload_open(from->path, map, from->payload, with_pixels, &bytes));
    med_status status = with_pixels ? med_buffer_alloc(from->payload->n_values, "frames", &buffer) : MED_OK;
    if (buffer) memcpy(buffer, bytes.data, from->payload->n_values);
    s->pixels = buffer;
    med_payload_close(&bytes);
    return status;
}

/* Places per frame are allocated after the file has shown that it holds the frames; packed frames that are not unpacked
 * must at least have fields. */
static med_status fill(const source *from, const med_mapping *map, bool with_pixels, med_sequence *s) {
    MED_TRY(check_sizes(from, s));
    MED_TRY(collect_names(from, s));
    MED_TRY(load_pixels(from, map, with_pixels, s));
    if (!with_pixels && s->n_frames > from->pairs->n)
        return med_fail(MED_EFORMAT, "%s: %d frames, more than its header has lines", from->path, s->n_frames);
    void *poses, *times, *valid;
    size_t n = (size_t)s->n_frames;
    MED_TRY(med_buffer_alloc(n * (size_t)(s->n_poses + 1) * sizeof *s->pose, "poses", &poses));
    s->pose = memset(poses, 0, n * (size_t)(s->n_poses + 1) * sizeof *s->pose);
    MED_TRY(med_buffer_alloc(n * sizeof *s->time_s, "times", &times));
    s->time_s = times;
    MED_TRY(med_buffer_alloc(n * sizeof *s->is_valid, "frames", &valid));
    s->is_valid = valid;
    for (size_t i = 0; i < n; i++) {
        s->time_s[i] = NAN;
        s->is_valid[i] = true;
    }
    return set_fields(from, s);
}

static med_status load_meta(const char *path, const med_mapping *map, bool with_pixels, med_sequence *s) {
    med_meta_header h;
    MED_TRY(med_meta_parse(path, map, &h));
    source from = {path, &h.pairs, h.n_dim, h.size, &h.payload};
    med_status status = med_meta_is_sequence(&h) && h.n_channels == 1 ? fill(&from, map, with_pixels, s) : MED_EUSAGE;
    med_meta_free(&h);
    return status;
}

static med_status load_nrrd(const char *path, const med_mapping *map, bool with_pixels, med_sequence *s) {
    med_nrrd_header h;
    MED_TRY(med_nrrd_parse(path, map, &h));
    source from = {path, &h.pairs, h.n_dim, h.size, &h.payload};
    med_status status = med_nrrd_is_sequence(&h) ? fill(&from, map, with_pixels, s) : MED_EUSAGE;
    med_nrrd_free(&h);
    return status;
}

/* MED_EUSAGE without a message of its own: not a sequence. */
static med_status load_mapped(const char *path, const med_mapping *map, bool with_pixels, med_sequence *s) {
    if (med_meta_is(map->data, map->size)) return load_meta(path, map, with_pixels, s);
    if (map->size > 4 && memcmp(map->data, "NRRD", 4) == 0) return load_nrrd(path, map, with_pixels, s);
    return MED_EUSAGE;
}

med_status med_sequence_load(const char *path, bool with_pixels, med_sequence **out) {
    med_mapping map;
    *out = NULL;
    MED_TRY(med_file_map(path, &map));
    med_sequence *s = med_alloc(sizeof *s);
    med_status status = load_mapped(path, &map, with_pixels, s);
    med_file_unmap(&map);
    if (status == MED_EUSAGE)
        status =
            med_fail(MED_EFORMAT, "%s: no tracked sequence: MetaImage or NRRD with fields \"Seq_FrameNNNN_...\"", path);
    if (status == MED_OK)
        *out = s;
    else
        med_sequence_free(s);
    return status;
}

bool med_sequence_is(const char *path) {
    med_mapping map;
    if (med_file_map(path, &map) != MED_OK) return false;
    bool is = false;
    med_meta_header meta;
    med_nrrd_header nrrd;
    if (med_meta_is(map.data, map.size) && med_meta_parse(path, &map, &meta) == MED_OK) {
        is = med_meta_is_sequence(&meta);
        med_meta_free(&meta);
    } else if (map.size > 4 && memcmp(map.data, "NRRD", 4) == 0 && med_nrrd_parse(path, &map, &nrrd) == MED_OK) {
        is = med_nrrd_is_sequence(&nrrd);
        med_nrrd_free(&nrrd);
    }
    med_file_unmap(&map);
    return is;
}
