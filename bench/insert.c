/* SPDX-License-Identifier: Apache-2.0 */
/* Rows inserted into the bare database, so many in a transaction, as long as said: what bench/api holds the admin API
 * against. Prints rows a second.
 *
 *   insert --group N --seconds S --dir DIR        (a new database in DIR, which is removed) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bare.h"

enum { SUBJECTS = 4000 };

static void remove_files(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};

    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        char *file = NULL;

        REQUIRE(asprintf(&file, "%s%s", path, suffixes[i]) > 0);
        (void)unlink(file);
        free(file);
    }
}

int main(int argc, char **argv)
{
    static struct bare_row rows[BARE_GROUP];
    static struct bare b;
    const char *dir = ".";
    double seconds = 3, took = 0;
    size_t group = 10, count = 0;
    char *path = NULL;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--group") == 0)
            group = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            seconds = strtod(argv[i + 1], NULL);
        else if (strcmp(argv[i], "--dir") == 0)
            dir = argv[i + 1];
        else
            return 2;
    }
    must(group > 0 && group <= BARE_GROUP, "a group of at most 1,000");
    REQUIRE(asprintf(&path, "%s/bare.db", dir) > 0);
    remove_files(path);
    bare_open(&b, path, SUBJECTS);
    while (took < seconds) {
        double start;

        bare_fill(&b, rows, SUBJECTS);
        start = now();
        for (size_t i = 0; i + group <= BARE_GROUP; i += group)
            bare_insert(&b, rows + i, group);
        took += now() - start;
        count += BARE_GROUP / group * group;
    }
    (void)printf("%.0f\n", (double)count / took);
    bare_close(&b);
    remove_files(path);
    free(path);
    return 0;
}
