/* SPDX-License-Identifier: Apache-2.0 */
/* Telephone numbers that reach nobody, as E.164 text.
 * Runs on: any thread. Holds: constant tables. Invariant: the tables never change, not even in their
 * order: tokens that were given out would be read as others. Not here: whether a value is a telephone
 * number; people write them as they like, and any text is taken. */
#include "base/assert.h"
#include "base/mem.h"
#include "vault/format_priv.h"

/* Spaces, and what people put between digits. */
static const char SEPARATORS[] = " -./()";

/* `reserved`: country codes +280 to +289, followed by as many digits as E.164 allows (15 in all).
 * Recommendation ITU-T E.164's list of assigned country codes has them all as spare, and as some of
 * the last to be used (groups of ten without any assignment). Among the spare codes these were taken
 * since no prefix of them is anything else: +999 stripped of its plus sign begins like an
 * emergency call in several countries, and 8... like a long-distance call in Russia. */
static const char *const RESERVED[] = {"28"};

/* `us`: 555-0100 to 555-0199 of each area code are set aside for fiction (North American Numbering
 * Plan Administration, "555 line numbers"; ATIS-0300115). Area codes are geographic ones of the United
 * States, so that validators accept them: no toll-free code (800-555-0199 is the only fictional
 * number there), no territory. */
static const char *const US[] = {
    "201", "202", "203", "205", "206", "207", "208", "209", "210", "212", "213", "214", "215",
    "216", "217", "218", "219", "224", "225", "228", "229", "231", "234", "239", "240", "248",
    "251", "252", "253", "254", "256", "260", "262", "267", "269", "270", "276", "281", "301",
    "302", "303", "304", "305", "307", "308", "309", "310", "312", "313", "314", "315", "316",
    "317", "318", "319", "320", "321", "323", "325", "330", "334", "336", "337", "339", "347",
    "351", "352", "360", "361", "386", "401", "402", "404", "405", "406", "407", "408", "409",
    "410", "412", "413", "414", "415", "417", "419", "423", "425", "432", "434", "435", "440",
    "443", "469", "478", "479", "480", "484", "501", "502", "503", "504", "505", "507", "508",
    "509", "510", "512", "513", "515", "516", "517", "518", "520", "530", "540", "541", "551",
    "559", "561", "562", "563", "567", "570", "571", "573", "574", "580", "585", "586", "601",
    "602", "603", "605", "606", "607", "608", "609", "610", "612", "614", "615", "616", "617",
    "618", "619", "620", "623", "626", "630", "631", "636", "641", "646", "650", "651", "660",
    "661", "662", "678", "682", "701", "702", "703", "704", "706", "707", "708", "712", "713",
    "714", "715", "716", "717", "718", "719", "720", "724", "727", "731", "732", "734", "740",
    "754", "757", "760", "763", "765", "770", "772", "773", "774", "775", "781", "785", "786",
    "801", "802", "803", "804", "805", "806", "808", "810", "812", "813", "814", "815", "816",
    "817", "818", "828", "830", "831", "832", "843", "845", "847", "848", "850", "856", "857",
    "858", "859", "860", "862", "863", "864", "865", "870", "901", "903", "904", "906", "907",
    "908", "909", "910", "912", "913", "914", "915", "916", "917", "918", "919", "920", "925",
    "928", "931", "936", "937", "940", "941", "947", "949", "951", "952", "954", "956", "970",
    "971", "972", "973", "978", "979", "980", "985", "989",
};

/* `gb`: Ofcom, "Telephone numbers for use in TV and radio drama programmes": a thousand each in eleven
 * cities with 496 0xxx, London, Tyneside, Cardiff, no area at all, mobiles, and UK-wide. */
static const char *const GB[] = {
    "441134960", "441144960", "441154960", "441164960", "441174960", "441184960",
    "441214960", "441314960", "441414960", "441514960", "441614960", "442079460",
    "441914980", "442920180", "441632960", "447700900", "443069990",
};

/* `de`: Bundesnetzagentur, "Rufnummern fuer Medienproduktionen (Drama Numbers)", Mitteilung 148/2021,
 * Amtsblatt 7/2021: a thousand each in Berlin, Frankfurt am Main, Hamburg, Koeln and Muenchen. */
static const char *const DE[] = {"493023125", "496990009", "494066969", "492214710", "498999998"};

