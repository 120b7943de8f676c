// One connection's protocol: bytes in, bytes out, no socket.
#pragma once

#include <string_view>

#include "holdfast/model/types.h"
#include "holdfast/server/output.h"

namespace holdfast::server {

class Protocol {
 public:
  virtual ~Protocol() = default;
  // False: the connection is to be closed once what produce() still gives is sent.
  virtual bool receive(std::string_view bytes) = 0;
  // Appends what is ready to `out`, as long as that holds less than `until` bytes.
  virtual void produce(Output& out, size_t until) = 0;
  // Nothing will come any more: close when everything is sent.
  virtual bool finished() const = 0;
  // Tells the client that no new requests are taken.
  virtual void go_away() = 0;
  // Every answer that was made has been produced.
  virtual bool drained() const = 0;
  // The client has ended its half of the connection. True: it still wants the answers that are under way.
  virtual bool on_end() = 0;
  // Called about once a second. False: the client is silent or too slow; close.
  virtual bool check_time(Time now, Time last_received) = 0;
  // The client has said something complete: it speaks this protocol.
  virtual bool settled() const = 0;
};

}  // namespace holdfast::server
