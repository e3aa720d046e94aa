med_test(unit/image_text_formats)
