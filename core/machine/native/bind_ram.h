#pragma once
#include "arguments.h"

namespace bailiwick {

/* (offset, bytes, fd, backed, changes, done): RamImage::save. */
void saveRam(Machine &, Arguments &);
/* (offset, bytes, fd, from): RamImage::place, and what engines had translated of it is forgotten. */
void placeRam(Machine &, Arguments &);
/* (offset, bytes): ramUse, in bytes. */
void giveRamUse(Machine &, Arguments &);

bool exportRam(napi_env, napi_value exports);

} // namespace bailiwick
