/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the command line. No option takes a key or a password: those come from files. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Which options a command takes; -h is always one. */
enum option_bits {
    OPTION_CONFIG = 1 << 0,     /* -c, --config FILE */
    OPTION_CLASS = 1 << 1,      /* --class NAME */
    OPTION_SUBJECT = 1 << 2,    /* --subject ID */
    OPTION_DOMAIN = 1 << 3,     /* --domain NAME */
    OPTION_REASON = 1 << 4,     /* --reason TEXT */
    OPTION_FORMAT = 1 << 5,     /* --format table|json|csv */
    OPTION_JSON = 1 << 6,       /* --json */
    OPTION_READY_FD = 1 << 7,   /* --ready-fd N */
    OPTION_TOKEN = 1 << 8,      /* --token TOKEN */
    OPTION_PROGRESS = 1 << 9,   /* --progress */
    OPTION_DATA = 1 << 10,      /* --data PATH */
    OPTION_KEYS = 1 << 11,      /* --keys PATH */
    OPTION_LEDGER = 1 << 12,    /* --ledger FILE */
    OPTION_REPLACE = 1 << 13,   /* --replace */
    OPTION_REFERENCE = 1 << 14, /* --reference TEXT */
    OPTION_KEY = 1 << 15,       /* --key FILE */
    OPTION_STORE = 1 << 16,     /* --store DIR */
    OPTION_ROOT_KEY = 1 << 17,  /* --root-key PROVIDER */
    OPTION_REQUEST =
        1 << 19,             /* -H, --header "Name: value" (repeated), --caller NAME, --purpose P */
    OPTION_GROUND = 1 << 18, /* --ground a|b|c|d|e|f */
};

enum { OPTION_HEADERS_MAX = 64 };

struct options {
    const char *config; /* "lethe.yaml" unless given */
    const char *class_name;
    const char *subject;
    const char *domain;
    const char *ground;
    const char *reason;
    const char *reference;
    const char *key;
    const char *store;
    const char *root_key;
    const char *token;
    const char *format;
    const char *data;
    const char *keys;
    const char *ledger;
    int ready_fd;      /* -1 */
    int passphrase_fd; /* -1; belongs to every command that takes a configuration */
    const char *headers[OPTION_HEADERS_MAX]; /* of a request */
    size_t header_count;
    const char *caller;
    const char *purpose;
    bool config_given;
    bool progress;
    bool replace;
    bool json;
    bool help;
    char *const *arguments; /* what is left */
    size_t argument_count;
};

/* Read argv[1..] of a command (argv[0] is its name; getopt reorders argv). INVALID with a message:
 * an option that does not exist, that this command does not take, or without its argument. Strings
 * are borrowed from argv. One thread. */
enum err options_parse(int argc, char *argv[], unsigned allowed, struct options *ret,
                       struct errmsg *msg) MUST_CHECK;
