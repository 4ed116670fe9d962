/* The core-local interruptor: clint.h says what it is. */
#include "clint.h"
#include "machine_mode.h"

namespace bailiwick {

namespace {

constexpr u64 MSIP = 0, MTIMECMP = 0x4000, MTIME = 0xbff8;

/* Part of a register of 8 bytes, and that register with a part of it written. */
u64 part(u64 whole, u64 offset, unsigned size) { return size == 8 ? whole : whole >> 8 * (offset & 4) & 0xffffffff; }
u64 with(u64 whole, u64 offset, unsigned size, u64 value) {
    if (size == 8) return value;
    const unsigned shift = 8 * (offset & 4);
    return (whole & ~(0xffffffffull << shift)) | (value & 0xffffffff) << shift;
}

MachineMode *modeOf(const Guest &guest, u64 hart) {
    return hart < guest.harts.size() && guest.harts[hart] ? guest.harts[hart]->machineMode.get() : nullptr;
}

bool isRegister(u64 offset, unsigned size) { return size == 8 ? offset >= MTIMECMP : size == 4; }

} // namespace

u64 Clint::read(const Guest &guest, u64 offset, unsigned size) {
    if (!isRegister(offset, size)) return 0;
    if ((offset & ~7ull) == MTIME) return part(guest.time(), offset, size);
    if (const MachineMode *mode = offset < MTIMECMP ? modeOf(guest, (offset - MSIP) / 4) : nullptr) return mode->software();
    if (const MachineMode *mode = offset >= MTIMECMP ? modeOf(guest, (offset - MTIMECMP) / 8) : nullptr) return part(mode->timeToCompare(), offset, size);
    return 0;
}

bool Clint::write(Guest &guest, u64 offset, unsigned size, u64 value) {
    if (!isRegister(offset, size)) return false;
    if ((offset & ~7ull) == MTIME) {
        guest.setTime(with(guest.time(), offset, size, value));
        for (Vcpu *hart : guest.harts)
            if (hart && hart->machineMode) hart->machineMode->latchTimer();
        return guest.harts.size() > 1;
    }
    const u64 number = offset < MTIMECMP ? (offset - MSIP) / 4 : (offset - MTIMECMP) / 8;
    MachineMode *const mode = modeOf(guest, number);
    if (!mode) return false;
    if (offset < MTIMECMP) mode->setSoftware(value & 1);
    else mode->setTimeToCompare(with(mode->timeToCompare(), offset, size, value));
    return !guest.isLoaded(*guest.harts[number]);
}

} // namespace bailiwick
