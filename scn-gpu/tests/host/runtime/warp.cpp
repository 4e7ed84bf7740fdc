// Collective operations of a warp: all lanes of the mask arrive at the same place, and the last one
// exchanges values for all.
//
// Only __syncwarp orders memory. Shuffles and votes do not, either here or on the device.
#include "block.h"
#include "fail.h"

namespace cuda_on_host {

const char* name(Collective what) {
    switch (what) {
    case Collective::syncwarp: return "__syncwarp";
    case Collective::shuffle: return "__shfl_sync";
    case Collective::shuffle_xor: return "__shfl_xor_sync";
    case Collective::shuffle_down: return "__shfl_down_sync";
    case Collective::ballot: return "__ballot_sync";
    case Collective::any: return "__any_sync";
    case Collective::all: return "__all_sync";
    }
    return "?";
}

void wrong_width(int width, Place place) { fail("%s: a shuffle of width %d", text(place).c_str(), width); }

uint64_t Block::meet(Collective what, unsigned mask, uint64_t value, unsigned source, Place place) {
    Thread& self = *running;
    unsigned lane = self.rank % 32;
    Warp& warp = warps[self.rank / 32];
    if ((mask >> lane & 1) == 0)
        fail("%s at %s: lane %u is not in its own mask %08x", name(what), text(place).c_str(), lane, mask);
    if ((mask & ~warp.living) != 0)
        fail("%s at %s: the mask %08x has lanes that have left the kernel or never existed, living are %08x", name(what),
             text(place).c_str(), mask, warp.living);
    self.what = what;
    self.mask = mask;
    self.value = value;
    self.source = source;
    char* here = what == Collective::syncwarp ? &warp.ordered[self.syncwarps++ % 2] : nullptr;
    if (here)
        release(here);
    self.place = place;
    warp.waiting |= 1u << lane;
    if ((warp.waiting & mask) == mask)
        complete(warp, &threads[self.rank - lane], self);
    else
        wait(State::in_warp, place);
    if (here)
        acquire(here);
    return self.result;
}

void Block::complete(Warp& warp, Thread* lanes, Thread& last) {
    AsHost as_host(*this);
    unsigned votes = 0;
    for (unsigned i = 0; i < 32; i++) {
        if ((last.mask >> i & 1) == 0)
            continue;
        const Thread& lane = lanes[i];
        if (!same(lane.place, last.place) || lane.what != last.what)
            fail("lanes meet at different places, %s at %s and %s at %s", name(lane.what), text(lane.place).c_str(),
                 name(last.what), text(last.place).c_str());
        if (lane.mask != last.mask)
            fail("%s at %s: lanes disagree on the mask, %08x and %08x", name(last.what), text(last.place).c_str(), lane.mask,
                 last.mask);
        votes |= unsigned(lane.value) << i;
    }
    for (unsigned i = 0; i < 32; i++) {
        if ((last.mask >> i & 1) == 0)
            continue;
        Thread& lane = lanes[i];
        switch (last.what) {
        case Collective::shuffle:
        case Collective::shuffle_xor:
        case Collective::shuffle_down:
            if ((last.mask >> lane.source & 1) == 0)
                fail("%s at %s: lane %u reads lane %u, which is not in the mask %08x", name(last.what), text(last.place).c_str(), i,
                     lane.source, last.mask);
            lane.result = lanes[lane.source].value;
            break;
        default:
            lane.result = votes;
        }
        if (&lane != &last)
            ready.push_back(&lane);
    }
    warp.waiting &= ~last.mask;
}

} // namespace cuda_on_host
