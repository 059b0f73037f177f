/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the command line, as options.def lists them. No option takes a key or a password: those
 * come from files. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { OPTION_LIST_MAX = 64 };

struct option_list {
    const char *at[OPTION_LIST_MAX];
    size_t count;
};

enum option_index {
#define OPTION(id, name, kind, member, with, argument, text) OPTION_INDEX_##id,
#include "cli/options.def"
#undef OPTION
    OPTION_COUNT
};

/* Which options a command takes; -h is always one. Those that go along with another one have no bit of their own. */
enum option_bit_index {
#define OPTION(id, name, kind, member, with, argument, text) OPTION_BIT_##id,
#define OPTION_ALSO(id, name, kind, member, with, argument, text)
#include "cli/options.def"
#undef OPTION
    OPTION_BIT_COUNT
};

enum option_bits {
#define OPTION(id, name, kind, member, with, argument, text)                                       \
    OPTION_##id = UINT64_C(1) << OPTION_BIT_##id,
#define OPTION_ALSO(id, name, kind, member, with, argument, text)
#include "cli/options.def"
#undef OPTION
};

#define OPTION_KIND_TEXT const char *
#define OPTION_KIND_FD   int
#define OPTION_KIND_FLAG bool
#define OPTION_KIND_LIST struct option_list

/* Texts are NULL, descriptors -1, flags false unless given; config is "lethe.yaml" then. */
struct options {
#define OPTION(id, name, kind, member, with, argument, text) OPTION_KIND_##kind member;
#include "cli/options.def"
#undef OPTION
    bool config_given;
    char *const *arguments; /* what is left */
    size_t argument_count;
};

/* Read argv[1..] of a command (argv[0] is its name; getopt reorders argv). INVALID with a message:
 * an option that does not exist, that this command does not take, or without its argument. Strings
 * are borrowed from argv. One thread. */
enum err options_parse(int argc, char *argv[], uint64_t allowed, struct options *ret,
                       struct errmsg *msg) MUST_CHECK;

/* What the manual and completion say of an option; options.def. */
struct option_text {
    const char *name;
    const char *argument; /* "" when it takes none */
    const char *text;
    uint64_t with; /* a command that takes this bit takes the option */
};
extern const struct option_text option_texts[OPTION_COUNT];
/* Its letter; 0 when it has none. */
char option_letter(enum option_index option);
