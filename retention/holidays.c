/* SPDX-License-Identifier: Apache-2.0 */
/* Public holidays.
 * Runs on: reading on the main thread or a worker; questions on any. Holds: the days that the
 * configuration lists, sorted. Invariant: what a country's table says is changed only together with its
 * version, which is recorded with every deadline. Not here: deadlines (deadline.c). */
#include "retention/holidays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"

enum { FIXED_MAX = 8, MOVING_MAX = 8, DIGEST_CHARS = 4 };

/* Days that are public holidays in the whole of a country. */
struct country {
    const char *code;
    int version;
    struct {
        int month, day; /* 0: no more */
    } fixed[FIXED_MAX];
    int moving[MOVING_MAX]; /* days from Easter Sunday; 0: no more, since that is a Sunday */
};

static const struct country countries[] = {
    /* New Year, Labour Day, German Unity Day, both days of Christmas; Good Friday, Easter Monday,
     * Ascension Day, Whit Monday. */
    {"DE", 1, {{1, 1}, {5, 1}, {10, 3}, {12, 25}, {12, 26}}, {-2, 1, 39, 50}},
};

struct holidays {
    const struct country *country; /* NULL: none */
    struct civil *dates;
    size_t count;
    char name[HOLIDAYS_NAME_MAX];
};

/* ---- questions ---- */

/* Meeus, Astronomical Algorithms, chapter 8. */
struct civil holidays_easter(int year)
{
    const int a = year % 19, b = year / 100, c = year % 100;
    const int d = b / 4, e = b % 4, f = (b + 8) / 25, g = (b - f + 1) / 3;
    const int h = (19 * a + b - d - g + 15) % 30;
    const int i = c / 4, k = c % 4;
    const int l = (32 + 2 * e + 2 * i - h - k) % 7;
    const int m = (a + 11 * h + 22 * l) / 451;
    const int n = h + l - 7 * m + 114;

    return (struct civil){.year = year, .month = n / 31, .day = n % 31 + 1};
}

static bool is_public(const struct country *country, struct civil date)
{
    const int64_t from_easter = civil_days(date) - civil_days(holidays_easter(date.year));

    for (size_t i = 0; i < FIXED_MAX && country->fixed[i].month != 0; i++)
        if (country->fixed[i].month == date.month && country->fixed[i].day == date.day)
            return true;
    for (size_t i = 0; i < MOVING_MAX && country->moving[i] != 0; i++)
        if (country->moving[i] == from_easter)
            return true;
    return false;
}

static int compare_dates(const void *a, const void *b)
{
    return civil_compare(*(const struct civil *)a, *(const struct civil *)b);
}

bool holidays_is_working_day(const struct holidays *h, struct civil date)
{
    if (civil_weekday(date) >= 5)
        return false;
    if (h == NULL)
        return true;
    if (h->country != NULL && is_public(h->country, date))
        return false;
    return h->count == 0 ||
           bsearch(&date, h->dates, h->count, sizeof(h->dates[0]), compare_dates) == NULL;
}

const char *holidays_name(const struct holidays *h)
{
    return h == NULL ? "none" : h->name;
}

static const struct country *find_country(const char *code)
{
    for (size_t i = 0; i < COUNT_OF(countries); i++) {
        const size_t len = strlen(countries[i].code);

        if (strncmp(code, countries[i].code, len) == 0 && (code[len] == '\0' || code[len] == '-'))
            return &countries[i];
    }
    return NULL;
}

/* ---- reading ---- */

static enum err read_country(struct conf_node node, struct holidays *h, struct errmsg *msg)
{
    const char *code = NULL;
    enum err e = conf_str(node, &code, msg);

    if (e != ERR_OK || code == NULL)
        return e;
    h->country = find_country(code);
    if (h->country == NULL)
        return conf_fail(
            node, msg, "the holidays of this country are not built in (DE is): list them as dates");
    return ERR_OK;
}

