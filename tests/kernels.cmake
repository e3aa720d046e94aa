med_test(unit/kernels)
med_test(unit/kernels_conv)
med_test(unit/kernels_conv_rewritten)
med_test(unit/switches)
