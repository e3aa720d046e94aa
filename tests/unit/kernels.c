/* Every CPU kernel but those of dense convolutions (kernels_conv.c) against the op's reference loop. */
#include "kernel_case.h"

static void depthwise(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++)
        for (int k = 3; k <= 7; k += 2) {
            med_shape x = size_of(s), w = med_shape_4(x.dim[1], 1, k, k);
            med_like_attr like = {w};
            check_case(&(kernel_case){MED_OP_depthwise2d, NULL, 3, {x, w, med_shape_1(x.dim[1])}, SIDE, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_depthwise2d, NULL, 2, {x, w}, STATS | SCALE, MED_UNARY_silu});
            check_case(&(kernel_case){MED_OP_depthwise2d_grad_input, NULL, 2, {x, w}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_depthwise2d_grad_weight, &like, 2, {x, x}, STATS, MED_UNARY_silu});
        }
}

static void norms(void **state) {
    (void)state;
    med_norm_attr eps = {1e-5};
    for (int s = 0; s < N_SIZES; s++) {
        med_shape x = size_of(s), stats = med_shape_3(x.dim[0], x.dim[1], 2);
        check_case(&(kernel_case){MED_OP_norm_stats, &eps, 1, {x}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_normalize, NULL, 2, {x, stats}, 0, MED_UNARY_none});
        for (int kind = 0; kind <= MED_UNARY_none; kind++) {
            if (kind == MED_UNARY_log) continue; /* not of a normalised value */
            med_unary_attr act = {(med_unary_kind)kind, 0.3};
            check_case(&(kernel_case){MED_OP_normalize_grad, &act, 3, {x, stats, x}, POSITIVE, MED_UNARY_none});
        }
    }
}

static void channels(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        med_shape x = size_of(s);
        check_case(&(kernel_case){MED_OP_channel_mean, NULL, 1, {x}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_channel_mean, NULL, 1, {x}, STATS | SCALE, MED_UNARY_silu});
        check_case(&(kernel_case){MED_OP_channel_dot, NULL, 2, {x, x}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_channel_dot, NULL, 2, {x, x}, STATS, MED_UNARY_relu});
        check_case(&(kernel_case){MED_OP_channel_sum, NULL, 1, {x}, 0, MED_UNARY_none});
    }
}

static void elementwise(void **state) {
    (void)state;
    med_scale_shift_attr line = {-1.5, 0.25};
    med_mask_attr mask = {0.1, -1};
    for (int s = 0; s < N_SIZES; s++) {
        med_shape x = size_of(s);
        for (int kind = 0; kind < MED_N_UNARY; kind++) {
            med_unary_attr f = {(med_unary_kind)kind, 0.7};
            unsigned flags = kind == MED_UNARY_log ? POSITIVE : 0;
            check_case(&(kernel_case){MED_OP_unary, &f, 1, {x}, flags, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_unary_grad, &f, 2, {x, x}, flags, MED_UNARY_none});
        }
        check_case(&(kernel_case){MED_OP_scale_shift, &line, 1, {x}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_mask_fill, &mask, 2, {x, x}, 0, MED_UNARY_none});
    }
}

/* All ways in which axes of b can be repeated. */
static void broadcasting(void **state) {
    (void)state;
    med_sum_attr scale = {0.5};
    for (int s = 0; s < N_SIZES; s++)
        for (int repeated = 0; repeated < 16; repeated++) {
            med_shape a = size_of(s), b = a;
            for (int d = 0; d < 4; d++)
                if (repeated >> d & 1) b.dim[d] = 1;
            med_like_attr small = {b}, big = {a};
            check_case(&(kernel_case){MED_OP_add, NULL, 2, {a, b}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_sub, NULL, 2, {a, b}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_mul, NULL, 2, {a, b}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_reduce, &small, 1, {a}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_broadcast, &big, 1, {b}, 0, MED_UNARY_none});
            if (!repeated) check_case(&(kernel_case){MED_OP_sum, &scale, 1, {a}, POSITIVE, MED_UNARY_none});
        }
}

static void slicing(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++)
        for (int d = 0; d < 4; d++) {
            med_shape a = size_of(s), b = a;
            b.dim[d] = 2;
            med_slice_attr part = {d, a.dim[d] / 3, (a.dim[d] + 1) / 2}, all = {d, 2, a.dim[d] + 5}, tight = {d, 0, a.dim[d]};
            med_concat_attr concat = {d};
            check_case(&(kernel_case){MED_OP_slice, &part, 1, {a}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_place, &all, 1, {a}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_place, &tight, 1, {a}, 0, MED_UNARY_none});
            check_case(&(kernel_case){MED_OP_concat, &concat, 2, {a, b}, 0, MED_UNARY_none});
        }
}

static void upsampling(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        med_shape x = size_of(s), y = med_shape_4(x.dim[0], x.dim[1], 2 * x.dim[2], 2 * x.dim[3]);
        check_case(&(kernel_case){MED_OP_upsample2x, NULL, 1, {x}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_upsample2x_grad, NULL, 1, {y}, 0, MED_UNARY_none});
    }
    med_shape line = med_shape_4(1, 2, 1, 1);
    check_case(&(kernel_case){MED_OP_upsample2x, NULL, 1, {line}, 0, MED_UNARY_none});
}

