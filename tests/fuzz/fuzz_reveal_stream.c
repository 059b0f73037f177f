/* SPDX-License-Identifier: Apache-2.0 */
/* Streams from anywhere, shown: the same comes out however they are cut, and with nothing replaced it is what
 * came. `O` in the input stands for a real token. First byte: what is declared, and of what kind the stream is;
 * second: the size of pieces. */
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"
#include "proxy/places_priv.h"
#include "proxy/reveal_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 26 };

/* Every place may be scanned; nothing else of the rules matters here. */
static struct field_rule rules[1] = {{.mode = FIELD_SCAN}};
static uint16_t class_ids[1] = {7};
static const struct span domains[] = {{"a.b", 3}};

static void expand(struct span pattern, struct buf *out)
{
    static const uint8_t key[TOKEN_LOCATOR_KEY_BYTES] = {1};
    static const struct token_ref ref = {.class_id = 2, .row = 3, .salt = {4}};
    struct token_text token;

    token_write(&ref, TOKEN_OPAQUE, NULL, key, &token);
    for (size_t i = 0; i < pattern.len; i++)
        REQUIRE((pattern.at[i] == 'O' ? buf_append(out, token.bytes, token.len)
                                      : buf_append_byte(out, (uint8_t)pattern.at[i])) == ERR_OK);
}

/* context NULL: each hit stays; else it becomes this value, where it can stand. */
static enum err show(void *context, struct part *part, struct buf *out)
{
    const char *value = context;
    size_t at = 0;
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < part->hits.count; i++) {
        const struct hit *hit = &part->hits.at[i];

        REQUIRE(hit->start >= at && hit->end > hit->start && hit->end <= part->text.len);
        e = buf_append(out, part->text.at + at, hit->start - at);
        at = hit->start;
        if (e == ERR_OK && value != NULL &&
            hit_write(part->text, hit, VALUE_STRING, span_str(value), out) == ERR_OK)
            at = hit->end;
    }
    return e == ERR_OK ? buf_append(out, part->text.at + at, part->text.len - at) : e;
}

static enum err run(const struct places *places, enum media_kind kind, struct span text,
                    size_t size, const char *value, struct buf *out)
{
    AUTO(reveal_stream_free)
    struct reveal_stream *s = reveal_stream_new(places, kind, show, (void *)(uintptr_t)value);
    enum err e = ERR_OK;

    while (e == ERR_OK && text.len > 0) {
        const size_t len = text.len < size ? text.len : size;

        e = reveal_stream_feed(s, span_of(text.at, len), out);
        text = span_of(text.at + len, text.len - len);
    }
    return e == ERR_OK ? reveal_stream_finish(s, out) : e;
}

static void check(const struct places *places, enum media_kind kind, struct span text, size_t size,
                  const char *value)
{
    AUTO(buf_done) struct buf whole = {.max = OUT_MAX, .secret = true};
    AUTO(buf_done) struct buf pieces = {.max = OUT_MAX, .secret = true};
    const enum err first = run(places, kind, text, text.len, value, &whole);
    const enum err second = run(places, kind, text, size, value, &pieces);

    REQUIRE(first == second);
    REQUIRE(first != ERR_OK || span_equal(buf_span(&whole), buf_span(&pieces)));
    REQUIRE(first != ERR_OK || value != NULL || span_equal(buf_span(&whole), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct field_def def = {.path = "$..a", .class_id = 7, .subject = NULL};
    struct places places = {.scan = {domains, 1}};
    AUTO(buf_done) struct buf text = {.max = OUT_MAX};
    struct errmsg msg;

    if (size < 3)
        return 0;
    secret_start();
    for (int i = 0; i < 2; i++) {
        struct place_set *set = &places.sets[i == 0 ? PLACE_JSON : PLACE_TEXT];

        set->count = (data[0] >> i & 1) == 0;
        set->rules = rules;
        set->class_ids = class_ids;
    }
    if (places.sets[PLACE_JSON].count > 0)
        REQUIRE(fields_new(&def, 1, &places.json, &msg) == ERR_OK);
    expand(span_of(data + 2, size - 2), &text);
    for (int i = 0; i < 2; i++)
        check(&places,
              (data[0] & 4) != 0 && places.sets[PLACE_TEXT].count > 0 ? MEDIA_TEXT : MEDIA_EVENTS,
              buf_span(&text), data[1] % 64 + 1, i == 0 ? NULL : "a\"\n\nid: <");
    fields_free(&places.json);
    return 0;
}
