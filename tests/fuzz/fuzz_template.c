/* SPDX-License-Identifier: Apache-2.0 */
/* E67: templates from anywhere: whatever is taken renders the same tags and quotes with a harmless model and with one that
 * holds nothing but markup. */
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"
#include "ui/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char words_text[] =
    "{\"a\":\"plain\",\"b\":\"<b> {x}\",\"k.v\":\"{l}\",\"n.one\":\"1\","
    "\"n.other\":\"{x} many\",\"pattern.date\":\"{d} {m} {y}\"}";
static const char harmless[] =
    "{\"x\":\"t\",\"y\":{\"z\":\"t\"},\"l\":[\"t\",\"t\"],\"n\":2,\"f\":true}";
static const char hostile[] = "{\"x\":\"<i'\\\">\",\"y\":{\"z\":\"<i'\\\">\"},\"l\":[\"<i'\\\">\","
                              "\"<i'\\\">\"],\"n\":2,\"f\":true}";

static const struct words *all_words(void)
{
    static struct words *words;
    const struct span catalogues[WORDS_LANG_COUNT] = {span_str(words_text), span_str(words_text)};

    if (words == NULL) {
        secret_start();
        REQUIRE(words_new(catalogues, &words, NULL) == ERR_OK);
    }
    return words;
}

/* How many bytes that make markup are in there; false: it cannot be rendered. */
static bool count_marks(const struct template_set *set, const char *model_text, size_t *ret)
{
    AUTO(json_free) struct json *model = NULL;
    AUTO(buf_done) struct buf out = {.max = 0};
    struct template_view view = {.words = all_words(), .lang = WORDS_EN};

    REQUIRE(json_parse(span_str(model_text), &model) == ERR_OK);
    view.model = model;
    buf_init(&out, 1 << 20);
    if (template_render(set, "t", &view, &out, NULL) != ERR_OK)
        return false;
    *ret = 0;
    for (size_t i = 0; i < out.len; i++)
        *ret += out.bytes[i] == '<' || out.bytes[i] == '>' || out.bytes[i] == '"' ||
                out.bytes[i] == '\'';
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(template_set_free) struct template_set *set = NULL;
    const struct template_source source = {"t", span_of(data, size)};
    size_t with_text = 0, with_markup = 0;

    (void)all_words();
    if (size > 4096 || template_set_new(&source, 1, &set, NULL) != ERR_OK)
        return 0;
    if (count_marks(set, harmless, &with_text)) {
        /* only for want of room can the other fail */
        if (count_marks(set, hostile, &with_markup))
            REQUIRE(with_text == with_markup);
    }
    return 0;
}
