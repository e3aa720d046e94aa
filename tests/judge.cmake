med_test(metric/statistics)
med_test(metric/overlap)
med_test(metric/texture)
