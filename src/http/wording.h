#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "http/client.h"

namespace ohip {

// An answer as a few words for a person: the status, and of an error Oracle's o:errorCode, title
// and detail (exceptionDetailType in Oracle's OpenAPI), OAuth's error and error_description, or a
// short plain text, and where a redirection leads to on its host; masked(). Nothing out of the body
// of a 2xx answer: it may hold a token or guest data.
std::string describe_answer(const HttpResponse& response);

// What the body of an answer without events says for itself: an error's members as above, or a
// page's title; masked(). Empty when it says nothing.
std::string words_of(std::string_view body);

// The error that a request without an answer means, when it was never sent.
Error unsent_error(const HttpResponse& response);

}  // namespace ohip
