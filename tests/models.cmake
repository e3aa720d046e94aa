med_test(golden/baselines)
med_test(cli/models)
med_test(unit/mmgan)
med_test(cli/experiment)
