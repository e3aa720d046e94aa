/* Kernels of convolutions and their gradients against their reference loops: every way in which they are computed, odd sizes, prologues,
 * statistics on the side. */
#include "kernel_case.h"
#include "turn.h"

static const med_conv_attr convs[] = {
    {1, 1, 0, MED_PAD_ZERO}, {3, 1, 1, MED_PAD_ZERO}, {3, 2, 1, MED_PAD_ZERO}, {3, 1, 1, MED_PAD_REFLECT}, {7, 1, 3, MED_PAD_REFLECT},
    {4, 2, 1, MED_PAD_ZERO}, {5, 1, 2, MED_PAD_ZERO}, {1, 2, 0, MED_PAD_ZERO}, {4, 1, 1, MED_PAD_ZERO}, {3, 2, 1, MED_PAD_REFLECT},
    {3, 1, 0, MED_PAD_ZERO},
};
enum { N_CONVS = sizeof convs / sizeof *convs };

static int fits(med_conv_attr a, med_shape x) {
    int64_t least = x.dim[2] < x.dim[3] ? x.dim[2] : x.dim[3];
    return least + 2 * a.pad >= a.kernel && (a.mode == MED_PAD_ZERO || least > a.pad);
}

static med_shape conv_output(med_conv_attr a, med_shape x, int outputs) {
    return med_shape_4(x.dim[0], outputs, (x.dim[2] + 2 * a.pad - a.kernel) / a.stride + 1, (x.dim[3] + 2 * a.pad - a.kernel) / a.stride + 1);
}

static void each_conv(void (*check)(med_conv_attr a, med_shape x, int outputs, int variant)) {
    static const int outputs[] = {1, 3, 8, 17};
    for (int c = 0, variant = 0; c < N_CONVS; c++)
        for (int s = 0; s < N_SIZES; s++)
            if (fits(convs[c], size_of(s))) check(convs[c], size_of(s), outputs[(c + s) % 4], variant++);
}

static void check_conv2d(med_conv_attr a, med_shape x, int outputs, int variant) {
    static const med_unary_kind acts[] = {MED_UNARY_none, MED_UNARY_silu, MED_UNARY_relu, MED_UNARY_leaky_relu};
    med_shape w = med_shape_4(outputs, x.dim[1], a.kernel, a.kernel);
    check_case(&(kernel_case){MED_OP_conv2d, &a, 2 + variant % 2, {x, w, med_shape_1(outputs)}, variant % 3 ? SIDE : 0, MED_UNARY_none});
    if (a.kernel == 1) check_case(&(kernel_case){MED_OP_conv2d, &a, 3, {x, w, med_shape_1(outputs)}, RESIDUAL | SIDE, MED_UNARY_none});
    check_case(&(kernel_case){MED_OP_conv2d, &a, 2, {x, w}, (variant % 2 ? STATS : 0) | (variant % 3 ? SCALE : 0), acts[variant % 4]});
}
static void check_conv2d_grad_input(med_conv_attr a, med_shape x, int outputs, int variant) {
    (void)variant;
    med_conv_grad_attr attr = {a, x};
    check_case(&(kernel_case){MED_OP_conv2d_grad_input, &attr, 2,
                              {conv_output(a, x, outputs), med_shape_4(outputs, x.dim[1], a.kernel, a.kernel)}, 0, MED_UNARY_none});
}
static void check_conv2d_grad_weight(med_conv_attr a, med_shape x, int outputs, int variant) {
    med_conv_grad_attr attr = {a, med_shape_4(outputs, x.dim[1], a.kernel, a.kernel)};
    check_case(&(kernel_case){MED_OP_conv2d_grad_weight, &attr, 2, {x, conv_output(a, x, outputs)}, variant % 2 ? STATS : 0,
                              variant % 3 ? MED_UNARY_silu : MED_UNARY_none});
}
static void conv2d(void **state) { (void)state, each_conv(check_conv2d); }
static void conv2d_grad_input(void **state) { (void)state, each_conv(check_conv2d_grad_input); }
static void conv2d_grad_weight(void **state) { (void)state, each_conv(check_conv2d_grad_weight); }

/* 7x7 to one output, the last of an image head: strips and widths that end anywhere, as far as padding reaches and beyond. */
static void to_one_output(void **state) {
    (void)state;
    static const int widths[] = {7, 16, 33, 48, 64, 67, 100};
    for (int i = 0; i < 7; i++)
        for (int pad = 0; pad <= 3; pad += 3) {
            med_conv_attr a = {7, 1, pad, i % 2 ? MED_PAD_REFLECT : MED_PAD_ZERO};
            check_conv2d(a, med_shape_4(1 + i % 2, 1 + i % 3 * 4, 7 + 9 * i, widths[i]), 1, 3 * i);
        }
}

/* Channels of whole vectors: one sample in parts, several samples a task, images that are no whole tiles. */
static void halving(void **state) {
    (void)state;
    static const int halved[][4] = {{1, 32, 48, 96}, {3, 32, 4, 10}, {20, 32, 6, 8}, {2, 64, 20, 16}, {1, 96, 6, 6}};
    for (int s = 0, variant = 0; s < (int)(sizeof halved / sizeof *halved); s++)
        for (int k = 0; k < 4; k++, variant++) {
            med_shape x = med_shape_4(halved[s][0], halved[s][1], halved[s][2], halved[s][3]);
            med_conv_attr a = {3 + k / 2, 2, 1, MED_PAD_ZERO};
            int outputs = k % 2 ? 128 : 64;
            check_conv2d(a, x, outputs, variant);
            check_conv2d_grad_input(a, x, outputs, variant);
            check_conv2d_grad_weight(a, x, outputs, variant);
        }
}

