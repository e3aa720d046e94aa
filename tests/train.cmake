med_test(train/schedule)
med_test(train/prepare)
med_test(train/resume)
med_test(cli/train)
