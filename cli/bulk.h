/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk jobs: a dump goes in and comes out with tokens in the place of values, or the other way round. Shared by the
 * files bulk_*.c; cmd_bulk.c is the command.
 *
 *   bulk_source   rows from a file, in groups: where values stand in them, all other bytes as they are
 *   bulk_ask      what becomes of a group's values: one request of the session
 *   bulk_render   the group's rows with that in place
 *   bulk_mark     how far a job has come, so that it can go on after a crash
 *   bulk_verify   the second pass */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"
#include "cli/csv.h"
#include "cli/session.h"
#include "proxy/token_scan.h"
#include "vault/classes.h"

struct fields;

enum {
    BULK_FIELDS_MAX = 64,
    BULK_GROUP_ROWS = 1000,
    BULK_GROUP_VALUES = 4000, /* no more rows once there are so many; one row has at most as many */
    BULK_GROUP_BYTES = 512 << 10,   /* of values; as long as a request may be, escapes and all */
    BULK_GROUP_RAW_BYTES = 4 << 20, /* of rows */
    BULK_ROW_MAX = 16 << 20,        /* a longer record is a quote that was never closed */
    BULK_OUTPUT_MAX = 256 << 20,    /* what one group may become */
    BULK_ANY = BULK_FIELDS_MAX,     /* instead of a field: a text that has tokens in it */
    BULK_KINDS = 3                  /* string, number, bool */
};

/* ---- what a job does ---- */

struct bulk_field {
    char *name; /* of the column, or the JSON path */
    char *class_name;
};

struct bulk_spec {
    bool ndjson; /* otherwise CSV */
    char delimiter;
    bool all_tokens;     /* reveal: every token that stands anywhere */
    const char *subject; /* tokenize: the column or path that says whose a row is; NULL: reveal */
    struct bulk_field fields[BULK_FIELDS_MAX];
    size_t field_count;
};

/* Add what --fields says, "email=email,phones=phone": what stands before the last "=" is a column's name or a
 * path, whose own commas stand between brackets or quotes. INVALID with a message. */
enum err bulk_spec_fields(struct bulk_spec *spec, const char *text, struct errmsg *msg) MUST_CHECK;
void bulk_spec_done(struct bulk_spec *spec);
/* The field that the subject is, too; BULK_ANY: none. */
size_t bulk_spec_subject_field(const struct bulk_spec *spec);
/* A digest of all that must not change between the parts of a job. */
void bulk_spec_digest(const struct bulk_spec *spec, const char *operation, const char *domain,
                      char ret[DIGEST_HEX_BYTES]);

/* ---- groups ---- */

/* A part of a value that is asked about: all of it, or a token that stands in it. Text is in the group's buffer. */
struct bulk_piece {
    size_t start, end; /* in the value's text */
    char state;        /* what the answer says of it; 0: it was not asked */
    bool replaced;
    bool literal;   /* JSON: what takes its place is no string */
    size_t at, len; /* what takes its place */
};

struct bulk_value {
    size_t start, end; /* in its row; a CSV field's or JSON string's quotes included */
    size_t at, len;    /* what it says, in the group's text */
    size_t field;      /* of the spec, or BULK_ANY */
    enum value_kind kind;
    bool quoted;
    size_t first, pieces; /* of the group's pieces */
};

struct bulk_row {
    size_t start, len;  /* in the source's window, line end included */
    uint64_t line;      /* where it begins, from 1 */
    bool plain;         /* a header or an empty line: passed on, and not counted */
    const char *wrong;  /* why it cannot be worked on, a literal; NULL: it can */
    size_t wrong_field; /* BULK_ANY: the row itself */
    size_t subject_at, subject_len;
    size_t first, count; /* of the group's values */
};

struct bulk_group {
    struct bulk_row *rows;
    size_t count, room;
    struct bulk_value *values;
    size_t value_count, value_room;
    struct bulk_piece *pieces;
    size_t piece_count, piece_room;
    struct buf text;  /* secret: values and what takes their place */
    size_t data_rows; /* rows that are counted */
};

void bulk_group_init(struct bulk_group *g);
void bulk_group_done(struct bulk_group *g);

/* ---- where rows come from ---- */

