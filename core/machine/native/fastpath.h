/* The commonest calls without the kernel: a Call to a server that waits, and the ReplyRecv that answers it.
 *
 * The kernel is in TypeScript; what is here is a second version of a little of it, for speed: a trap that needs no JavaScript costs half.
 * It looks first and changes nothing unless the case is the plain one: four words at most, no capability, no fault, no step, one-level
 * CSpace, the time of the caller lent and given back, nobody more urgent. Then it does what core/kernel/ipc.ts, loans.ts and scheduler.ts
 * would do, to the same words (core/kernel/records.ts, state.ts), so that no later look can tell who did it: test/conformance/fastpath.test.ts.
 */
#pragma once
#include <cstddef>
#include <cstdint>

namespace bailiwick {

struct Frame;

/* The kernel's tables. They stay where they are until others are shared. */
struct Tables {
    const uint8_t *kind = nullptr, *rights = nullptr; /* capabilities, by slot */
    const int32_t *object = nullptr, *badgeLo = nullptr, *badgeHi = nullptr;
    size_t slots = 0;
    int32_t *words = nullptr; /* eight for each object */
    size_t objects = 0;
    const uint32_t *ready = nullptr; /* a bit for each priority with a thread that waits for the CPU */
};

class FastPath {
public:
    static constexpr size_t READY_WORDS = 8, OBJECT_WORDS = 8;

    void share(const Tables &shared, Frame *all, size_t count) { tables = shared, frames = all, threads = count; }
    /* The system call of the thread in this frame, if it is a plain one: the frame to go on with. Else -1, and nothing has changed. */
    int32_t tryCall(uint32_t frame);

private:
    Tables tables;
    Frame *frames = nullptr;
    size_t threads = 0;

    struct Thread;
    struct Line;
    struct Answer;
    struct Time;
    Thread *threadIn(uint32_t frame) const;
    Thread *thread(int32_t id) const;
    int32_t *object(int32_t id) const;
    template <typename T> T *as(int32_t id) const { return reinterpret_cast<T *>(object(id)); }
    int32_t lookup(const Thread &, uint64_t cptr) const;
    bool mayRun(const Thread &) const;
    int32_t call(Thread &, Frame &);
    int32_t replyRecv(Thread &, Frame &);
};

} // namespace bailiwick
