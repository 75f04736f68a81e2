/*
 * journal_run.c - test helper: a process that writes a journal, and can be killed at it.
 *
 *   journal_run write FOLDER BYTES SYNC KEEPER            records from standard input, 64 bytes
 *   each journal_run count FOLDER BYTES SYNC KEEPER N ACKS     N records of its own (0: until
 *   killed) journal_run blobs FOLDER BYTES SYNC KEEPER            blobs: kind, side, length (1 byte
 *   each), data
 *
 * Says at once, on a line, the number it goes on after and whether a torn record was cut; at its
 * end the number of the last record and the trouble it is in. What an append has returned 0 for is
 * stored in the 8 bytes of the file ACKS, mapped, after each record: no record up to there may ever
 * be lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "order/journal.h"

static int from_input(struct journal *j)
{
    struct pn_journal_record r;
    int rc = 0;
    while (rc == 0 && fread(&r, sizeof r, 1, stdin) == 1) {
        journal_at(j, r.now_ns, r.pos);
        rc = journal_append(j, &r);
        journal_keep(j);
    }
    return rc;
}

static int blobs(struct journal *j)
{
    uint8_t head[3], data[256];
    int rc = 0;
    while (rc == 0 && fread(head, sizeof head, 1, stdin) == 1) {
        if (fread(data, 1, head[2], stdin) != head[2])
            return -EIO;
        rc = journal_append_blob(j, head[0], head[1], UINT16_MAX, data, head[2]);
    }
    return rc;
}

static int counting(struct journal *j, uint64_t n, const char *acks)
{
    int fd = open(acks, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, 8) != 0)
        return -errno;
    volatile uint64_t *ack = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (ack == MAP_FAILED)
        return -errno;
    int rc = 0;
    for (uint64_t i = 0; rc == 0 && (!n || i < n); i++) {
        uint64_t seq = journal_seq(j) + 1;
        struct pn_journal_record r = {
            .kind = (uint8_t)(1 + seq % (PN_JR_KINDS - 1)),
            .side = (uint8_t)(seq & 1),
            .slot = (uint16_t)(seq % 1024),
            .qty = (uint32_t)seq * 7,
            .ref = (uint32_t)(seq >> 3),
            .u = {seq * 0x9e3779b97f4a7c15ull, ~seq, seq << 20},
        };
        journal_at(j, seq * 1000, seq / 2);
        rc = journal_append(j, &r);
        if (rc == 0)
            *ack = seq;
        journal_keep(j);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct error e = {0};
    struct journal *j;
    if (argc < 6)
        return 2;
    struct journal_options o = {
        .folder = argv[2],
        .file_bytes = strtoull(argv[3], NULL, 10),
        .sync = (uint32_t)atoi(argv[4]),
        .sync_ms = 1,
        .keeper = (uint32_t)atoi(argv[5]),
    };
    int rc = journal_open(&j, &o, &e);
    if (rc != 0) {
        fprintf(stderr, "%s\n", e.text);
        return -rc;
    }
    printf("%" PRIu64 " %" PRIu64 "\n", journal_seq(j), journal_torn(j));
    fflush(stdout);
    if (strcmp(argv[1], "write") == 0)
        rc = from_input(j);
    else if (strcmp(argv[1], "blobs") == 0)
        rc = blobs(j);
    else if (argc == 8)
        rc = counting(j, strtoull(argv[6], NULL, 10), argv[7]);
    struct pn_journal_record more = {.kind = PN_JR_END, .slot = UINT16_MAX};
    if (rc != 0 && (journal_append(j, &more) != rc || journal_append(j, &more) != rc))
        return 99; /* it must stay failed */
    printf("%" PRIu64 " %d\n", journal_seq(j), journal_trouble(j));
    journal_close(j);
    return -rc;
}
