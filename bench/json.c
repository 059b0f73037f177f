/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader's figures: throughput on a document like those of Twitter's search API (nested
 * objects of up to 40 members, mixed scripts, escapes), indented and compact, beside jansson's
 * parser in the same run; and the time to read a 500-byte document and splice three tokens into it.
 * The documents are made here, from a fixed seed; duplicate names and UTF-8 are checked throughout.
 *
 *   json [SECONDS]     each measurement takes that much processor time, 1 by default; exit 1 below
 *                      the bars */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/secret.h"
#include "proxy/json_reader.h"

enum { STATUSES = 100, DOCUMENT_MAX = 16 << 20 };

static const double BATCH_S = 0.001, GBPS_BAR = 1.0, RATIO_BAR = 10.0;

/* ---- the document ---- */

struct writer {
    struct buf out;
    bool indent;
    bool first; /* nothing stands in the container yet */
    int depth;
    uint64_t random;
};

static unsigned draw(struct writer *w, unsigned below)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (unsigned)(w->random % below);
}

static void put(struct writer *w, const char *text)
{
    REQUIRE(buf_append_str(&w->out, text) == ERR_OK);
}

static void new_line(struct writer *w)
{
    if (!w->indent)
        return;
    put(w, "\n");
    for (int i = 0; i < w->depth; i++)
        put(w, "  ");
}

static void item(struct writer *w, const char *name)
{
    if (!w->first)
        put(w, ",");
    w->first = false;
    new_line(w);
    if (name == NULL)
        return;
    put(w, "\"");
    put(w, name);
    put(w, w->indent ? "\": " : "\":");
}

static void begin(struct writer *w, const char *name, const char *bracket)
{
    item(w, name);
    put(w, bracket);
    w->depth++;
    w->first = true;
}

static void finish(struct writer *w, const char *bracket)
{
    w->depth--;
    if (!w->first)
        new_line(w);
    put(w, bracket);
    w->first = false;
}

static void literal(struct writer *w, const char *name, const char *text)
{
    item(w, name);
    put(w, text);
}

static void number(struct writer *w, const char *name, uint64_t n)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRIu64, n);
    literal(w, name, text);
}

static void string(struct writer *w, const char *name, const char *text)
{
    item(w, name);
    put(w, "\"");
    put(w, text);
    put(w, "\"");
}

static void flag(struct writer *w, const char *name)
{
    literal(w, name, draw(w, 8) == 0 ? "true" : "false");
}

static void text_of_words(struct writer *w, const char *name, unsigned words)
{
    static const char *const list[] = {
        "名前:前田あゆみ",
        "第一著者",
        "ください",
        "今日は",
        "coffee",
        "with",
        "friends",
        "😂",
        "résumé",
        "ありがとう",
        "http://t.co/kZ3oCx1G7L",
        "#golang",
        "@example_user",
        "\\n",
        "\\\"quoted\\\"",
        "meeting",
        "at 10:30",
    };

    item(w, name);
    put(w, "\"");
    for (unsigned i = 0; i < words; i++) {
        put(w, i == 0 ? "" : " ");
        put(w, list[draw(w, sizeof(list) / sizeof(*list))]);
    }
    put(w, "\"");
}

static void id(struct writer *w, const char *name, const char *name_str)
{
    const uint64_t n = UINT64_C(505874924095815681) + draw(w, 1000000000);
    char text[32];

    number(w, name, n);
    (void)snprintf(text, sizeof(text), "%" PRIu64, n);
    string(w, name_str, text);
}

static void indices(struct writer *w)
{
    begin(w, "indices", "[");
    number(w, NULL, draw(w, 60));
    number(w, NULL, 60 + draw(w, 80));
    finish(w, "]");
}

static void url(struct writer *w, const char *name)
{
    begin(w, name, "{");
    string(w, "url", "http://t.co/QMLJeFmfMT");
    string(w, "expanded_url", "http://www.pixiv.net/member.php?id=4776");
    string(w, "display_url", "pixiv.net/member.php?id=…");
    indices(w);
    finish(w, "}");
}

