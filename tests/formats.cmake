med_test(unit/image_text_formats)
med_test(unit/transform)
med_test(real/remind_transforms)
med_test(unit/landmarks)
