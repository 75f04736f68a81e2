/*
 * live.h - the control segment for the control plane: made, kept alive and given commands through
 * these calls only, so that its layout is written in one place. Rules as in api.h.
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>

#include "shm/abi_control.h"
#endif

struct pn_control_writer;

/*
 * Creates the segment at path with cfg, or attaches to the one that is there if its configuration
 * is the same (-EBUSY otherwise). One writer at a time (-EALREADY while another one lives).
 */
struct pn_control_writer *pn_control_open(const char *path, const struct pn_live_config *cfg,
                                          char *err, uint64_t err_len);
/* Lets go; remove = 1 also removes the file. */
void pn_control_close(struct pn_control_writer *w, int remove);
/* The heartbeat, CLOCK_MONOTONIC. */
void pn_control_beat(struct pn_control_writer *w, uint64_t monotonic_ns);
/* Gives a command; returns its number, or a negative errno (-EAGAIN: the ring is full). */
int64_t pn_control_command(struct pn_control_writer *w, uint32_t kind, uint32_t shard,
                           const char *text);
/*
 * The trading half of the segment, for the functions of shm/trade.h. Its configuration is set
 * before the data plane starts and then stays.
 */
struct pn_trade_control *pn_control_trade(struct pn_control_writer *w);
/* Bounds of every field of a configuration; 0 or -EINVAL with what is wrong. */
int pn_live_config_check(const struct pn_live_config *cfg, char *err, uint64_t err_len);
/* Ports and the daemon of a state segment. */
struct pn_view;
int pn_view_port(const struct pn_view *view, uint32_t port, struct pn_port_status *out);
int pn_view_daemon(const struct pn_view *view, struct pn_daemon *out);
int pn_view_latency(const struct pn_view *view, struct pn_histogram *out);
