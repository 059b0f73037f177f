/* SPDX-License-Identifier: Apache-2.0 */
/* What a path finds in a document, for tests in other languages. Each line of input is a path and a
 * document, both in hexadecimal digits, with a blank between them; for each comes one line:
 *
 *   path          the path is refused
 *   json          the document is
 *   container     the path leads to an object or array, and `deep` was not asked for
 *   found 0-3 5-8 where the values stand: first byte, and the one behind the last
 *
 *   jsonpath_find [deep] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"
#include "proxy/json_reader.h"

enum { LINE_MAX_BYTES = 1 << 20 };

/* The bytes that a word of digits stands for, and a NUL. */
static void unhex(const char *word, struct buf *out)
{
    buf_reset(out);
    for (; word[0] != '\0' && word[1] != '\0'; word += 2) {
        const char digits[3] = {word[0], word[1], '\0'};

        REQUIRE(buf_append_byte(out, (uint8_t)strtoul(digits, NULL, 16)) == ERR_OK);
    }
    REQUIRE(buf_append_byte(out, '\0') == ERR_OK);
}

static void find(const struct fields *fields, struct span document)
{
    AUTO(hits_done) struct hits hits = {0};
    const enum err e = json_read(fields, document, &hits);

    if (e == ERR_OK)
        (void)printf("found");
    else
        (void)printf(e == ERR_UNPROCESSABLE ? "container" : "json");
    for (size_t i = 0; i < hits.count; i++)
        (void)printf(" %zu-%zu", hits.at[i].start, hits.at[i].end);
    (void)printf("\n");
}

static void answer(char *line, bool deep)
{
    AUTO(buf_done) struct buf path = {.max = LINE_MAX_BYTES}, document = {.max = LINE_MAX_BYTES};
    AUTO(fields_free) struct fields *fields = NULL;
    struct field_def def = {.class_id = 1, .deep = deep};
    char *blank = strchr(line, ' ');

    REQUIRE(blank != NULL);
    *blank = '\0';
    unhex(line, &path);
    unhex(blank + 1, &document);
    def.path = (const char *)path.bytes;
    if (fields_new(&def, 1, &fields, NULL) != ERR_OK)
        (void)printf("path\n");
    else
        find(fields, span_of(document.bytes, document.len - 1));
}

int main(int argc, char **argv)
{
    const bool deep = argc > 1 && strcmp(argv[1], "deep") == 0;
    char *line = malloc(LINE_MAX_BYTES);

    REQUIRE(line != NULL);
    secret_start();
    while (fgets(line, LINE_MAX_BYTES, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        answer(line, deep);
    }
    free(line);
    return 0;
}
