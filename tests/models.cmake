med_test(golden/baselines)
med_test(cli/models)
