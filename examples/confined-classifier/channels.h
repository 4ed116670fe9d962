/* channels.h: the ways in which the classifier tries to get a letter to its author, by the number of the letter. */
#pragma once

enum { NOTHING, MESSAGES, SIGNALS, PAGES, TABLES, MEMORY, DMA, DEVICES, FAULTS, TEXT, CHANNELS };
/* log2 of the slots of the table that the author puts into its first product. */
enum { TABLE_BITS = 4 };
/* Where the device of the author's would find a page of the product's. */
#define DMA_ADDRESS 0x100000UL
