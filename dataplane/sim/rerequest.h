/*
 * rerequest.h - a MoldUDP64 re-request server for labs and tests: the messages of a capture by
 * sequence number, served over UDP, with faults from a seed. One thread.
 *
 * A request is session[10], sequence u64, count u16; the answer is a downstream packet with the
 * first of the messages asked for, as many whole ones as fit. What it does not have is not
 * answered.
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>
#endif

struct pn_rerequest_config {
    uint64_t seed;
    uint32_t address_be; /* to listen on, network order */
    uint16_t port;       /* 0: any, see pn_rerequest_port */
    uint16_t reserved;
    uint32_t payload_max; /* bytes of an answer, header included */
    uint32_t any_loop;    /* 1: also sessions that differ in their trailing digits only */
    uint32_t lose_ppm;    /* answers not sent */
    uint32_t refuse_ppm;  /* answers that carry another session, as a server that refuses */
    uint32_t damage_ppm;  /* answers with a wrong length, number or end */
    uint32_t double_ppm;  /* answers sent twice */
    uint32_t late_ppm;    /* answers sent after the next one */
    uint32_t reserved2;
    char session[16]; /* of a raw ITCH file, up to ten characters; otherwise as in the capture */
};

struct pn_rerequest_stats {
    uint64_t messages; /* that can be served */
    uint64_t last_seq;
    uint64_t requests; /* well-formed ones */
    uint64_t bad_requests;
    uint64_t unknown; /* of another session, or of messages that are not there */
    uint64_t answers; /* datagrams sent */
    uint64_t answered_messages;
    uint64_t faults; /* answers harmed */
};

struct pn_rerequest;

void pn_rerequest_config_default(struct pn_rerequest_config *cfg);
/* Reads the whole file; with address_be 0 no socket is opened. */
struct pn_rerequest *pn_rerequest_open(const struct pn_rerequest_config *cfg, const char *path,
                                       char *err, uint64_t err_len);
void pn_rerequest_close(struct pn_rerequest *server);
uint16_t pn_rerequest_port(const struct pn_rerequest *server);
/* Serves for so long; how many requests came, or a negative errno. */
int pn_rerequest_serve(struct pn_rerequest *server, uint32_t timeout_ms);
/* The answer to one request, without faults; its length, 0 = none. out: payload_max bytes. */
uint32_t pn_rerequest_answer(struct pn_rerequest *server, const uint8_t *request, uint64_t bytes,
                             uint8_t *out);
void pn_rerequest_stats(const struct pn_rerequest *server, struct pn_rerequest_stats *out);
