/*
 * pcapng_write.h - writes pcapng files (draft-ietf-opsawg-pcapng): one section, Ethernet interfaces
 * with ns timestamps, Enhanced Packet Blocks. Writes through a buffer of its own; not for the path.
 *
 * Each interface says in its description which input its frames came from (PCAPNG_INPUT and the
 * number); the reader, pcapng.c, gives frames of such an interface that input number, so a replay
 * tells lines apart as the live run did.
 */
#ifndef PN_IO_PCAPNG_WRITE_H
#define PN_IO_PCAPNG_WRITE_H

#include "io/io.h"

#define PCAPNG_INPUT "pinnacle input "

struct pcapng_interface {
    const char *name;
    uint16_t input; /* up to IO_INPUT_RECOVERY, each once */
};

struct pcapng_writer;

/* Creates the file (mode 0640), never over another one's: -EEXIST. */
int pcapng_create(struct pcapng_writer **out, const char *path,
                  const struct pcapng_interface *interface, uint32_t interfaces, struct error *e);
/* One frame; -EINVAL if its input has no interface or its link is not Ethernet. Errors of the file
 * stick: after the first one nothing more is written. */
int pcapng_write(struct pcapng_writer *w, const struct io_frame *frame);
/* Hands the buffer to the kernel. */
int pcapng_flush(struct pcapng_writer *w);
/* Size of the file, buffer included. */
uint64_t pcapng_bytes(const struct pcapng_writer *w);
/* 0, or the first error. */
int pcapng_close(struct pcapng_writer *w, struct error *e);

#endif
