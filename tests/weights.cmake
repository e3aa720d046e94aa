med_test(unit/weights)
med_test(unit/safetensors)
med_test(unit/pth)
