med_test(ops/ops)