static enum err read_date(struct conf_node node, struct civil *ret, struct errmsg *msg)
{
    const char *text = NULL;
    enum err e = conf_str(node, &text, msg);

    if (e != ERR_OK)
        return e;
    return civil_parse(span_str(text), ret) ? ERR_OK
                                            : conf_fail(node, msg, "this is no date YYYY-MM-DD");
}

static enum err read_dates(struct conf_node list, struct holidays *h, struct errmsg *msg)
{
    const size_t count = json_count(list.value);

    if (!conf_has(list))
        return ERR_OK;
    if (json_kind(list.value) != JSON_LIST)
        return conf_fail(list, msg, "holidays are a list of dates");
    if (count > HOLIDAYS_MAX)
        return conf_fail(list, msg, "more than %d dates", HOLIDAYS_MAX);
    h->dates = mem_alloc((count + 1) * sizeof(h->dates[0]));
    for (size_t i = 0; i < count; i++) {
        enum err e = read_date(conf_at(list, i), &h->dates[i], msg);

        if (e != ERR_OK)
            return e;
        h->count++;
    }
    qsort(h->dates, h->count, sizeof(h->dates[0]), compare_dates);
    return ERR_OK;
}

/* What tells one list of days from another. */
static void digest_of(const struct holidays *h, char out[DIGEST_CHARS + 1])
{
    AUTO(mem_free) char *text = mem_alloc(h->count * CIVIL_TEXT_MAX + 1);
    uint8_t hash[SECRET_HASH_BYTES];
    size_t len = 0;

    for (size_t i = 0; i < h->count; i++) {
        civil_format(h->dates[i], text + len);
        len += strlen(text + len);
    }
    secret_hash(text, len, hash);
    (void)snprintf(out, DIGEST_CHARS + 1, "%02x%02x", hash[0], hash[1]);
}

static void set_name(struct holidays *h)
{
    char digest[DIGEST_CHARS + 1];

    digest_of(h, digest);
    if (h->country == NULL)
        (void)snprintf(h->name, sizeof(h->name), "list-%s", digest);
    else
        (void)snprintf(h->name, sizeof(h->name), "%s-%d%s%s", h->country->code, h->country->version,
                       h->count > 0 ? "+" : "", h->count > 0 ? digest : "");
}

enum err holidays_read(struct conf_node node, struct holidays **ret, struct errmsg *msg)
{
    static const char *const keys[] = {"country", "dates", NULL};
    AUTO(holidays_free) struct holidays *h = NULL;
    enum err e = ERR_OK;

    if (!conf_has(node)) {
        *ret = NULL;
        return ERR_OK;
    }
    h = mem_alloc(sizeof(*h));
    if (json_kind(node.value) == JSON_LIST) {
        e = read_dates(node, h, msg);
    } else {
        e = conf_only(node, keys, msg);
        if (e == ERR_OK)
            e = read_country(conf_get(node, "country"), h, msg);
        if (e == ERR_OK)
            e = read_dates(conf_get(node, "dates"), h, msg);
    }
    if (e != ERR_OK)
        return e;
    set_name(h);
    *ret = TAKE(h);
    return ERR_OK;
}

struct holidays *holidays_of(const char *code)
{
    const struct country *country = find_country(code);
    struct holidays *h;

    if (country == NULL)
        return NULL;
    h = mem_alloc(sizeof(*h));
    h->country = country;
    set_name(h);
    return h;
}

struct holidays *holidays_copy(const struct holidays *h)
{
    struct holidays *copy;

    if (h == NULL)
        return NULL;
    copy = mem_alloc(sizeof(*copy));
    *copy = *h;
    copy->dates = NULL;
    if (h->count > 0) {
        copy->dates = mem_alloc(h->count * sizeof(copy->dates[0]));
        memcpy(copy->dates, h->dates, h->count * sizeof(copy->dates[0]));
    }
    return copy;
}

void holidays_free(struct holidays **holidaysp)
{
    struct holidays *h = TAKE(*holidaysp);

    if (h == NULL)
        return;
    free(h->dates);
    free(h);
}
