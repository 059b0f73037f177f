/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as text, as JSON and as pairs to look for personal data in: no byte outside is read, where it was
 * found is said by marks alone, and what is a hit is passed over. */
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"
#include "proxy/detect.h"
#include "proxy/json_reader.h"
#include "proxy/near_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fields *everything(void)
{
    static const struct field_def def = {.path = "$", .class_id = 1, .deep = true};
    static struct fields *fields;

    if (fields == NULL) {
        secret_start();
        REQUIRE(fields_new(&def, 1, &fields, NULL) == ERR_OK);
    }
    return fields;
}

static void try_json(struct span text)
{
    AUTO(hits_done) struct hits hits = {0};
    struct detect_found found = {0};

    if (json_read(everything(), text, &hits) != ERR_OK)
        return;
    REQUIRE(detect_json(text, &hits, &found) == ERR_OK);
    if (found.kind != DETECT_NOTHING) /* only names are left */
        REQUIRE(found.shape[0] == '$' && found.shape[strlen(found.shape) - 1] == '~');
    REQUIRE(detect_json(text, &(struct hits){0}, &found) == ERR_OK);
    REQUIRE(strspn(found.shape, "$.[*]~") == strlen(found.shape));
}

static void try_name(struct span text)
{
    struct near_names *names = near_names_new();
    size_t group = 0;

    REQUIRE(near_names_add(names, text, &group) == ERR_OK);
    REQUIRE(near_names_find(names, text) == group);
    REQUIRE(near_names_find(names, SPAN_LIT("email")) == SIZE_MAX || group == 0);
    near_names_free(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum detect_kind kind = DETECT_NOTHING;
    const struct span text = span_of(data, size);

    (void)detect_kind_name(detect_personal(text));
    try_json(text);
    try_name(text);
    (void)!detect_pairs(text, &(struct hits){0}, &kind);
    return 0;
}
