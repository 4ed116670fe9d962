/* stdio.h: lwIP includes it and calls nothing of it. */
#pragma once
