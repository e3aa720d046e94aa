med_test(unit/kernels)
