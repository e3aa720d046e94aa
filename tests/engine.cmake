med_test(ops/ops)
med_test(unit/plan)
med_test(golden/mmhvae)