struct bulk_source {
    const struct bulk_spec *spec;
    const char *name; /* for messages */
    int fd;           /* the caller's */
    bool end;
    struct buf window; /* secret; the rows of the last group, then what was read ahead */
    size_t used;       /* bytes of the last group */
    uint64_t offset;   /* of the window in the file */
    uint64_t line;     /* of the next row */
    uint64_t rows;     /* counted so far */
    bool begun;        /* the header was read */
    struct csv_record record;
    size_t columns;                        /* that the header has */
    size_t column_of[BULK_FIELDS_MAX + 1]; /* of each field, then of the subject */
    struct fields *paths;
    struct token_scan tokens; /* all_tokens: what they end with, borrowed */
};

/* CONFIG with a message: a path that is none. */
enum err bulk_source_open(struct bulk_source *s, const struct bulk_spec *spec, int fd,
                          const char *name, struct errmsg *msg) MUST_CHECK;
void bulk_source_close(struct bulk_source *s);
/* Go on where a job was: reads the header again, then moves. */
enum err bulk_source_seek(struct bulk_source *s, uint64_t offset, uint64_t line, uint64_t rows,
                          struct errmsg *msg) MUST_CHECK;
/* The next rows: as many as one group has, or exactly `rows` (headers and empty lines, too) when that is not 0; at the
 * end fewer, or none. Which rows those are depends on the file alone. The group borrows from the window until the next call.
 * Errors with a message that names a line and no value: INVALID (it cannot be told where rows end; no such column),
 * CONFLICT (a column twice), TOO_LARGE, IO. */
enum err bulk_source_next(struct bulk_source *s, size_t rows, struct bulk_group *g,
                          struct errmsg *msg) MUST_CHECK;
/* A row's bytes. */
struct span bulk_row_bytes(const struct bulk_source *s, const struct bulk_row *row);
/* Where the rows of the last group end, in the file. */
uint64_t bulk_source_position(const struct bulk_source *s);

/* Rows of each format (bulk_csv.c, bulk_ndjson.c). Read the row at `start` of the window into the group: OK, or
 * NOT_FOUND when it goes on behind the window. */
enum err bulk_csv_row(struct bulk_source *s, size_t start, struct bulk_group *g, struct errmsg *msg)
    MUST_CHECK;
enum err bulk_ndjson_row(struct bulk_source *s, size_t start, struct bulk_group *g,
                         struct errmsg *msg) MUST_CHECK;
enum err bulk_ndjson_open(struct bulk_source *s, struct errmsg *msg) MUST_CHECK;

/* Build a group. */
struct bulk_row *bulk_add_row(struct bulk_group *g, size_t start, size_t len, uint64_t line);
/* The value that was just appended to the group's text from `at` on, with one piece that is all of it; or, where tokens
 * are looked for, one for each token in it, and nothing at all when there is none. Text that is no UTF-8 makes the
 * row wrong. */
enum err bulk_add_value(struct bulk_source *s, struct bulk_group *g, struct bulk_row *row,
                        const struct bulk_value *value) MUST_CHECK;
/* What a row says whose it is, from `at` of the text on. */
void bulk_set_subject(struct bulk_group *g, struct bulk_row *row, size_t at);
/* The first thing that is wrong with a row counts. */
void bulk_row_wrong(struct bulk_row *row, const char *why, size_t field);

extern const char bulk_wrong_subject[], bulk_wrong_format[], bulk_wrong_long[];

/* ---- what becomes of values ---- */

enum bulk_policy { BULK_STOP, BULK_SKIP, BULK_KEEP }; /* rows that cannot be worked on */
enum bulk_erased { BULK_ERASED_EMPTY, BULK_ERASED_KEEP, BULK_ERASED_MARKER };

#define BULK_COUNTS(X)                                                                             \
    X(rows)     /* rows that were read */                                                          \
    X(values)   /* tokenize: given a token; reveal: shown */                                       \
    X(tokens)   /* tokenize: values that were tokens already */                                    \
    X(others)   /* reveal: texts of named fields that are no tokens */                             \
    X(erased)   /* reveal: tokens that stand for nothing (any more) */                             \
    X(withheld) /* reveal: under a legal hold, restricted, or objected to */                       \
    X(wrong)    /* rows that could not be worked on */

struct bulk_counts {
#define X(name) uint64_t name;
    BULK_COUNTS(X)
#undef X
};

