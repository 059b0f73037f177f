/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's options, on getopt_long.
 * Runs on: the main thread (getopt keeps globals). Holds: nothing. Not here: what commands do. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The value getopt gives back for an option is its bit; those that are no bit of a command's stand
 * outside: -h is always one, --passphrase-fd comes with --config. */
enum {
    OPTION_HELP = 1 << 20,
    OPTION_PASSPHRASE_FD = 1 << 21,
    OPTION_CALLER = 1 << 22, /* these two come with OPTION_REQUEST */
    OPTION_PURPOSE = 1 << 23
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"class", required_argument, NULL, OPTION_CLASS},
    {"subject", required_argument, NULL, OPTION_SUBJECT},
    {"domain", required_argument, NULL, OPTION_DOMAIN},
    {"reason", required_argument, NULL, OPTION_REASON},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"ready-fd", required_argument, NULL, OPTION_READY_FD},
    {"progress", no_argument, NULL, OPTION_PROGRESS},
    {"passphrase-fd", required_argument, NULL, OPTION_PASSPHRASE_FD},
    {"data", required_argument, NULL, OPTION_DATA},
    {"keys", required_argument, NULL, OPTION_KEYS},
    {"ledger", required_argument, NULL, OPTION_LEDGER},
    {"replace", no_argument, NULL, OPTION_REPLACE},
    {"token", required_argument, NULL, OPTION_TOKEN},
    {"reference", required_argument, NULL, OPTION_REFERENCE},
    {"key", required_argument, NULL, OPTION_KEY},
    {"store", required_argument, NULL, OPTION_STORE},
    {"root-key", required_argument, NULL, OPTION_ROOT_KEY},
    {"ground", required_argument, NULL, OPTION_GROUND},
    {"header", required_argument, NULL, OPTION_REQUEST},
    {"caller", required_argument, NULL, OPTION_CALLER},
    {"purpose", required_argument, NULL, OPTION_PURPOSE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static const char *name_of(int bit)
{
    for (size_t i = 0; long_options[i].name != NULL; i++) {
        if (long_options[i].val == bit)
            return long_options[i].name;
    }
    return "?";
}

/* A descriptor number; nothing but digits. */
static enum err parse_fd(const char *text, int bit, int *ret, struct errmsg *msg)
{
    char *end = NULL;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < 0 || n > INT_MAX)
        return errmsg_set(msg, ERR_INVALID, "--%s takes the number of an open descriptor",
                          name_of(bit));
    *ret = (int)n;
    return ERR_OK;
}

static enum err set(struct options *o, int bit, struct errmsg *msg)
{
    switch (bit) {
    case OPTION_CONFIG:
        o->config = optarg;
        o->config_given = true;
        break;
    case OPTION_CLASS:
        o->class_name = optarg;
        break;
    case OPTION_SUBJECT:
        o->subject = optarg;
        break;
    case OPTION_DOMAIN:
        o->domain = optarg;
        break;
    case OPTION_GROUND:
        o->ground = optarg;
        break;
    case OPTION_REASON:
        o->reason = optarg;
        break;
    case OPTION_DATA:
        o->data = optarg;
        break;
    case OPTION_KEYS:
        o->keys = optarg;
        break;
    case OPTION_LEDGER:
        o->ledger = optarg;
        break;
    case OPTION_REPLACE:
        o->replace = true;
        break;
    case OPTION_FORMAT:
        o->format = optarg;
        break;
    case OPTION_REFERENCE:
        o->reference = optarg;
        break;
    case OPTION_KEY:
        o->key = optarg;
        break;
    case OPTION_STORE:
        o->store = optarg;
        break;
    case OPTION_ROOT_KEY:
        o->root_key = optarg;
        break;
    case OPTION_TOKEN:
        o->token = optarg;
        break;
    case OPTION_JSON:
        o->json = true;
        break;
    case OPTION_REQUEST:
        if (o->header_count == OPTION_HEADERS_MAX)
            return errmsg_set(msg, ERR_INVALID, "at most %d headers", OPTION_HEADERS_MAX);
        o->headers[o->header_count++] = optarg;
        break;
    case OPTION_CALLER:
        o->caller = optarg;
        break;
    case OPTION_PURPOSE:
        o->purpose = optarg;
        break;
    case OPTION_READY_FD:
        return parse_fd(optarg, bit, &o->ready_fd, msg);
    case OPTION_PASSPHRASE_FD:
        return parse_fd(optarg, bit, &o->passphrase_fd, msg);
    case OPTION_PROGRESS:
        o->progress = true;
        break;
    default:
        o->help = true;
        break;
    }
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
    return errmsg_set(msg, ERR_INVALID, "unknown option %.*s", len, typed);
}

enum err options_parse(int argc, char *argv[], unsigned allowed, struct options *ret,
                       struct errmsg *msg)
{
    struct options o = {.config = "lethe.yaml", .ready_fd = -1, .passphrase_fd = -1};
    int got, needed;

    opterr = 0;
    optind = 0; /* glibc: start anew */
    while ((got = getopt_long(argc, argv, ":c:hH:", long_options, NULL)) != -1) {
        enum err e;

        if (got == '?' || got == ':')
            return refuse(argv, got, msg);
        if (got == 'c')
            got = OPTION_CONFIG;
        if (got == 'h')
            got = OPTION_HELP;
        if (got == 'H')
            got = OPTION_REQUEST;
        needed = got == OPTION_PASSPHRASE_FD                     ? OPTION_CONFIG
                 : got == OPTION_CALLER || got == OPTION_PURPOSE ? OPTION_REQUEST
                                                                 : got;
        if (got != OPTION_HELP && (allowed & (unsigned)needed) == 0)
            return errmsg_set(msg, ERR_INVALID, "option --%s does not belong to this command",
                              name_of(got));
        e = set(&o, got, msg);
        if (e != ERR_OK)
            return e;
    }
    o.arguments = argv + optind;
    o.argument_count = (size_t)(argc - optind);
    *ret = o;
    return ERR_OK;
}
