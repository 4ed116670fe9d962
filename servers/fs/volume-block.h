/* volume-block.h: a volume over a Block capability. One a program. */
#pragma once
#include <bailiwick/block.h>

#include "volume.h"

struct volume volume_over(struct bw_block *disk);
