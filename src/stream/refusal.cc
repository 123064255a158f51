#include "stream/refusal.h"

#include "base/secrets.h"
#include "http/wording.h"

namespace ohip {

Refusal refusal_in(const WebSocketAnswer& answer) {
  const HttpResponse& response = answer.response;
  Refusal refusal;
  refusal.by_proxy = answer.proxy_status != 0;
  refusal.status = refusal.by_proxy ? answer.proxy_status : response.status;
  refusal.untrusted = response.transfer == Transfer::kUntrusted;
  refusal.retry_after = response.retry_after;
  refusal.words = response.status == 0 || response.success() || response.status == 101
                      ? masked(response.error)
                      : describe_answer(response);
  return refusal;
}

}  // namespace ohip
