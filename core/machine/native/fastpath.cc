/* The commonest calls without the kernel. fastpath.h says what holds; each step here names the function of the kernel's that it repeats. */
#include "fastpath.h"
#include "machine.h"

namespace bailiwick {

namespace {

/* caps/abi/numbers.ts and message.ts */
constexpr u64 CALL = 1, REPLY_RECV = 2;
constexpr uint8_t CNODE = 2, ENDPOINT = 4, REPLY = 6;
constexpr uint8_t WRITE = 1, READ = 2, GRANT = 4, GRANT_REPLY = 8;
constexpr uint32_t LENGTH_MASK = 0x7f, CAPS_MASK = 3 << 7, LABEL_MASK = 0x7ffffu << 12, ERROR = 0x80000000u, REGISTER_WORDS = 4;
constexpr unsigned A0 = 9, A1 = 10, A2 = 11, A6 = 15, A7 = 16; /* in Frame::x, which begins with x1 */
/* core/kernel/records.ts and state.ts */
constexpr int32_t READY = 1, BLOCKED_ON_RECEIVE = 3, BLOCKED_ON_REPLY = 4, RECEIVERS = 2, SENDERS = 1, NEAR_LOANS = 4;

} // namespace

struct FastPath::Thread {
    int32_t id, slots, state, priority, time, home, bound, next, prev, blockedOn, reply, fault, hosted, steps, stepped;
};
struct FastPath::Line {
    int32_t head, tail, waiting;
};
struct FastPath::Answer {
    int32_t caller, donated, place, receiver, gives;
};
struct FastPath::Time {
    int32_t thread, home, over, loans, loan[NEAR_LOANS]; /* over: used up, or its turn ended while it was lent */
};

FastPath::Thread *FastPath::threadIn(uint32_t frame) const { return frame < threads ? reinterpret_cast<Thread *>(frames[frame].kernel) : nullptr; }

int32_t *FastPath::object(int32_t id) const { return id > 0 && static_cast<size_t>(id) < tables.objects ? tables.words + OBJECT_WORDS * id : nullptr; }

/* A TCB's first word is the number of its frame. */
FastPath::Thread *FastPath::thread(int32_t id) const {
    const int32_t *words = object(id);
    return words ? threadIn(static_cast<uint32_t>(words[0])) : nullptr;
}

/* `resolve` in a CSpace of one level; 0 for all else. */
int32_t FastPath::lookup(const Thread &t, u64 cptr) const {
    const size_t root = static_cast<size_t>(t.slots); /* TcbSlot.CSpace is 0 */
    if (cptr >> 32 || root >= tables.slots || tables.kind[root] != CNODE) return 0;
    const int32_t *cnode = object(tables.object[root]), guardBits = tables.badgeHi[root];
    if (!cnode || guardBits < 1 || guardBits > 31 || guardBits + cnode[1] != 32) return 0;
    if (static_cast<int32_t>(cptr >> (32 - guardBits)) != tables.badgeLo[root]) return 0;
    const size_t slot = static_cast<size_t>(cnode[0]) + (cptr & ((1u << cnode[1]) - 1));
    return slot < tables.slots ? static_cast<int32_t>(slot) : 0;
}

/* `chooseThread` would take this thread, which direct switch has chosen. Whose time runs is the current thread's, always, and that goes along. */
bool FastPath::mayRun(const Thread &t) const {
    for (int i = READY_WORDS - 1; i >= 0; i--)
        if (tables.ready[i]) return 32 * i + 31 - __builtin_clz(tables.ready[i]) <= t.priority;
    return true;
}

/* `transfer` of a message in registers. */
static void transfer(const Frame &from, Frame &to, u64 badge) {
    const auto info = static_cast<uint32_t>(from.x[A1]);
    const uint32_t length = info & LENGTH_MASK;
    for (uint32_t i = 0; i < length; i++) to.x[A2 + i] = from.x[A2 + i];
    to.x[A0] = badge;
    to.x[A1] = (info & LABEL_MASK) | length;
}

static bool isPlain(u64 info) { return (info & LENGTH_MASK) <= REGISTER_WORDS && (info & CAPS_MASK) == 0; }

int32_t FastPath::tryCall(uint32_t frame) {
    Thread *t = tables.ready ? threadIn(frame) : nullptr;
    if (!t || t->steps) return -1;
    Frame &f = frames[frame];
    if (!isPlain(f.x[A1])) return -1;
    if (f.x[A7] == CALL) return call(*t, f);
    return f.x[A7] == REPLY_RECV ? replyRecv(*t, f) : -1;
}

int32_t FastPath::call(Thread &t, Frame &f) {
    const int32_t slot = lookup(t, f.x[A0]);
    if (tables.kind[slot] != ENDPOINT || !(tables.rights[slot] & WRITE) || !(tables.rights[slot] & (GRANT | GRANT_REPLY))) return -1;
    Line *line = as<Line>(tables.object[slot]);
    if (!line || line->waiting != RECEIVERS) return -1;
    Thread *to = thread(line->head);
    if (!to || to->hosted || to->steps || to->stepped || !mayRun(*to)) return -1;
    Answer *reply = as<Answer>(to->reply);
    Time *time = as<Time>(t.time);
    if (!reply || !time || time->over || time->loans >= NEAR_LOANS) return -1;
    if (to->time && !object(to->time)) return -1;

    /* remove */
    line->head = to->next;
    if (to->next) thread(to->next)->prev = 0;
    else line->tail = 0, line->waiting = 0;
    to->next = to->prev = to->blockedOn = 0;
    /* deliver */
    const u64 badge = static_cast<uint32_t>(tables.badgeLo[slot]) | static_cast<u64>(static_cast<uint32_t>(tables.badgeHi[slot])) << 32;
    const auto receiver = static_cast<uint32_t>(object(to->id)[0]);
    transfer(f, frames[receiver], badge);
    t.state = BLOCKED_ON_REPLY, t.reply = to->reply;
    reply->caller = t.id, reply->receiver = 0;
    /* lend */
    reply->donated = t.time, reply->place = time->loans;
    time->loan[time->loans++] = to->reply;
    if (to->time) as<Time>(to->time)->thread = 0;
    to->time = t.time, time->thread = to->id;
    t.time = 0, to->reply = 0;
    to->state = READY;
    return static_cast<int32_t>(receiver);
}

int32_t FastPath::replyRecv(Thread &t, Frame &f) {
    const int32_t slot = lookup(t, f.x[A0]), replySlot = lookup(t, f.x[A6]);
    if (tables.kind[slot] != ENDPOINT || !(tables.rights[slot] & READ) || tables.kind[replySlot] != REPLY) return -1;
    Line *line = as<Line>(tables.object[slot]);
    Answer *reply = as<Answer>(tables.object[replySlot]);
    if (!line || line->waiting == SENDERS || !reply || reply->receiver || !reply->caller) return -1;
    if (t.bound) { /* a signal that waits is received first */
        const int32_t *notification = object(t.bound);
        if (!notification || notification[2] || notification[3]) return -1;
    }
    Thread *to = thread(reply->caller);
    if (!to || to->fault || to->hosted || to->steps || to->stepped || to->time || to->state != BLOCKED_ON_REPLY || !mayRun(*to)) return -1;
    Time *time = as<Time>(reply->donated);
    const int32_t place = reply->place, lent = reply->donated;
    if (!time || time->over || time->thread != t.id || t.time != lent || t.home == lent || place != time->loans - 1 || place >= NEAR_LOANS) return -1;
    if (time->loan[place] != tables.object[replySlot]) return -1;
    Time *home = t.home == 0 ? nullptr : as<Time>(t.home);
    Thread *last = line->tail == 0 ? nullptr : thread(line->tail);
    if ((t.home && !home) || (line->tail && !last)) return -1;

    /* reply, release */
    f.x[A1] &= ~static_cast<u64>(ERROR);
    const auto caller = static_cast<uint32_t>(object(to->id)[0]);
    transfer(f, frames[caller], 0);
    reply->caller = 0, to->reply = 0;
    to->state = READY;
    /* endLoan */
    reply->donated = 0;
    time->loan[place] = 0, time->loans = place;
    t.time = t.home;
    if (home) home->thread = t.id;
    to->time = lent, time->thread = to->id;
    /* receive */
    t.state = BLOCKED_ON_RECEIVE, t.reply = tables.object[replySlot];
    reply->receiver = t.id, reply->gives = tables.rights[slot] & GRANT;
    t.next = 0, t.prev = line->tail, t.blockedOn = tables.object[slot];
    if (last) last->next = t.id;
    else line->head = t.id;
    line->tail = t.id, line->waiting = RECEIVERS;
    return static_cast<int32_t>(caller);
}

} // namespace bailiwick
