// Asks running members who is in the cluster: for a process that joins and does not know its identity, and for one that
// wants to know whether its identity is in use already.
#pragma once

#include <string>
#include <vector>

#include "holdfast/base/status.h"
#include "holdfast/runtime/peer_frame.h"
#include "holdfast/runtime/url.h"

namespace holdfast::runtime {

// Asks all of `urls` at once and returns what answered within `timeout`: as soon as there are `enough` answers, else
// all that there are. Who has accepted the connection by then, and may only be busy, is waited for `patience` longer.
// kUnavailable: nobody answered; the text says for each URL why. Blocks; has an event loop of its
// own.
StatusOr<std::vector<MembersReply>> ask_members(const std::vector<Url>& urls, const MembersRequest& request,
                                                size_t enough, Duration timeout, Duration patience = {});

}  // namespace holdfast::runtime