struct range {
    const char *const *prefixes;
    size_t prefix_count;
    size_t prefix_len;
    const char *before, *after; /* what stands around the prefix */
    size_t free;                /* digits that follow */
};

/* Nothing between '+' and the end is longer. */
enum { E164_DIGITS_MAX = 15 };

static struct range range_of(const struct format_spec *spec)
{
    switch (spec->range) {
    case FORMAT_RANGE_US:
        return (struct range){US, COUNT_OF(US), 3, "1", "55501", 2};
    case FORMAT_RANGE_GB:
        return (struct range){GB, COUNT_OF(GB), 9, "", "", 3};
    case FORMAT_RANGE_DE:
        return (struct range){DE, COUNT_OF(DE), 9, "", "", 3};
    case FORMAT_RANGE_RESERVED:
    case FORMAT_RANGE_DOCUMENTATION:
        break;
    }
    return (struct range){RESERVED, COUNT_OF(RESERVED), 2, "", "", 13};
}

static bool phone_places(const struct format_spec *spec, const struct format_shape *shape,
                         struct format_places *ret)
{
    struct range range = range_of(spec);

    if (!vault__format_is_one_shape(shape))
        return false;
    vault__format_places_add(ret, 1, range.prefix_count);
    vault__format_places_add(ret, range.free, 10);
    return true;
}

static void phone_write(const struct format_spec *spec, const struct format_places *places,
                        struct span value, struct token_text *ret)
{
    struct range range = range_of(spec);

    (void)value;
    format_put(ret, '+');
    format_put_text(ret, range.before);
    format_put_text(ret, range.prefixes[places->digit[0]]);
    format_put_text(ret, range.after);
    for (size_t i = 1; i < places->count; i++)
        format_put_digit(ret, places->digit[i]);
}

/* "+" and digits, or "00" and digits as much of the world dials it: the digits; 0 when it is neither. */
static size_t international(struct span text, char digits[E164_DIGITS_MAX])
{
    char all[2 + E164_DIGITS_MAX];
    size_t len, skip;
    bool plus;

    /* A separator may stand beside another here, and around the whole: "(+28) 0". */
    while (text.len > 0 && strchr(SEPARATORS, text.at[0]) != NULL && text.at[0] != '\0')
        text = span_of(text.at + 1, text.len - 1);
    plus = text.len > 0 && text.at[0] == '+';
    len = 0;
    for (size_t i = plus ? 1 : 0; i < text.len; i++) {
        char c = text.at[i];

        if (format_is_digit(c)) {
            if (len == sizeof(all))
                return 0;
            all[len++] = c;
        } else if (c == '\0' || strchr(SEPARATORS, c) == NULL) {
            return 0;
        }
    }
    skip = plus ? 0 : 2;
    if (len <= skip || len - skip > E164_DIGITS_MAX || (!plus && memcmp(all, "00", 2) != 0))
        return 0;
    memcpy(digits, all + skip, len - skip);
    return len - skip;
}

static bool phone_read(const struct format_spec *spec, struct span token,
                       struct format_shape *ret_shape, struct format_places *ret)
{
    struct range range = range_of(spec);
    size_t before = strlen(range.before), after = strlen(range.after), prefix = range.prefix_len;
    char digits[E164_DIGITS_MAX];
    size_t len = international(token, digits), found;

    if (len != before + prefix + after + range.free || memcmp(digits, range.before, before) != 0 ||
        memcmp(digits + before + prefix, range.after, after) != 0)
        return false;
    for (found = 0; found < range.prefix_count; found++) {
        if (memcmp(digits + before, range.prefixes[found], prefix) == 0)
            break;
    }
    if (found == range.prefix_count)
        return false;
    ret->digit[0] = found;
    for (size_t i = 0; i < range.free; i++)
        ret->digit[1 + i] = (uint64_t)(digits[len - range.free + i] - '0');
    ret->count = 1 + range.free;
    vault__format_one_shape(ret_shape);
    return true;
}

/* Whatever begins like a token, whatever the keyed check says. */
static bool phone_owns(const struct format_spec *spec, struct span value)
{
    struct format_shape shape;
    struct format_places places;

    return phone_read(spec, value, &shape, &places);
}

const struct format_kind vault__format_phone = {
    .name = "phone",
    .places = phone_places,
    .write = phone_write,
    .read = phone_read,
    .owns = phone_owns,
};