struct bulk_ask {
    struct session *session;
    const struct bulk_spec *spec;
    const char *job;              /* hexadecimal */
    uint64_t group;               /* the number of this one */
    const char *domain, *purpose; /* NULL: none */
    enum bulk_policy policy;
    enum bulk_erased erased;
};

/* Give the group's values tokens, durably. A row that is refused becomes wrong; under BULK_STOP *ret_stored is false
 * then, and nothing of the group is stored. */
enum err bulk_tokenize_group(const struct bulk_ask *ask, struct bulk_group *g,
                             struct bulk_counts *counts, bool *ret_stored, struct errmsg *msg)
    MUST_CHECK;
/* Give the group's tokens their values. */
enum err bulk_reveal_group(const struct bulk_ask *ask, struct bulk_group *g,
                           struct bulk_counts *counts, struct errmsg *msg) MUST_CHECK;
/* "columns" of a request: each field as each kind, then one of no class. */
struct json *bulk_columns(const struct bulk_spec *spec);
int64_t bulk_column_number(const struct bulk_spec *spec, const struct bulk_value *value);

/* Is a row passed on? */
bool bulk_is_written(const struct bulk_row *row, enum bulk_policy policy);
/* A row with what takes the place of its pieces, appended. */
enum err bulk_render(const struct bulk_source *s, const struct bulk_group *g,
                     const struct bulk_row *row, struct buf *out) MUST_CHECK;

/* ---- how far a job has come ---- */

struct bulk_mark {
    char job[33];
    char settings[DIGEST_HEX_BYTES]; /* bulk_spec_digest() */
    enum bulk_policy policy;
    bool written; /* all rows are: what is left is to look at them again */
    uint64_t group;
    uint64_t in_offset, in_line, in_size;
    int64_t in_mtime_ns;
    uint64_t out_offset, rejects_offset;
    char in_digest[DIGEST_HEX_BYTES],
        out_digest[DIGEST_HEX_BYTES]; /* of what lies before the offsets */
    struct bulk_counts counts;
};

/* The file is replaced as a whole, and on the medium when this returns. IO. */
enum err bulk_mark_write(const char *path, const struct bulk_mark *mark) MUST_CHECK;
/* NOT_FOUND, IO; CORRUPT: not what bulk_mark_write() writes. */
enum err bulk_mark_read(const char *path, struct bulk_mark *ret) MUST_CHECK;
/* The directory that holds a file, on the medium. */
enum err bulk_sync_folder(const char *path) MUST_CHECK;
/* Digests of values are keyed, so that nobody can try values on them. */
void bulk_digest_begin(struct digest *d, const char *key);
/* What was added so far; adding goes on. */
void bulk_digest_now(const struct digest *d, char ret[DIGEST_HEX_BYTES]);

/* ---- the second pass ---- */

struct bulk_verified {
    uint64_t rows, values;
    uint64_t unequal;   /* rows that are not what they should be */
    uint64_t withheld;  /* values that cannot be compared, since nobody may see them now */
    uint64_t lines[10]; /* of OUT: the first rows that are unequal */
};

/* Hold what was written against what it was made of. in, out: at their beginnings. rejects: numbers of lines that were left out,
 * -1: none. With a purpose the tokens of IN are revealed once more; otherwise no value is shown to anybody. */
enum err bulk_verify(const struct bulk_ask *ask, struct bulk_source *in, struct bulk_source *out,
                     int rejects, struct bulk_verified *ret, struct errmsg *msg) MUST_CHECK;

/* ---- a job ---- */

struct bulk_job {
    struct bulk_spec spec;
    const char *in_path, *out_path; /* NULL: standard input and output */
    const char *mark_path;          /* NULL: OUT.progress */
    bool reveal, resume, verify_only, no_verify;
    bool report_progress; /* also where standard error is no terminal */
    uint64_t rate;        /* rows a second; 0: as fast as it goes */
    struct bulk_ask ask;
};

/* Carry a job out: both passes, as far as they are asked for. ret_verified->rows is 0 without the second one. Errors
 * with a message that says how to go on; what was written until then stays, and *ret says how much it was.
 * Blocks. */
enum err bulk_job_run(struct bulk_job *job, struct bulk_counts *ret,
                      struct bulk_verified *ret_verified, struct errmsg *msg) MUST_CHECK;
