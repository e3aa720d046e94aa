med_test(metric/quality)
med_test(metric/preset)
med_test(image/png)
med_test(task/report_parts)
