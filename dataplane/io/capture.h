/*
 * capture.h - what the readers of the capture formats (pcap.c, pcapng.c, raw_itch.c) share: the
 * head of their port, how an input ends, and how each is recognised and opened. Not for use
 * outside dataplane/io and its tests.
 */
#ifndef PN_IO_CAPTURE_H
#define PN_IO_CAPTURE_H

#include "io/io.h"
#include "io/source.h"

/* Head of every reader's port; the reader owns the source once it is open. */
struct capture {
    struct io_port port;
    struct source *src;
    struct io_stats stats;
};

/* Recognises the format of a source and opens its reader. On failure the source stays the
 * caller's. name is for messages. */
int capture_open(struct io_port **out, struct source *src, uint16_t input, const char *name,
                 struct error *e);

/* The input ends here for the given reason. */
void capture_stop(struct capture *c, enum pn_reason reason);
/* The source has no more bytes: clean, cut inside a record, or damaged. */
void capture_end(struct capture *c);
/* The source ended inside a record that was being stepped over. */
void capture_cut(struct capture *c);
void capture_stats(struct io_port *port, struct io_stats *out);
void capture_close(struct io_port *port);

/* Capture link types (tcpdump.org/linktypes.html) as enum io_link. */
uint16_t capture_link(uint32_t linktype);

/* n is what there is of the beginning of the input. */
bool pcap_recognise(const uint8_t *p, size_t n);
bool pcapng_recognise(const uint8_t *p, size_t n);
bool raw_itch_recognise(const uint8_t *p, size_t n);

int pcap_open(struct io_port **out, struct source *src, uint16_t input, const char *name,
              struct error *e);
int pcapng_open(struct io_port **out, struct source *src, uint16_t input, const char *name,
                struct error *e);
int raw_itch_open(struct io_port **out, struct source *src, uint16_t input, const char *name,
                  struct error *e);

#endif
