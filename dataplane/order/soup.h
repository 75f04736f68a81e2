/*
 * soup.h - SoupBinTCP 4.1: frames of a stream, both directions. A frame is u16 length (of what
 * follows, type included), u8 type, payload. All big-endian, numbers of logins in ASCII.
 *
 * A view into the caller's bytes; keeps nothing. The bytes of a peer are hostile.
 */
#ifndef PN_ORDER_SOUP_H
#define PN_ORDER_SOUP_H

#include <assert.h>

#include "base/bits.h"

enum soup_type {
    SOUP_DEBUG = '+',          /* both: text, ignored */
    SOUP_LOGIN_ACCEPTED = 'A', /* server */
    SOUP_LOGIN_REJECTED = 'J',
    SOUP_SEQUENCED = 'S',
    SOUP_SERVER_HEARTBEAT = 'H',
    SOUP_END_OF_SESSION = 'Z',
    SOUP_LOGIN_REQUEST = 'L', /* client */
    SOUP_CLIENT_HEARTBEAT = 'R',
    SOUP_LOGOUT_REQUEST = 'O',
    SOUP_UNSEQUENCED = 'U' /* both */
};

enum {
    SOUP_HEADER = 3,
    SOUP_FRAME_MAX = 2 + 65535,
    SOUP_SESSION = 10,
    SOUP_USER = 6,
    SOUP_PASSWORD = 10,
    SOUP_NUMBER = 20,
    SOUP_REFUSED_AUTH = 'A',
    SOUP_REFUSED_SESSION = 'S'
};

struct soup_header {
    uint8_t length_be[2];
    uint8_t type;
};

struct soup_login_request {
    struct soup_header head;
    char user[SOUP_USER];         /* padded on the right */
    char password[SOUP_PASSWORD]; /* padded on the right */
    char session[SOUP_SESSION];   /* padded on the left; blank = the current one */
    char sequence[SOUP_NUMBER];   /* of the next message wanted; 0 = the most recent */
};

struct soup_login_request_410 {
    struct soup_login_request old;
    char heartbeat_ms[5]; /* timeout, padded on the left */
};

struct soup_login_accepted {
    struct soup_header head;
    char session[SOUP_SESSION];
    char sequence[SOUP_NUMBER]; /* of the next sequenced message */
};

struct soup_login_rejected {
    struct soup_header head;
    uint8_t reason;
};

static_assert(sizeof(struct soup_header) == SOUP_HEADER, "soup_header");
static_assert(sizeof(struct soup_login_request) == 49, "soup_login_request");
static_assert(sizeof(struct soup_login_request_410) == 54, "soup_login_request_410");
static_assert(sizeof(struct soup_login_accepted) == 33, "soup_login_accepted");
static_assert(sizeof(struct soup_login_rejected) == 4, "soup_login_rejected");

struct soup_frame {
    uint8_t type;
    uint32_t bytes; /* of the whole frame */
    const uint8_t *payload;
    uint32_t payload_bytes;
};

/*
 * The frame at the beginning of n bytes: 1 and *f filled; 0 when more bytes are needed; -1 when it
 * can be none (length 0).
 */
PN_HOT int soup_next(const uint8_t *bytes, uint32_t n, struct soup_frame *f)
{
    if (PN_UNLIKELY(n < 2))
        return 0;
    uint32_t length = load_u16_be(bytes);
    if (PN_UNLIKELY(length == 0))
        return -1;
    if (PN_UNLIKELY(n < 2 + length))
        return 0;
    f->type = bytes[2];
    f->bytes = 2 + length;
    f->payload = bytes + SOUP_HEADER;
    f->payload_bytes = length - 1;
    return 1;
}

/* Header of a frame with so many bytes of payload. */
PN_HOT void soup_put_header(uint8_t *to, uint8_t type, uint32_t payload)
{
    store_u16_be(to, (uint16_t)(payload + 1));
    to[2] = type;
}

/* Each returns the length of the frame. Text longer than its field is cut. */
uint32_t soup_put_login(uint8_t *to, const char *user, const char *password, const char *session,
                        uint64_t sequence);
uint32_t soup_put_accepted(uint8_t *to, const char *session, uint64_t sequence);
uint32_t soup_put_rejected(uint8_t *to, uint8_t reason);
uint32_t soup_put_empty(uint8_t *to, uint8_t type); /* heartbeats, logout, end of session */

struct soup_login {
    char user[SOUP_USER + 1]; /* without padding, in capitals: case does not matter */
    char password[SOUP_PASSWORD + 1];
    char session[SOUP_SESSION + 1];
    uint64_t sequence;
    uint32_t heartbeat_ms; /* 0 = not given */
};

/* Checked contents of a frame of the type; 0 or -1. */
int soup_read_login(const struct soup_frame *f, struct soup_login *out);
int soup_read_accepted(const struct soup_frame *f, char session[SOUP_SESSION + 1],
                       uint64_t *sequence);
int soup_read_rejected(const struct soup_frame *f, uint8_t *reason);

#endif
