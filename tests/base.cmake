med_test(unit/thread)
med_test(unit/random)
med_test(unit/file)
med_test(unit/option)
