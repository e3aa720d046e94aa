# The shared library, beside the program's own functions.
med_test(lib/library)
target_link_libraries(test_lib_library PRIVATE medley_lib)
