/* SPDX-License-Identifier: Apache-2.0 */
/* Where in HTML a template stands.
 * Runs on: any thread. Holds: nothing. Invariant: what is not understood is refused, so that a value is only put
 * where its escaping is right. Not here: templates (ui/template_parse.c). */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "ui/template_priv.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t';
}

static bool is_name(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == ':' || c == '_';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

static enum err add_char(char *text, size_t size, char c, struct errmsg *msg)
{
    const size_t len = strlen(text);

    if (len + 1 >= size)
        return errmsg_set(msg, ERR_INVALID, "a name of a tag or attribute is too long");
    text[len] = lower(c);
    text[len + 1] = '\0';
    return ERR_OK;
}

static enum err in_text(struct html *h, char c, struct errmsg *msg)
{
    if (c != '<' && h->script && !is_space(c))
        return errmsg_set(msg, ERR_INVALID, "a script holds text of its own");
    if (c == '<') {
        h->at = HTML_TAG;
        h->tag[0] = h->attribute[0] = '\0';
        h->tag_ended = h->after_equals = false;
    }
    return ERR_OK;
}

/* The name of a tag is known. */
static enum err end_tag_name(struct html *h, struct errmsg *msg)
{
    static const char *const refused[] = {"style",  "iframe",    "object",   "embed",
                                          "applet", "base",      "noscript", "template",
                                          "xmp",    "plaintext", NULL};
    const bool odd = h->tag[0] == '\0' || (h->tag[0] == '!' && strcmp(h->tag, "!doctype") != 0);

    h->tag_ended = true;
    if (odd || is_one_of(h->tag, refused))
        return errmsg_set(msg, ERR_INVALID, "the tag <%s> has no place in a page", h->tag);
    if (h->script && strcmp(h->tag, "/script") != 0)
        return errmsg_set(msg, ERR_INVALID, "a script holds text of its own");
    return ERR_OK;
}

static enum err begin_value(struct html *h, struct errmsg *msg)
{
    static const char *const addresses[] = {"href",   "src",  "action", "formaction",
                                            "poster", "cite", NULL};
    static const char *const refused[] = {"style", "srcdoc", "srcset", NULL};

    if (!h->after_equals || h->attribute[0] == '\0')
        return errmsg_set(msg, ERR_INVALID, "a quotation mark stands where none belongs");
    if (is_one_of(h->attribute, refused) || strncmp(h->attribute, "on", 2) == 0)
        return errmsg_set(msg, ERR_INVALID, "the attribute %s has no place in a page",
                          h->attribute);
    h->at = HTML_VALUE;
    h->is_address = is_one_of(h->attribute, addresses);
    h->begun = 0;
    h->after_equals = false;
    return ERR_OK;
}

static enum err in_tag(struct html *h, char c, struct errmsg *msg)
{
    enum err e = ERR_OK;

    if (!h->tag_ended && !is_space(c) && c != '>')
        return is_name(c) || c == '/' || c == '!'
                   ? add_char(h->tag, sizeof(h->tag), c, msg)
                   : errmsg_set(msg, ERR_INVALID, "a tag's name holds an odd character");
    if (!h->tag_ended)
        e = end_tag_name(h, msg);
    if (e != ERR_OK)
        return e;
    if (h->attribute_over && !is_space(c) && c != '>' && c != '/')
        return errmsg_set(msg, ERR_INVALID, "an attribute goes on behind a section");
    h->attribute_over = false;
    if (h->after_equals && c != '"')
        return errmsg_set(msg, ERR_INVALID, "an attribute's value is not in double quotes");
    if (c == '>') {
        h->at = HTML_TEXT;
        h->script = strcmp(h->tag, "script") == 0;
    } else if (c == '"') {
        e = begin_value(h, msg);
    } else if (c == '=') {
        h->after_equals = true;
    } else if (is_space(c)) {
        h->attribute[0] = '\0';
    } else if (is_name(c)) {
        e = add_char(h->attribute, sizeof(h->attribute), c, msg);
    } else if (c != '/') {
        e = errmsg_set(msg, ERR_INVALID, "a tag holds an odd character");
    }
    return e;
}

static void in_value(struct html *h, char c)
{
    if (c == '"') {
        h->at = HTML_TAG;
        h->attribute[0] = '\0';
        return;
    }
    if (h->begun < sizeof(h->start))
        h->start[h->begun] = c;
    h->begun++;
}

enum err html__literal(struct html *h, struct span text, struct errmsg *msg)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < text.len && e == ERR_OK; i++) {
        switch (h->at) {
        case HTML_TEXT:
            e = in_text(h, text.at[i], msg);
            break;
        case HTML_TAG:
            e = in_tag(h, text.at[i], msg);
            break;
        case HTML_VALUE:
            in_value(h, text.at[i]);
            break;
        }
    }
    return e;
}

static bool is_own_address(const struct html *h)
{
    return (h->begun >= 4 && memcmp(h->start, "/ui/", 4) == 0) ||
           (h->begun >= 1 && (h->start[0] == '?' || h->start[0] == '#'));
}

enum err html__value(struct html *h, enum node_place *ret, struct errmsg *msg)
{
    if (h->at == HTML_TAG || h->script)
        return errmsg_set(msg, ERR_INVALID, "a value stands in a tag, and in no quotes there");
    if (h->at == HTML_VALUE && h->is_address && !is_own_address(h))
        return errmsg_set(msg, ERR_INVALID, "an address must begin with \"/ui/\", \"?\" or \"#\"");
    *ret = h->at == HTML_TEXT ? PLACE_TEXT : h->is_address ? PLACE_ADDRESS : PLACE_ATTRIBUTE;
    return ERR_OK;
}

/* Whole attributes, with or without a value. */
static bool ends_in_tag(const struct html *opened, struct html *h)
{
    if (!opened->tag_ended || opened->after_equals || h->after_equals ||
        opened->attribute[0] != '\0' || strcmp(opened->tag, h->tag) != 0)
        return false;
    h->attribute_over = h->attribute[0] != '\0';
    h->attribute[0] = '\0';
    return true;
}

bool html__end_section(const struct html *opened, struct html *h)
{
    if (opened->at != h->at || opened->script != h->script)
        return false;
    if (h->at == HTML_TAG)
        return ends_in_tag(opened, h);
    return h->at == HTML_TEXT || (strcmp(opened->attribute, h->attribute) == 0 &&
                                  (!h->is_address || is_own_address(opened) == is_own_address(h)));
}
