/* report_samples.c: RUN/samples/epoch-NNNNN.png, as they are, one below the other: what the network had learnt when. */
#include "task/report_samples.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

enum { MOST = 4 };

static bool is_sample(const char *name) {
    size_t n = strlen(name);
    return strncmp(name, "epoch-", 6) == 0 && n > 10 && strcmp(name + n - 4, ".png") == 0;
}

static med_status add_file(med_text *html, const char *folder, const char *name) {
    char *path = med_path_join(folder, name), *alt = med_format("samples of epoch %d", atoi(name + strlen("epoch-")));
    med_mapping file;
    med_status status = med_file_map(path, &file);
    if (status == MED_OK) {
        status = med_html_png(html, file.data, file.size, alt);
        if (status != MED_OK) status = med_fail_in(status, "%s", path);
        med_file_unmap(&file);
    }
    med_text_put(html, "<figcaption>");
    med_text_escape(html, alt);
    med_text_put(html, "</figcaption>\n");
    free(path);
    free(alt);
    return status;
}

static med_status add_files(med_text *html, const char *folder, char **names, int n, const char *mods) {
    int shown = n < MOST ? n : MOST;
    med_text_put(html, "<h3>Samples</h3>\n<p>One training case. A row per modality given alone: the input, then output and truth "
                       "of each modality that the case has, in the order ");
    med_text_escape(html, mods);
    med_text_put(html, ".</p>\n<figure class=\"samples\">\n");
    med_status status = MED_OK;
    for (int i = 0; i < shown && status == MED_OK; i++)
        status = add_file(html, folder, names[shown == 1 ? 0 : i * (n - 1) / (shown - 1)]);
    med_text_put(html, "</figure>\n");
    return status;
}

med_status med_report_samples(med_text *html, const char *run, const char *mods) {
    char *folder = med_path_join(run, "samples"), **names;
    int n, n_samples = 0;
    med_status status = MED_OK;
    if (med_path_is_dir(folder) && (status = med_dir_list(folder, &names, &n)) == MED_OK) {
        char **samples = med_alloc((size_t)(n ? n : 1) * sizeof *samples);
        for (int i = 0; i < n; i++)
            if (is_sample(names[i])) samples[n_samples++] = names[i];
        if (n_samples) status = add_files(html, folder, samples, n_samples, mods);
        free(samples);
        med_names_free(names, n);
    }
    free(folder);
    return status;
}
