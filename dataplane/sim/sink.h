/*
 * sink.h - an output file, plain or compressed by suffix (.gz, .zst). Never seeks. Errors stick:
 * after the first one writes do nothing and close reports it.
 */
#ifndef PN_SIM_SINK_H
#define PN_SIM_SINK_H

#include <stdint.h>

#include "base/error.h"

struct sink;

struct sink *sink_open(const char *path, struct error *error);
void sink_write(struct sink *sink, const void *data, uint64_t bytes);
/* 0, or the negative errno of the first failure. */
int sink_status(const struct sink *sink);
int sink_close(struct sink *sink, struct error *error);

#endif
