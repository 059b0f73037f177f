/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds every file of the folders named on the command line to a fuzz target, without a fuzzer: its
 * corpus as an ordinary test. Each input lies in memory of exactly its size, so that a sanitizer
 * sees a read past its end. No input at all is a failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_file(const char *path, size_t size)
{
    AUTO(mem_free) uint8_t *bytes = mem_alloc(size > 0 ? size : 1);
    FILE *f = fopen(path, "re");

    REQUIRE(f != NULL);
    REQUIRE(fread(bytes, 1, size, f) == size);
    (void)fclose(f);
    (void)LLVMFuzzerTestOneInput(size > 0 ? bytes : NULL, size);
}

static size_t replay_folder(const char *folder)
{
    DIR *d = opendir(folder);
    const struct dirent *entry;
    size_t count = 0;

    while (d != NULL && (entry = readdir(d)) != NULL) {
        char path[4096];
        struct stat st;

        REQUIRE(snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path));
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        replay_file(path, (size_t)st.st_size);
        count++;
    }
    if (d != NULL)
        (void)closedir(d);
    return count;
}

int main(int argc, char **argv)
{
    size_t count = 0;

    for (int i = 1; i < argc; i++)
        count += replay_folder(argv[i]);
    (void)printf("%zu inputs\n", count);
    return count > 0 ? 0 : 1;
}