static void user(struct writer *w)
{
    static const char *const nulls[] = {"following", "follow_request_sent", "notifications"};
    static const char *const colors[] = {"profile_background_color", "profile_link_color",
                                         "profile_sidebar_border_color",
                                         "profile_sidebar_fill_color", "profile_text_color"};
    static const char *const images[] = {"profile_background_image_url",
                                         "profile_background_image_url_https", "profile_image_url",
                                         "profile_image_url_https", "profile_banner_url"};
    static const char *const flags[] = {"protected",
                                        "geo_enabled",
                                        "verified",
                                        "contributors_enabled",
                                        "is_translator",
                                        "is_translation_enabled",
                                        "profile_background_tile",
                                        "profile_use_background_image",
                                        "default_profile",
                                        "default_profile_image"};
    static const char *const counts[] = {"followers_count", "friends_count", "listed_count",
                                         "favourites_count", "statuses_count"};

    begin(w, "user", "{");
    id(w, "id", "id_str");
    text_of_words(w, "name", 1);
    string(w, "screen_name", "ayuu0123");
    text_of_words(w, "location", 2);
    text_of_words(w, "description", 9);
    literal(w, "url", "null");
    begin(w, "entities", "{");
    begin(w, "description", "{");
    begin(w, "urls", "[");
    if (draw(w, 4) == 0)
        url(w, NULL);
    finish(w, "]");
    finish(w, "}");
    finish(w, "}");
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
        number(w, counts[i], draw(w, 10000));
    string(w, "created_at", "Mon Dec 16 07:46:16 +0000 2013");
    literal(w, "utc_offset", draw(w, 2) == 0 ? "32400" : "null");
    literal(w, "time_zone", draw(w, 2) == 0 ? "\"Irkutsk\"" : "null");
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
        flag(w, flags[i]);
    string(w, "lang", "ja");
    for (size_t i = 0; i < sizeof(colors) / sizeof(*colors); i++)
        string(w, colors[i], "C0DEED");
    for (size_t i = 0; i < sizeof(images) / sizeof(*images); i++)
        string(w, images[i], "http://pbs.twimg.com/profile_images/48866/pMlyZ_normal.jpeg");
    for (size_t i = 0; i < sizeof(nulls) / sizeof(*nulls); i++)
        literal(w, nulls[i], "false");
    finish(w, "}");
}

static void entities(struct writer *w)
{
    begin(w, "entities", "{");
    begin(w, "hashtags", "[");
    for (unsigned n = draw(w, 3); n > 0; n--) {
        begin(w, NULL, "{");
        text_of_words(w, "text", 1);
        indices(w);
        finish(w, "}");
    }
    finish(w, "]");
    begin(w, "symbols", "[");
    finish(w, "]");
    begin(w, "urls", "[");
    for (unsigned n = draw(w, 2); n > 0; n--)
        url(w, NULL);
    finish(w, "]");
    begin(w, "user_mentions", "[");
    for (unsigned n = draw(w, 3); n > 0; n--) {
        begin(w, NULL, "{");
        string(w, "screen_name", "aym0566x");
        text_of_words(w, "name", 2);
        id(w, "id", "id_str");
        indices(w);
        finish(w, "}");
    }
    finish(w, "]");
    finish(w, "}");
}

static void status(struct writer *w, const char *name)
{
    static const char *const nulls[] = {"in_reply_to_status_id",
                                        "in_reply_to_status_id_str",
                                        "in_reply_to_user_id",
                                        "in_reply_to_user_id_str",
                                        "in_reply_to_screen_name",
                                        "geo",
                                        "coordinates",
                                        "place",
                                        "contributors"};

    begin(w, name, "{");
    begin(w, "metadata", "{");
    string(w, "result_type", "recent");
    string(w, "iso_language_code", "ja");
    finish(w, "}");
    string(w, "created_at", "Sun Aug 31 00:29:15 +0000 2014");
    id(w, "id", "id_str");
    text_of_words(w, "text", 4 + draw(w, 12));
    string(w, "source",
           "<a href=\\\"http://twitter.com/download/iphone\\\" rel=\\\"nofollow\\\">Twitter for "
           "iPhone</a>");
    flag(w, "truncated");
    for (size_t i = 0; i < sizeof(nulls) / sizeof(*nulls); i++)
        literal(w, nulls[i], "null");
    user(w);
    if (name == NULL && draw(w, 2) == 0)
        status(w, "retweeted_status");
    number(w, "retweet_count", draw(w, 100));
    number(w, "favorite_count", draw(w, 100));
    entities(w);
    flag(w, "favorited");
    flag(w, "retweeted");
    string(w, "lang", "ja");
    finish(w, "}");
}

static void make_document(struct buf *out, bool indent)
{
    struct writer w = {.indent = indent, .first = true, .random = 88172645463325252U};

    buf_init(&w.out, DOCUMENT_MAX);
    put(&w, "{");
    w.depth++;
    begin(&w, "statuses", "[");
    for (int i = 0; i < STATUSES; i++)
        status(&w, NULL);
    finish(&w, "]");
    begin(&w, "search_metadata", "{");
    number(&w, "count", STATUSES);
    finish(&w, "}");
    finish(&w, "}");
    *out = w.out;
}

/* ---- measuring ---- */

/* Processor time of this thread: what others do on the machine counts little. */
static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void read_with_lethe(const void *context, struct span document)
{
    struct hits hits = {0};

    REQUIRE(json_read(context, document, &hits) == ERR_OK);
    hits_done(&hits);
}

