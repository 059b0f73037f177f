/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as frames of the audit trail, and as lines of heads. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "vault/audit_frame_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(const struct audit_frame *frame)
{
    AUTO(buf_done) struct buf again = {.max = AUDIT_FRAME_MAX};
    struct audit_record record;
    struct audit_entry entry;
    const uint8_t *entries;

    if (audit_record_read(frame, &record, &entries) != ERR_OK)
        return;
    for (size_t i = 0; i < record.entry_count; i++)
        audit_entry_read(entries + i * AUDIT_ENTRY_BYTES, &entry);
    REQUIRE(entries + record.entry_count * AUDIT_ENTRY_BYTES <= frame->chain);
    record.entry_count = 0;
    REQUIRE(audit_record_encode(&record, &again) == ERR_OK); /* words are cut, never refused */
}

static void check_frames(const uint8_t *bytes, size_t size)
{
    struct audit_frame frame;
    struct audit_segment segment;
    struct audit_head head;
    size_t at = AUDIT_CHAIN_BYTES; /* of the chain before */

    while (at < size && audit_frame_read(bytes + at, size - at, &frame) == ERR_OK) {
        REQUIRE(frame.len <= size - at &&
                frame.chain + AUDIT_CHAIN_BYTES == frame.bytes + frame.len);
        (void)audit_frame_fits(&frame);
        check_record(&frame);
        (void)!audit_segment_read(&frame, &segment);
        (void)!audit_head_read(&frame, &head);
        at += frame.len;
    }
}

/* What is read is written the same. */
static void check_line(struct span line)
{
    AUTO(buf_done) struct buf again = {.max = 4096};
    uint8_t store[VAULT_ID_BYTES];
    struct audit_head head;

    if (audit_head_read_line(line, store, &head) != ERR_OK)
        return;
    REQUIRE(audit_head_write_line(store, &head, &again) == ERR_OK);
    REQUIRE(span_equal(buf_span(&again), line));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size + 1); /* a sanitizer sees a read behind the end */

    REQUIRE(exact != NULL);
    memcpy(exact, data, size);
    check_frames(exact, size);
    check_line(span_of(exact, size));
    free(exact);
    return 0;
}
