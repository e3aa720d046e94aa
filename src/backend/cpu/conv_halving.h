/* conv_halving.h: convolution 4x4, stride 2, one zero around (discriminators) by Winograd's F(3x3,2x2), and its gradients;
 * convolution 3x3 and its input's gradient as those of 4x4 whose last taps are zero: 49 products for 36 pixels instead of 81.
 *
 * The even and odd rows and columns of the padded input are four images ("phases"), and the kernel is four 2x2 kernels:
 *   y = sum over phases of a 2x2 convolution,
 * each by tiles of 3x3 pixels of y from 4x4 pixels of a phase: 16 multiplications instead of 36. The gradient of the input is
 * the same with y and x exchanged: each phase of dx is a 2x2 convolution of dy. Vectors run along channels, so that tiles lie
 * where they want and small images waste nothing. */
#ifndef MED_CPU_CONV_HALVING_H
#define MED_CPU_CONV_HALVING_H

#include "backend/cpu/conv_weight.h"

enum { HALVING_POINTS = 16, PHASES = 4, HALVING_K = PHASES * VL /* inputs of a product */ };

/* V: points of the 4x4 tiles of all phases of an image. Blocks of HALVING_K numbers side by side for every tile:
 * all phases of VL channels (of x), or one phase of HALVING_K channels (of dy). */
typedef struct halving_tiles {
    conv_geometry g;      /* of strips: whole rows of tiles, VL channels of which are turned at a time */
    const med_call *call; /* as conv_strip_fill takes them */
    const float *from;
    int n, channels, tiles_y, tiles_x;
    int is_dy;
    int zero;             /* of a kernel of 3: the point that is zero along an axis in which a phase has one tap; else -1 */
    ptrdiff_t point;      /* floats from a point to the next */
    float *v;             /* [blocks][HALVING_POINTS][n * tiles_y * tiles_x][HALVING_K] */
} halving_tiles;

/* `h` x `w`: of the image; tiles: of y. */
halving_tiles ISA(halving_tiles_of)(int n, int channels, int h, int w, int tiles_y, int tiles_x, int is_dy);
size_t ISA(halving_floats)(const halving_tiles *t);
/* Fills v, by parallel tasks. */
void ISA(halving_points)(const halving_tiles *t);
static inline const float *halving_block(const halving_tiles *t, int block, int k) {
    return t->v + (block * HALVING_POINTS + k) * t->point;
}

/* That point of a phase's rows or columns of points; -1: all can be other than zero. */
static inline int halving_zero_row(const halving_tiles *t, int phase) { return phase / 2 ? t->zero : -1; }
static inline int halving_zero_column(const halving_tiles *t, int phase) { return phase % 2 ? t->zero : -1; }

int ISA(is_halving)(med_conv_attr a, int h, int w);
int ISA(conv_halving_fits)(const conv_job *job);
void ISA(conv_halving_run)(const conv_job *job);
int ISA(conv_halving_grad_fits)(const med_call *call); /* of the input */
void ISA(conv_halving_grad)(const med_call *call);
int ISA(conv_halving_weight_fits)(const med_call *call);
void ISA(conv_halving_weight)(const med_call *call);

#endif
