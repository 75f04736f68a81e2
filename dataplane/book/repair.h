/* repair.h - puts books in order that were being changed when their writer died. */
#ifndef PN_BOOK_REPAIR_H
#define PN_BOOK_REPAIR_H

#include "book/book.h"

/*
 * Before any event is applied to a region that was taken over. Books that were being changed are
 * marked stale; returns how many. Takes time only if there are any.
 */
uint32_t book_repair(struct books *b);

#endif
