/*
 * log.h - the daemon's log: one JSON object a line on standard error, from any thread but pollers
 */
#ifndef PN_LIVE_LOG_H
#define PN_LIVE_LOG_H

#include <stddef.h>
#include <stdint.h>

/* text NULL: the number counts. */
struct log_field {
    const char *key;
    const char *text;
    int64_t number;
};

#define LOG_TEXT(key, value) \
    (struct log_field) \
    { \
        (key), (value), 0 \
    }
#define LOG_NUMBER(key, value) \
    (struct log_field) \
    { \
        (key), NULL, (int64_t)(value) \
    }

/* level: info, warning or error. What does not fit a line is cut, and the line stays whole. */
void log_write(const char *level, const char *event, const struct log_field *field, size_t fields);

#define LOG(level, event, ...) \
    log_write(level, event, (struct log_field[]){{0}, ##__VA_ARGS__} + 1, \
              sizeof((struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field) - 1)

#endif
