/* stdio.h: SQLite includes it and calls nothing of it. */
#pragma once
