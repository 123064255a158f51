#pragma once

#include <string>

#include "base/error.h"
#include "http/client.h"

namespace ohip {

// An answer as a few words for a person: the status, and of an error Oracle's o:errorCode, title
// and detail (exceptionDetailType in Oracle's OpenAPI), OAuth's error and error_description, or a
// short plain text; masked(). Nothing out of the body of a 2xx answer: it may hold a token or guest
// data.
std::string describe_answer(const HttpResponse& response);

// The error that a request without an answer means, when it was never sent.
Error unsent_error(const HttpResponse& response);

}  // namespace ohip
