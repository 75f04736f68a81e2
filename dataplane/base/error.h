/* error.h - a message a cold function hands back with its negative errno. */
#ifndef PN_BASE_ERROR_H
#define PN_BASE_ERROR_H

struct error {
    char text[256];
};

/* Formats into e (which may be NULL) and returns code: `return error_set(e, -EINVAL, ...)`. */
int error_set(struct error *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
