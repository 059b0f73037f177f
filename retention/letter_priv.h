/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of letters (letter_texts.c). In braces stands what is filled in: {number}, {received}, {due},
 * {rights}, {receipt}, {executed}, {until}, {class}, {law}, {reason}. */
#pragma once

#include "retention/letter.h"
#include "retention/request_states.h"

enum letter_piece {
    PIECE_SUBJECT,
    PIECE_GREETING,
    PIECE_RECEIPT,
    PIECE_IDENTITY,
    PIECE_EXTENSION_COMPLEXITY,
    PIECE_EXTENSION_NUMBER,
    PIECE_GRANTED,
    PIECE_PARTLY,
    PIECE_REFUSED,
    PIECE_NOT_IDENTIFIABLE,
    PIECE_WITHDRAWN,
    PIECE_ERASED,
    PIECE_NOTHING_LEFT,
    PIECE_BACKUPS_UNTIL,   /* copies may remain, until a day that is known */
    PIECE_BACKUPS_UNKNOWN, /* ... that is not */
    PIECE_DONE,
    PIECE_RIGHT_REFUSED,
    PIECE_KEPT,
    PIECE_LAW,
    PIECE_RECIPIENTS_TOLD,
    PIECE_RECIPIENTS_ON_REQUEST, /* that they were told is not known */
    PIECE_COMPLAINT,             /* Art. 77, 79 */
    PIECE_CLOSING,
    PIECE_COUNT
};

const char *letter__piece(enum letter_piece piece, enum letter_lang lang);
const char *letter__right(enum request_right right, enum letter_lang lang);
/* Why a right was refused or values are kept, as the end of a sentence; "" for a code without one. */
const char *letter__reason(struct span code, enum letter_lang lang);
const char *letter__month(int month, enum letter_lang lang);
