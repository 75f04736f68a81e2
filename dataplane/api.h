/*
 * api.h - libpinnacle for its callers: the functions, in terms of shm/abi.h. Cold functions return
 * 0 or a negative errno with a message in err (of err_len bytes, always NUL terminated).
 * An engine belongs to one thread. A view may be used by any process while a writer runs.
 */
#ifndef ABI_CDEF
#pragma once
#include <stdint.h>

#include "shm/abi.h"
#include "shm/abi_control.h"
#endif

struct pn_engine;
struct pn_view;

/* Defaults for cfg; every field is set. */
void pn_config_default(struct pn_config *cfg);
/* Reserves all memory. path names the state segment; NULL keeps it private to this process. */
struct pn_engine *pn_engine_open(const struct pn_config *cfg, const char *path, char *err,
                                 uint64_t err_len);
void pn_engine_close(struct pn_engine *engine);
/* Declares a channel; without any, flows are recognised by themselves. */
int pn_engine_add_channel(struct pn_engine *engine, const struct pn_channel_config *channel,
                          char *err, uint64_t err_len);
/* Inputs in the order of their numbers, before the first run: capture files ("-": stdin) ... */
int pn_engine_add_file(struct pn_engine *engine, const char *path, char *err, uint64_t err_len);
/* ... or live ports, whose frames carry the time given by set_now where the device has none ... */
int pn_engine_add_port(struct pn_engine *engine, const struct pn_port_config *cfg, char *err,
                       uint64_t err_len);
void pn_engine_set_now(struct pn_engine *engine, uint64_t now_ns);
/* What a live port says of itself; -ENOENT for other inputs. */
int pn_engine_port_status(struct pn_engine *engine, uint32_t input, struct pn_port_status *out);
/* ... or one memory port, fed by push until finish. link is enum io_link (0 Ethernet, 5 blocks). */
int pn_engine_add_memory(struct pn_engine *engine, uint64_t bytes, uint32_t frames, char *err,
                         uint64_t err_len);
int pn_engine_push(struct pn_engine *engine, const uint8_t *data, uint32_t caplen, uint32_t len,
                   uint64_t ts_ns, uint32_t link, uint32_t input);
void pn_engine_finish(struct pn_engine *engine);
/* Runs until a limit of run is reached or the input ends. */
int pn_engine_run(struct pn_engine *engine, struct pn_run *run);
/* File position of the inputs together, for progress: bytes read and bytes in all (0 unknown). */
void pn_engine_progress(struct pn_engine *engine, uint64_t *done, uint64_t *total);
/* 128-bit digest of everything delivered and of the books as they stand. */
void pn_engine_digest(struct pn_engine *engine, uint64_t digest[2]);
/* Ticks a second of the stage clock. */
double pn_engine_tick_hz(struct pn_engine *engine);
/* Size ahead of a resting order at its price, and its place (0 = first); -ENOENT if unknown. */
int pn_engine_queue(struct pn_engine *engine, uint64_t ref, uint32_t instrument,
                    uint64_t *size_ahead, uint64_t *orders_ahead);
/* Orders of one side in price, then time order; returns how many there are. */
uint64_t pn_engine_orders(struct pn_engine *engine, uint32_t instrument, uint32_t side,
                          struct pn_order *out, uint64_t cap);
/* The engine's own region as a view; lives as long as the engine. */
struct pn_view *pn_engine_view(struct pn_engine *engine);

/* Read-only view of a state segment by path, from any process. */
struct pn_view *pn_view_open(const char *path, char *err, uint64_t err_len);
void pn_view_close(struct pn_view *view);
const struct pn_region_header *pn_view_header(const struct pn_view *view);
/* Consistent copy of the best bid and offer, its state joined with the channel's.
 * 0, -ENOENT for no such instrument, -EAGAIN when the writer never let go. */
int pn_view_top(const struct pn_view *view, uint32_t instrument, struct pn_top *out);
/* The same for one instrument again and again: one argument, which is what a call from Python pays
 * for most. */
struct pn_top_reader {
    const struct pn_view *view;
    uint64_t instrument;
    struct pn_top top;
};
int pn_view_read(struct pn_top_reader *reader);
/* Consistent copy of up to cap levels from the best on; returns how many, or as pn_view_top. */
int pn_view_levels(const struct pn_view *view, uint32_t instrument, uint32_t side,
                   struct pn_level *out, uint32_t cap);
/* Trades and volume of one instrument. */
int pn_view_traded(const struct pn_view *view, uint32_t instrument, uint64_t *trades,
                   uint64_t *volume);
int pn_view_instrument(const struct pn_view *view, uint32_t instrument, struct pn_instrument *out);
int pn_view_channel(const struct pn_view *view, uint32_t channel, struct pn_channel *out);
void pn_view_counters(const struct pn_view *view, struct pn_counters *out);
/* Histogram of how long the calls of a stage took, in ticks; empty unless timing was asked for. */
int pn_view_stage(const struct pn_view *view, uint32_t stage, struct pn_histogram *out);
/* Digest as pn_engine_digest, of a region that nobody writes just then. */
void pn_view_digest(const struct pn_view *view, uint64_t digest[2]);
/* Value that a share (0 to 1) of the records does not exceed, within 6 %; 0 if there are none. */
uint64_t pn_histogram_quantile(const struct pn_histogram *histogram, double share);
/* Index of the instrument of that name, from `from` on; -ENOENT. */
int pn_view_find(const struct pn_view *view, const char *name, uint32_t from);

/* Tables: label by number, NULL past the last. */
const char *pn_reason_label(uint32_t reason);
const char *pn_reason_help(uint32_t reason);
const char *pn_stage_label(uint32_t stage);
const char *pn_feed_label(uint32_t feed);
const char *pn_type_label(uint32_t feed, uint32_t wire_type);
uint64_t pn_abi_hash(void);
/* What this build contains and leaves out, one "name: text" a line. */
const char *pn_build_info(void);