static void matrices(void **state) {
    (void)state;
    static const int mnk[][3] = {{1, 1, 1}, {1, 512, 1152}, {3, 17, 5}, {8, 200, 33}, {5, 129, 300}};
    for (int i = 0; i < 5; i++)
        for (int t = 0; t < 4; t++) {
            int m = mnk[i][0], n = mnk[i][1], k = mnk[i][2];
            med_matmul_attr attr = {t & 1, t >> 1};
            med_shape a = t & 1 ? med_shape_2(k, m) : med_shape_2(m, k), b = t >> 1 ? med_shape_2(n, k) : med_shape_2(k, n);
            check_case(&(kernel_case){MED_OP_matmul, &attr, 2, {a, b}, 0, MED_UNARY_none});
        }
    for (int s = 0; s < N_SIZES; s++) {
        med_shape v = size_of(s), gain = med_shape_1(v.dim[0]);
        check_case(&(kernel_case){MED_OP_weight_norm, NULL, 2, {v, gain}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_weight_norm_grad_v, NULL, 3, {v, gain, v}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_weight_norm_grad_gain, NULL, 3, {v, gain, v}, 0, MED_UNARY_none});
    }
}

static void gaussians(void **state) {
    (void)state;
    med_poe_attr floor = {1e-3};
    med_temperature_attr t = {0.7};
    for (int s = 0; s < N_SIZES; s++) {
        med_shape z = size_of(s), q = z, one = med_shape_1(1);
        q.dim[1] *= 2;
        for (int n = 1; n <= 3; n++) check_case(&(kernel_case){MED_OP_poe, &floor, n, {q, q, q}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_poe_grad, NULL, 3, {q, q, q}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_sample, &t, 2, {q, z}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_sample_grad, &t, 2, {z, z}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_kl, &t, 4, {q, z, z, q}, POSITIVE, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_kl_grad_q, NULL, 2, {q, one}, POSITIVE, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_kl_grad_z, NULL, 3, {z, q, one}, 0, MED_UNARY_none});
        check_case(&(kernel_case){MED_OP_kl_grad_prior, NULL, 3, {z, q, one}, 0, MED_UNARY_none});
    }
}

/* Functions are good to 4e-6 of the value wherever a float can go; NaN stays NaN. exp stops at the smallest normal float
 * instead of 0, so x * sigmoid(x) stops at 1e-35. GELU's normal distribution function is good to 2e-7, not of its value. */
static void functions_are_accurate(void **state) {
    (void)state;
    enum { N = 4001 };
    static float x[N], y[N];
    for (int isa = 0; isa < N_ISAS; isa++)
        for (int kind = 0; kind < MED_N_UNARY; kind++) {
            setenv("MEDLEY_ISA", isas[isa], 1);
            med_unary_attr attr = {(med_unary_kind)kind, 1.25};
            for (int i = 0; i < N; i++) x[i] = (float)((i - N / 2) * pow(10, i % 5 - 3) * 0.04);
            for (int i = 0; i < N && kind == MED_UNARY_log; i++) x[i] = (float)exp((i - N / 2) * 0.04);
            x[0] = NAN;
            med_node node = med_node_alone(MED_OP_unary, 1, &attr);
            med_view view = {.f32 = x, .shape = med_shape_1(N)};
            med_call call = {.node = &node, .n_in = 1, .in[0] = view, .out = {.f32 = y, .shape = med_shape_1(N)}};
            med_backend_cpu()->kernel[MED_OP_unary](&call);
            if (kind != MED_UNARY_relu) assert_true(isnan(y[0]));
            for (int i = 1; i < N; i++) {
                double wanted = med_unary_table[kind].f((double)x[i], attr.param);
                if (fabs(wanted) > 3e38) continue;
                if (kind == MED_UNARY_tanh) assert_true(fabsf(y[i]) <= 1);
                double least = kind == MED_UNARY_gelu ? 2e-7 * fabs((double)x[i]) : 1e-35;
                if (fabs((double)y[i] - wanted) > 4e-6 * fabs(wanted) + least)
                    fail_msg("%s %s(%.9g) is %.9g, expected %.9g", isas[isa], med_unary_table[kind].name, x[i], y[i], wanted);
            }
        }
}

static void samples(void **state) {
    (void)state;
    med_matmul_attr t = {0, 1};
    check_samples(&(kernel_case){MED_OP_matmul, &t, 2, {med_shape_2(4, 1152), med_shape_2(512, 1152)}, 0, MED_UNARY_none});
    check_samples(&(kernel_case){MED_OP_depthwise2d, NULL, 2, {med_shape_4(4, 768, 24, 24), med_shape_4(768, 1, 5, 5)}, STATS, MED_UNARY_silu});
    check_samples(&(kernel_case){MED_OP_upsample2x, NULL, 1, {med_shape_4(4, 128, 12, 12)}, 0, MED_UNARY_none});
    check_samples(&(kernel_case){MED_OP_channel_mean, NULL, 1, {med_shape_4(4, 128, 12, 12)}, 0, MED_UNARY_none});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depthwise),    cmocka_unit_test(norms),             cmocka_unit_test(channels),
        cmocka_unit_test(elementwise),  cmocka_unit_test(broadcasting),      cmocka_unit_test(slicing),
        cmocka_unit_test(upsampling),   cmocka_unit_test(matrices),          cmocka_unit_test(gaussians),
        cmocka_unit_test(functions_are_accurate), cmocka_unit_test(samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
