/* channels.h: the ways in which the classifier tries to get a letter to its author, by the number of the letter. */
#pragma once

enum { NOTHING, MESSAGES, SIGNALS, PAGES, TABLES, MEMORY, DEVICES, FAULTS, TEXT, CHANNELS };
/* log2 of the slots of the table that the author puts into its first product. */
enum { TABLE_BITS = 4 };
