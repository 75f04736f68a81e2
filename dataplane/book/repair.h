/*
 * repair.h - books that a process has left when it died, made good again.
 *
 * A process can die between any two instructions. A book in the middle of an update then has an odd
 * sequence number, and the tables that all books share may be in the middle of it too: they are
 * built anew from the order slots, of which each is whole or free. The book itself gets its levels
 * from the orders that it has and is marked, since nobody knows whether the last message is in it.
 */
#ifndef PN_BOOK_REPAIR_H
#define PN_BOOK_REPAIR_H

#include "book/book.h"

/* Repairs what needs it; returns how many books were in the middle of an update. */
uint32_t books_repair(struct books *b, const struct region *r);

#endif
