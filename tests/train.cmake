med_test(train/schedule)
med_test(train/prepare)
