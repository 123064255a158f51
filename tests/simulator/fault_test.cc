#include <stdexcept>
#include <string>

#include "support/simulator_fixture.h"

using ohip::sim::parse_fault;
using ohip::test::Answer;
using ohip::test::CurlClient;
using ohip::test::error_code;
using ohip::test::Fixture;
using ohip::test::parse;

TEST_CASE("fault: a status instead of events, with Oracle's body, none, HTML or any bytes") {
  Fixture f;
  f.sim.enqueue("ABC", 1);
  f.sim.inject(parse_fault("kind=status&status=500"));
  f.sim.inject(parse_fault("kind=status&status=429&body=empty&retry-after=3"));
  f.sim.inject(parse_fault("kind=status&status=502&body=html"));
  f.sim.inject(parse_fault("kind=status&status=200", "{\"business"));
  const Answer oracle = f.poll();
  CHECK(oracle.status == 500);
  CHECK(error_code(oracle) == "OPERAWS-GEN00001");
  const Answer empty = f.poll();
  CHECK(empty.status == 429);
  CHECK(empty.body.empty());
  CHECK(empty.headers.at("retry-after") == "3");
  CHECK(f.poll().headers.at("content-type") == "text/html");
  CHECK(f.poll().body == "{\"business");
  CHECK(f.sim.stats().queues["ABC"].outstanding == 1);
  CHECK(f.poll().status == 200);
}

TEST_CASE("fault: a status although the events are gone") {
  Fixture f;
  f.sim.enqueue("ABC", 1);
  f.sim.inject(parse_fault("kind=status&status=504&body=empty&dequeue=1"));
  CHECK(f.poll().status == 504);
  CHECK(f.sim.stats().queues["ABC"].handed_out == 1);
  CHECK(f.poll().status == 204);
}

TEST_CASE("fault: a body that ends too early, with and without a Content-Length") {
  const bool chunked = GENERATE(false, true);
  Fixture f;
  f.sim.enqueue("ABC", 5);
  f.sim.inject(parse_fault(std::string("kind=cut&bytes=100&chunked=") + (chunked ? "1" : "0")));
  const Answer answer = f.poll();
  CHECK(answer.result == CURLE_PARTIAL_FILE);
  CHECK(answer.status == 200);
  CHECK(answer.body.size() == 100);
  CHECK(answer.headers.contains("content-length") != chunked);
  CHECK(f.sim.handed_out("ABC").size() == 5);
  CHECK(f.poll().status == 204);
}

TEST_CASE("fault: a body that ends before its first byte") {
  Fixture f;
  f.sim.enqueue("ABC", 5);
  f.sim.inject(parse_fault("kind=cut"));
  const Answer answer = f.poll();
  CHECK(answer.result == CURLE_PARTIAL_FILE);
  CHECK(answer.body.empty());
}

TEST_CASE("fault: a chunked answer is whole") {
  Fixture f;
  f.sim.enqueue("ABC", 20);
  f.sim.inject(parse_fault("kind=chunked"));
  const Answer answer = f.poll();
  CHECK(answer.result == CURLE_OK);
  CHECK(answer.headers.at("transfer-encoding") == "chunked");
  CHECK(parse(answer.body)["businessEventData"].Size() == 20);
  CHECK(f.poll().new_connections == 0);
}

TEST_CASE("fault: a fresh connection closed without an answer, its events gone") {
  Fixture f;
  f.poll_headers();
  f.client = CurlClient();
  f.sim.enqueue("ABC", 5);
  f.sim.inject(parse_fault("kind=close"));
  CHECK(f.poll().result == CURLE_GOT_NOTHING);
  CHECK(f.polls() == 1);
  CHECK(f.sim.handed_out("ABC").size() == 5);
  CHECK(f.poll().status == 204);
}

// That the connection was a reused one shows in what libcurl does then: it sends the GET again on
// a new one. The third poll is that second GET.
TEST_CASE("fault: a reused connection closed without an answer") {
  Fixture f;
  f.sim.enqueue("ABC", 45);
  f.sim.inject(parse_fault("kind=close&after=1&count=2"));
  CHECK(f.poll().status == 200);
  CHECK(f.poll().result == CURLE_GOT_NOTHING);
  CHECK(f.polls() == 3);
  CHECK(f.sim.handed_out("ABC").size() == 45);
}

TEST_CASE("fault: no answer for a long time, which does not keep the simulator from stopping") {
  Fixture f;
  f.poll_headers();
  f.sim.inject(parse_fault("kind=delay&ms=600000"));
  f.client.timeout_ms = 500;
  const Answer answer = f.poll();
  CHECK(answer.result == CURLE_OPERATION_TIMEDOUT);
  CHECK(answer.status == 0);
}

TEST_CASE(
    "fault: an answer that stops in its body, which does not keep the simulator from stopping") {
  const bool chunked = GENERATE(false, true);
  Fixture f;
  f.sim.enqueue("ABC", 5);
  f.poll_headers();
  f.sim.inject(
      parse_fault(std::string("kind=stall&bytes=10&ms=600000&chunked=") + (chunked ? "1" : "0")));
  f.client.hang_up_in_body = true;
  const Answer answer = f.poll();
  CHECK(answer.status == 200);
  CHECK(answer.body.size() == 10);
}

TEST_CASE("fault: an answer that goes on after a pause is whole") {
  const bool chunked = GENERATE(false, true);
  Fixture f;
  f.sim.enqueue("ABC", 5);
  f.sim.inject(
      parse_fault(std::string("kind=stall&bytes=10&ms=20&chunked=") + (chunked ? "1" : "0")));
  CHECK(parse(f.poll().body)["businessEventData"].Size() == 5);
}

TEST_CASE("a fault waits for its hotel, its turn or a token call, and is over after its count") {
  Fixture f;
  f.sim.inject(parse_fault("kind=status&status=503&hotel=DEF&after=1&count=2"));
  f.sim.inject(parse_fault("kind=status&status=502&queue=chain"));
  CHECK(f.poll("ABC").status == 204);
  CHECK(f.poll("DEF").status == 204);
  CHECK(f.poll("DEF").status == 503);
  CHECK(f.poll("DEF").status == 503);
  CHECK(f.poll("DEF").status == 204);
  CHECK(f.poll_chain().status == 502);
  f.sim.inject(parse_fault("kind=status&status=403&on=token"));
  CHECK(f.poll().status == 204);
  CHECK(f.post_token().status == 403);
  CHECK(f.sim.stats().token_refusals == 1);
  CHECK(f.post_token().status == 200);
}

TEST_CASE("a fault that makes no sense is refused") {
  const std::string fault =
      GENERATE("", "kind=burn", "kind=close&count=0", "kind=close&count=-1", "kind=close&bites=1",
               "kind=close&on=moon", "kind=status&body=pdf", "kind=delay&ms=long");
  CHECK_THROWS_AS(parse_fault(fault), std::invalid_argument);
}
