med_test(unit/kernels)
med_test(unit/switches)
