/* session.h - what happens to a channel's books when its stream breaks or begins anew. */
#ifndef PN_BOOK_SESSION_H
#define PN_BOOK_SESSION_H

#include "book/book.h"

/* Messages are lost for good: one counter makes every book of the channel stale. */
void session_gap(struct books *b, const struct pn_event *ev);
/* A new session: the channel's books are empty; ev->aux 1 if its beginning was missed. */
void session_reset(struct books *b, const struct pn_event *ev);

#endif
