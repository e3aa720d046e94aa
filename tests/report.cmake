med_test(metric/quality)
