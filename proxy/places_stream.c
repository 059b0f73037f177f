/* SPDX-License-Identifier: Apache-2.0 */
/* Answers read while they stream: server-sent events, and texts.
 * Runs on: a loop thread. Holds: nothing. Invariant: as in places_read.c; what no field can be in passes, since
 * of it nothing becomes a value. Not here: where a stream may be cut (reveal_stream.c). */
#include "proxy/places_priv.h"

#include <string.h>

#include "proxy/event_stream.h"
#include "proxy/json_reader.h"
#include "proxy/scan.h"

static bool has_texts(const struct places *places)
{
    return places->sets[PLACE_TEXT].count > 0;
}

enum err places_judge_stream(const struct places *places, struct span content_type,
                             struct media_type *ret)
{
    struct media_type media;

    if (content_type.at == NULL || !media_type_read(content_type, &media))
        return ERR_UNSUPPORTED;
    if (!(media.kind == MEDIA_EVENTS && (places->json != NULL || has_texts(places))) &&
        !(media.kind == MEDIA_TEXT && has_texts(places)))
        return ERR_UNSUPPORTED;
    *ret = media;
    return ERR_OK;
}

/* ---- texts ---- */

/* A hit of the field of all texts. */
static struct hit text_hit(const struct places *places, enum hit_coding coding)
{
    return (struct hit){
        .class_id = places->sets[PLACE_TEXT].class_ids[0], .kind = VALUE_STRING, .coding = coding};
}

enum err places_read_text(const struct places *places, struct span text, bool last,
                          struct part *ret)
{
    const struct hit like = text_hit(places, HIT_TEXT);
    struct part part = {.rules = places->sets[PLACE_TEXT].rules};
    size_t end = 0;
    enum err e = scan_text(&places->scan, text, last, &like, &end, &part.hits);

    part.text = span_of(text.at, end);
    if (e == ERR_OK)
        *ret = part;
    else
        parts_done(&part, 1);
    return e;
}

/* ---- events ---- */

static struct span behind(struct span text, const char *passed_over)
{
    while (text.len > 0 && memchr(passed_over, text.at[0], strlen(passed_over)) != NULL)
        text = span_of(text.at + 1, text.len - 1);
    return text;
}

/* An object, or a list of them, to whoever reads it less strictly. */
static bool begins_like_an_object(struct span data)
{
    const struct span rest = behind(data, " \t\r\n[");

    return rest.len > 0 && rest.at[0] == '{';
}

/* Texts in JSON keep their quotes, and markup stays as it is: a value may be markup itself (E38). */
static enum err scan_data(const struct places *places, struct span data, struct part *part)
{
    const struct span rest = behind(data, " \t\r\n");
    const bool quotes = rest.len > 0 && strchr("{[\"", rest.at[0]) != NULL;
    const struct hit like = text_hit(places, quotes ? HIT_JSON_TEXT : HIT_EVENT);
    size_t end;

    part->rules = places->sets[PLACE_TEXT].rules;
    if (rest.len == 0 || rest.at[0] == '<')
        return ERR_OK;
    return scan_text(&places->scan, data, true, &like, &end, &part->hits);
}

static enum err read_data(const struct places *places, struct span data, struct part *part)
{
    enum err e = places->json == NULL ? ERR_INVALID : json_read(places->json, data, &part->hits);

    if (e == ERR_OK) {
        part->rules = places->sets[PLACE_JSON].rules;
        return scan_part(&places->scan, part);
    }
    if (e != ERR_INVALID || (places->json != NULL && begins_like_an_object(data)))
        return e;
    return has_texts(places) ? scan_data(places, data, part) : ERR_OK;
}

enum err places_read_event(const struct places *places, struct span event, struct buf *scratch,
                           struct part *ret)
{
    struct part part = {.text = event};
    enum err e = event_data(event, scratch, &part.text);

    if (e == ERR_OK)
        e = read_data(places, part.text, &part);
    if (e == ERR_OK)
        e = event_place_hits(event, &part.hits);
    part.text = event;
    if (e == ERR_OK)
        *ret = part;
    else
        parts_done(&part, 1);
    return e;
}
