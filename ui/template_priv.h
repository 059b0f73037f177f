/* SPDX-License-Identifier: Apache-2.0 */
/* Templates as they are kept, and the part of HTML that parsing them follows. */
#pragma once

#include "ui/template.h"

enum node_kind { NODE_LITERAL, NODE_VALUE, NODE_SECTION, NODE_INVERTED, NODE_PARTIAL };
enum node_verb { VERB_PLAIN, VERB_DATE, VERB_INSTANT, VERB_COUNT, VERB_PERIOD, VERB_T, VERB_N };
/* Where a value stands. */
enum node_place { PLACE_TEXT, PLACE_ATTRIBUTE, PLACE_ADDRESS };

struct node {
    enum node_kind kind;
    enum node_verb verb;
    enum node_place place;
    bool optional;
    struct span text; /* the literal, the name, the partial's name, or the key */
    struct span name; /* VERB_T, VERB_N: of the value; at is NULL: none */
    size_t end;       /* of sections: the node behind them */
};

struct template
{
    const char *name;
    struct node *nodes;
    size_t count;
};

struct template_set {
    struct template *templates;
    size_t count;
};

const struct template *template__find(const struct template_set *set, struct span name);

/* ---- HTML, as far as it matters (ui/template_html.c) ---- */

enum html_at { HTML_TEXT, HTML_TAG, HTML_VALUE };

struct html {
    enum html_at at;
    char tag[16];       /* its name, lower case, a "/" in front of an end tag's */
    char attribute[24]; /* the one that HTML_VALUE is of, or that was read last */
    bool tag_ended;     /* the tag's name is over */
    bool after_equals;
    bool attribute_over; /* a section has ended behind it: nothing may follow it */
    bool script;         /* inside of one, which must be empty */
    bool is_address;     /* HTML_VALUE: the attribute holds one */
    size_t begun;        /* bytes of the value so far */
    char start[4];       /* the first of them */
};

/* Go over literal text. INVALID with a message: markup that this does not follow, or that has no place in a page
 * under a strict content security policy. */
enum err html__literal(struct html *h, struct span text, struct errmsg *msg) MUST_CHECK;
/* A value stands here. INVALID: none may. */
enum err html__value(struct html *h, enum node_place *ret, struct errmsg *msg) MUST_CHECK;
/* A section ends that began at `opened`: can what is between them be left out and repeated? False: no. */
bool html__end_section(const struct html *opened, struct html *h);