static void read_with_jansson(const void *context, struct span document)
{
    json_t *tree = json_loadb(document.at, document.len, JSON_REJECT_DUPLICATES, NULL);

    (void)context;
    REQUIRE(tree != NULL);
    json_decref(tree);
}

static void read_and_splice(const void *context, struct span document)
{
    static const struct span token = SPAN_LIT("\"lt_001A9s8d7f6g5h4j3k2l1z0x9c8vB4nM\"");
    struct buf out;
    struct hits hits = {0};
    struct splice splices[3];

    buf_init(&out, DOCUMENT_MAX);
    REQUIRE(json_read(context, document, &hits) == ERR_OK && hits.count == 3);
    for (size_t i = 0; i < 3; i++)
        splices[i] = (struct splice){hits.at[i].start, hits.at[i].end, token};
    REQUIRE(splice_write(document, splices, 3, &out) == ERR_OK);
    hits_done(&hits);
    buf_done(&out);
}

/* Seconds for one call: the best of all batches, of BATCH_S or more each, that fit into `seconds`. */
static double measure(void (*call)(const void *, struct span), const void *context,
                      struct span document, double seconds)
{
    const double start = now();
    unsigned calls = 1;
    double best = 1e9;

    while (now() - start < seconds) {
        const double from = now();
        double took;

        for (unsigned i = 0; i < calls; i++)
            call(context, document);
        took = now() - from;
        if (took < BATCH_S)
            calls *= 2;
        else if (took / calls < best)
            best = took / calls;
    }
    return best;
}

/* One line; false when it is below a bar. */
static bool compare(const char *name, const struct fields *fields, bool indent, double seconds)
{
    struct buf document;
    struct span text;
    double ours, theirs;

    make_document(&document, indent);
    text = buf_span(&document);
    ours = measure(read_with_lethe, fields, text, seconds);
    theirs = measure(read_with_jansson, NULL, text, seconds);
    (void)printf("%-28s %7zu bytes  %5.2f GB/s   jansson %5.3f GB/s   ratio %5.1f\n", name,
                 text.len, (double)text.len / ours * 1e-9, (double)text.len / theirs * 1e-9,
                 theirs / ours);
    buf_done(&document);
    return (double)text.len / ours * 1e-9 >= GBPS_BAR && theirs / ours >= RATIO_BAR;
}

static const char small_document[] =
    "{\"id\":48151623,\"email\":\"ada.lovelace@example.org\",\"name\":\"Ada Lovelace\",\"phone\":"
    "\"+44 20 7946 0958\",\"created\":\"2026-03-01T09:30:00Z\",\"active\":true,\"roles\":[\"user\","
    "\"editor\"],\"address\":{\"street\":\"12 St James's Square\",\"city\":\"London\",\"postcode\":"
    "\"SW1Y 4JH\",\"country\":\"GB\"},\"preferences\":{\"newsletter\":false,\"language\":\"en-GB\","
    "\"theme\":\"dark\",\"items_per_page\":50},\"notes\":\"Prefers to be called in the "
    "afternoon.\",\"balance\":1024.50,\"currency\":\"EUR\",\"tags\":[\"vip\",\"newsletter-2025\"],"
    "\"manager\":null,\"score\":0.87}";

int main(int argc, char **argv)
{
    static const struct field_def three[] = {{.path = "$.email", .class_id = 1},
                                             {.path = "$.name", .class_id = 2},
                                             {.path = "$.phone", .class_id = 3}};
    static const struct field_def nested[] = {
        {.path = "$.statuses[*].user.screen_name", .class_id = 1},
        {.path = "$..user_mentions[*].name", .class_id = 2}};
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 1.0;
    const struct span small = span_str(small_document);
    struct fields *none = NULL, *of_small = NULL, *of_large = NULL;
    bool fine = true;

    secret_start();
    REQUIRE(fields_new(NULL, 0, &none, NULL) == ERR_OK);
    REQUIRE(fields_new(three, 3, &of_small, NULL) == ERR_OK);
    REQUIRE(fields_new(nested, 2, &of_large, NULL) == ERR_OK);
    fine = compare("twitter-like, indented", none, true, seconds) && fine;
    fine = compare("twitter-like, compact", none, false, seconds) && fine;
    fine = compare("  ... with fields, indented", of_large, true, seconds) && fine;
    fine = compare("  ... with fields, compact", of_large, false, seconds) && fine;
    (void)printf("%zu bytes, 3 fields: read %.0f ns, read and splice %.0f ns\n", small.len,
                 measure(read_with_lethe, of_small, small, seconds) * 1e9,
                 measure(read_and_splice, of_small, small, seconds) * 1e9);
    (void)printf("bars: %.1f GB/s, %.0fx jansson: %s\n", GBPS_BAR, RATIO_BAR,
                 fine ? "met" : "NOT met");
    fields_free(&none);
    fields_free(&of_small);
    fields_free(&of_large);
    return fine ? 0 : 1;
}
