med_test(ops/ops)
med_test(unit/plan)
med_test(golden/mmhvae)
set_tests_properties(golden/mmhvae PROPERTIES LABELS slow)
