/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's options, on getopt_long.
 * Runs on: the main thread (getopt keeps globals). Holds: nothing. Not here: what commands do. */
#include "cli/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/leaks.h"

enum option_kind { TEXT, FD, FLAG, LIST };

static const struct known_option {
    const char *name;
    enum option_kind kind;
    size_t offset; /* of its member */
    uint64_t with; /* what a command must take */
} known_options[OPTION_COUNT] = {
#define OPTION(id, name, kind, member, with, argument, text)                                       \
    [OPTION_INDEX_##id] = {name, kind, offsetof(struct options, member), OPTION_##with},
#include "cli/options.def"
#undef OPTION
};

const struct option_text option_texts[OPTION_COUNT] = {
#define OPTION(id, name, kind, member, with, argument, text)                                       \
    [OPTION_INDEX_##id] = {name, argument, text, OPTION_##with},
#include "cli/options.def"
#undef OPTION
};

/* What getopt gives back for a long option is its index, past every letter. */
enum { INDEX_BASE = 256 };

static void fill_long_options(struct option to[OPTION_COUNT + 1])
{
    for (int i = 0; i < OPTION_COUNT; i++)
        to[i] = (struct option){.name = known_options[i].name,
                                .has_arg =
                                    known_options[i].kind == FLAG ? no_argument : required_argument,
                                .val = INDEX_BASE + i};
    to[OPTION_COUNT] = (struct option){.name = NULL};
}

/* Does it name a file with a secret in it? */
static bool is_key_file(const struct known_option *known)
{
    const ptrdiff_t i = known - known_options;

    return i == OPTION_INDEX_TOKEN_FILE || i == OPTION_INDEX_OTP_FILE || i == OPTION_INDEX_ROOT_KEY;
}

/* A descriptor number; nothing but digits. One that is not open yet would be a file of ours by the time that it is
 * used. */
static enum err parse_fd(const struct known_option *known, int *ret, struct errmsg *msg)
{
    char *end = NULL;
    long n;

    errno = 0;
    n = strtol(optarg, &end, 10);
    if (errno != 0 || end == optarg || *end != '\0' || n < 0 || n > INT_MAX ||
        fcntl((int)n, F_GETFD) < 0)
        return errmsg_set(msg, ERR_INVALID, "--%s takes the number of an open descriptor",
                          known->name);
    *ret = (int)n;
    return ERR_OK;
}

static enum err set(struct options *o, const struct known_option *known, struct errmsg *msg)
{
    char *member = (char *)o + known->offset;
    struct option_list *list;

    if (is_key_file(known) && leaks_instead_of_file(optarg))
        return errmsg_set(msg, ERR_INVALID,
                          "--%s takes the name of a file, not what stands in it: others can see "
                          "arguments (a file in this folder is ./NAME)",
                          known->name);
    switch (known->kind) {
    case TEXT:
        *(const char **)(void *)member = optarg;
        return ERR_OK;
    case FLAG:
        *(bool *)(void *)member = true;
        return ERR_OK;
    case FD:
        return parse_fd(known, (int *)(void *)member, msg);
    case LIST:
        break;
    }
    list = (struct option_list *)(void *)member;
    if (list->count == OPTION_LIST_MAX)
        return errmsg_set(msg, ERR_INVALID, "--%s at most %d times", known->name, OPTION_LIST_MAX);
    list->at[list->count++] = optarg;
    return ERR_OK;
}

/* The option as it was typed, without its value: that may be personal. */
static enum err refuse(char *argv[], int got, struct errmsg *msg)
{
    const char *typed = argv[optind - 1];
    int len = (int)strcspn(typed, "=");

    if (got == ':')
        return errmsg_set(msg, ERR_INVALID, "option %.*s needs an argument", len, typed);
    if (strncmp(typed, "--", 2) != 0)
        return errmsg_set(msg, ERR_INVALID, "unknown option -%c", optopt);
    if (leaks_by_name(typed + 2, (size_t)len - 2))
        return errmsg_set(msg, ERR_INVALID,
                          "unknown option %.*s: no secret is taken from an argument; access tokens "
                          "come from --token-file, one-time codes from --otp-file, passphrases "
                          "from --passphrase-fd or the terminal",
                          len, typed);
    return errmsg_set(msg, ERR_INVALID, "unknown option %.*s", len, typed);
}

char option_letter(enum option_index option)
{
    switch (option) {
    case OPTION_INDEX_CONFIG:
        return 'c';
    case OPTION_INDEX_HELP:
        return 'h';
    case OPTION_INDEX_REQUEST:
        return 'H';
    case OPTION_INDEX_OUTPUT:
        return 'o';
    default:
        return '\0';
    }
}

static int index_of(int got)
{
    for (int i = 0; i < OPTION_COUNT && got < INDEX_BASE; i++)
        if (option_letter((enum option_index)i) == got)
            return i;
    return got - INDEX_BASE;
}

enum err options_parse(int argc, char *argv[], uint64_t allowed, struct options *ret,
                       struct errmsg *msg)
{
    struct options o = {.ready_fd = -1, .passphrase_fd = -1};
    struct option long_options[OPTION_COUNT + 1];
    int got;

    fill_long_options(long_options);
    opterr = 0;
    optind = 0; /* glibc: start anew */
    while ((got = getopt_long(argc, argv, ":c:hH:o:", long_options, NULL)) != -1) {
        const struct known_option *known;
        enum err e;

        if (got == '?' || got == ':')
            return refuse(argv, got, msg);
        known = &known_options[index_of(got)];
        if (((allowed | OPTION_HELP) & known->with) == 0)
            return errmsg_set(msg, ERR_INVALID, "option --%s does not belong to this command",
                              known->name);
        e = set(&o, known, msg);
        if (e != ERR_OK)
            return e;
    }
    o.config_given = o.config != NULL;
    if (!o.config_given)
        o.config = "lethe.yaml";
    o.arguments = argv + optind;
    o.argument_count = (size_t)(argc - optind);
    *ret = o;
    return ERR_OK;
}
