/* medley.h: missing brain images from those that are there, inside your own program.
 *
 *     medley_model *model = medley_open("weights.safetensors", NULL);
 *     medley_scale(size, voxels);                                       // raw intensities to network scale, in place
 *     medley_request r = {.size = {192, 192, 160}, .temperature = 0.5};
 *     r.given[medley_find(model, "us")] = voxels;
 *     r.synthetic[medley_find(model, "t2")] = t2;
 *     if (medley_synthesise(model, &r)) fprintf(stderr, "%s\n", medley_error());
 *     medley_close(model);
 *
 * Link with -lmedley. Functions return 0, or what the program would exit with: 2 for input that cannot be used, 1 when the
 * work itself failed; medley_error() says what. Nothing is printed, nothing exits. Files in, files out: see `medley synth`. */
#ifndef MEDLEY_H
#define MEDLEY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MEDLEY_API __attribute__((visibility("default")))
enum { MEDLEY_MAX_MODALITIES = 16 };

typedef struct medley_model medley_model; /* one request at a time; several models may run in several threads */

MEDLEY_API const char *medley_version(void); /* "0.1.0" */
/* Why the last call of this thread failed: one line, valid until the next call. */
MEDLEY_API const char *medley_error(void);
/* Threads of this process that compute; 0: one per processor. Results do not depend on it. */
MEDLEY_API void medley_threads(int n);

/* Weights of `medley train`, or of the MMHVAE release (.safetensors, .pth). `slice`: size of your slices, which the release's
 * files need and ours do not; NULL: not told. NULL is returned where that fails; medley_error() says why. */
MEDLEY_API medley_model *medley_open(const char *weights, const int slice[2]);
MEDLEY_API void medley_close(medley_model *model); /* NULL is allowed */
MEDLEY_API int medley_modalities(const medley_model *model);
MEDLEY_API const char *medley_modality(const medley_model *model, int index); /* "us", "t2", ...; NULL: no such index */
MEDLEY_API int medley_find(const medley_model *model, const char *modality);  /* its index; -1: not one of the model's */
/* Voxels of a slice that the model works on; images of other sizes are cropped or padded in plane and put back. */
MEDLEY_API void medley_slice_size(const medley_model *model, int size[2]);

/* Raw intensities of one image, background 0, to network scale [-1,1], background -1, in place: the foreground from its minimum
 * to its 99.95th percentile. Do this to the whole volume, not slice by slice. */
MEDLEY_API void medley_scale(const int size[3], float *voxels);

typedef struct medley_request {
    int size[3]; /* of every image; the first axis (left to right) is fastest; slices are planes of the last */
    /* Both by the modality's index, at network scale. NULL: not given; not wanted. At least one of each. */
    const float *given[MEDLEY_MAX_MODALITIES];
    float *synthetic[MEDLEY_MAX_MODALITIES];
    float *deviation[MEDLEY_MAX_MODALITIES]; /* of what is wanted: standard deviation over the draws. NULL: no */
    double temperature;                      /* 0: no noise; 1: draws of the posterior */
    int draws;                               /* the synthetic image is their mean; 0: one */
    uint64_t seed;                           /* same request, same image */
} medley_request;
MEDLEY_API int medley_synthesise(medley_model *model, const medley_request *request);

#ifdef __cplusplus
}
#endif
#endif
