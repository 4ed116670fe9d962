/* assert.h: SQLite is built without its assertions. */
#pragma once
#define assert(condition) ((void)0)
