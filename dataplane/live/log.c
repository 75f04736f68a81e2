/* log.c - see log.h. */
#include "live/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, LINE_END = 64 };

struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
};

static void put(struct line *l, const char *s)
{
    while (*s && l->n < LINE_MAX_BYTES - LINE_END)
        l->text[l->n++] = *s++;
}

/* A JSON string; bytes that are not ASCII are passed on where they are UTF-8's, which names are. */
static void put_string(struct line *l, const char *s)
{
    static const char hex[] = "0123456789abcdef";
    l->text[l->n++] = '"';
    for (; *s && l->n < LINE_MAX_BYTES - LINE_END - 8; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            l->text[l->n++] = '\\';
            l->text[l->n++] = (char)c;
        } else if (c < ' ' || c >= 0x7f) {
            char u[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15], 0};
            put(l, u);
        } else {
            l->text[l->n++] = (char)c;
        }
    }
    l->text[l->n++] = '"';
}

static void put_time(struct line *l)
{
    struct timespec t;
    struct tm tm;
    char text[64];
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%06ldZ", t.tv_nsec / 1000);
    put_string(l, text);
}

void log_write(const char *level, const char *event, const struct log_field *field, size_t fields)
{
    struct line l = {.n = 0};
    put(&l, "{\"time\":");
    put_time(&l);
    put(&l, ",\"level\":");
    put_string(&l, level);
    put(&l, ",\"event\":");
    put_string(&l, event);
    for (size_t i = 0; i < fields && l.n < LINE_MAX_BYTES / 2; i++) {
        put(&l, ",");
        put_string(&l, field[i].key);
        put(&l, ":");
        if (field[i].text) {
            put_string(&l, field[i].text);
        } else {
            char number[24];
            snprintf(number, sizeof number, "%lld", (long long)field[i].number);
            put(&l, number);
        }
    }
    l.text[l.n++] = '}';
    l.text[l.n++] = '\n';
    /* One write: lines of several processes do not mix. A full disk must not stop the engine. */
    ssize_t rc = write(STDERR_FILENO, l.text, l.n);
    (void)rc;
}