/* Many channels: tokens of several samples, strides far down, transposed convolutions whose patches overlap; cut vectors. */
static void many_channels(void **state) {
    (void)state;
    static const struct { med_conv_attr a; int n, channels, h, w, outputs; } rows[] = {
        {{1, 1, 0, MED_PAD_ZERO}, 3, 70, 5, 9, 33},     {{1, 1, 0, MED_PAD_ZERO}, 1, 800, 12, 12, 64},
        {{3, 2, 1, MED_PAD_ZERO}, 1, 256, 24, 23, 40},  {{3, 2, 1, MED_PAD_ZERO}, 2, 260, 17, 18, 130},
        {{4, 2, 1, MED_PAD_ZERO}, 1, 31, 12, 10, 65},   {{5, 3, 2, MED_PAD_ZERO}, 1, 18, 14, 11, 64},
        {{2, 2, 0, MED_PAD_REFLECT}, 1, 17, 9, 7, 70},  {{3, 1, 1, MED_PAD_ZERO}, 1, 33, 6, 5, 66},
        {{4, 1, 1, MED_PAD_ZERO}, 2, 32, 3, 3, 64},
    };
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        med_shape x = med_shape_4(rows[i].n, rows[i].channels, rows[i].h, rows[i].w);
        check_conv2d(rows[i].a, x, rows[i].outputs, i);
        check_conv2d_grad_input(rows[i].a, x, rows[i].outputs, i);
    }
}

/* Linear layers by sums of parts: halves of the positions that are whole vectors, or a half more, of each instruction set. */
static void large_linear_layers(void **state) {
    (void)state;
    static const med_conv_attr a = {1, 1, 0, MED_PAD_ZERO};
    static const struct { int n, channels, h, w, outputs; } rows[] = {{1, 576, 12, 12, 528}, {1, 768, 8, 16, 576}, {1, 576, 17, 8, 528}, {1, 576, 11, 12, 600}, {2, 576, 10, 16, 528}};
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) check_conv2d(a, med_shape_4(rows[i].n, rows[i].channels, rows[i].h, rows[i].w), rows[i].outputs, i);
}

static void strassen_can_be_turned_off(void **state) {
    (void)state;
    enum { CHANNELS = 576, OUTPUTS = 528, COUNT = OUTPUTS * 144 };
    static const med_conv_attr a = {1, 1, 0, MED_PAD_ZERO};
    prepared p;
    prepare(&(kernel_case){MED_OP_conv2d, &a, 2, {med_shape_4(1, CHANNELS, 12, 12), med_shape_4(OUTPUTS, CHANNELS, 1, 1)}, 0, MED_UNARY_none}, &p);
    float *on = malloc(COUNT * sizeof *on), *off = malloc(COUNT * sizeof *off);
    p.call.out.f32 = on;
    med_backend_cpu()->kernel[MED_OP_conv2d](&p.call);
    turn("strassen", false);
    p.call.out.f32 = off;
    med_backend_cpu()->kernel[MED_OP_conv2d](&p.call);
    turn("strassen", true);
    assert_memory_not_equal(on, off, COUNT * sizeof *on);
    check_close(on, off, COUNT, 3e-6, p.what);
    free(on);
    free(off);
    release(&p);
}

/* The small planes of the networks. */
static void samples(void **state) {
    (void)state;
    static const struct { int channels, outputs, side, kernel, stride; } rows[] = {
        {128, 128, 24, 3, 1}, {128, 768, 24, 3, 1}, {128, 128, 12, 3, 1}, {128, 768, 12, 3, 1}, {128, 128, 6, 3, 1}, {128, 768, 6, 3, 1}, {128, 128, 3, 3, 1},
        {64, 128, 48, 3, 2}, {128, 128, 24, 3, 2}, {128, 128, 12, 3, 2}, {128, 128, 6, 3, 2}, {768, 128, 24, 1, 1}, {768, 128, 12, 1, 1},
        {768, 128, 6, 1, 1}, {128, 128, 24, 1, 1}, {128, 128, 12, 1, 1}, {128, 128, 6, 1, 1}, {256, 512, 24, 3, 2}, {256, 256, 12, 3, 1},
        {256, 64, 6, 3, 1}, {512, 768, 12, 1, 1}, {768, 1024, 12, 1, 1}, {768, 768, 12, 1, 1}, {64, 64, 48, 3, 1}, {16, 24, 24, 7, 1}, {16, 3, 12, 3, 1}, {32, 64, 24, 4, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        med_conv_attr a = {rows[i].kernel, rows[i].stride, (rows[i].kernel - 1) / 2, MED_PAD_ZERO};
        med_shape x = med_shape_4(4, rows[i].channels, rows[i].side, rows[i].side), w = med_shape_4(rows[i].outputs, rows[i].channels, a.kernel, a.kernel);
        check_samples(&(kernel_case){MED_OP_conv2d, &a, 2, {x, w}, (i % 2 ? 0 : STATS) | SIDE | (a.kernel == 1 ? RESIDUAL : 0), i % 2 ? MED_UNARY_none : MED_UNARY_silu});
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d),       cmocka_unit_test(conv2d_grad_input), cmocka_unit_test(conv2d_grad_weight),
        cmocka_unit_test(to_one_output),
        cmocka_unit_test(halving),      cmocka_unit_test(many_channels),     cmocka_unit_test(large_linear_layers),
        cmocka_unit_test(strassen_can_be_turned_off), cmocka_unit_test(samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
