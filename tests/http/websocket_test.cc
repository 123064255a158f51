#include "http/websocket.h"

#include <wslay/wslay.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "base/secrets.h"
#include "support/catch.h"
#include "support/identity.h"
#include "support/websocket_peer.h"

using namespace ohip;
using namespace ohip::test;

namespace {

using namespace std::chrono_literals;

constexpr int kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;

WebSocketRequest request_to(const WebSocketServer& server) {
  return {.url = server.url(), .subprotocol = "graphql-transport-ws", .give_up = {}};
}

// All that comes until the end, or until there are so many messages.
struct Talk {
  std::vector<std::string> messages;
  std::optional<WebSocketEnd> end;
  bool heard = false;

  void until_end(WebSocket& socket, std::size_t enough = 1'000'000,
                 std::chrono::seconds patience = 60s) {
    const auto limit = std::chrono::steady_clock::now() + patience;
    while (!end && messages.size() < enough && std::chrono::steady_clock::now() < limit) {
      WebSocketTurn turn = socket.turn(100ms);
      std::move(turn.messages.begin(), turn.messages.end(), std::back_inserter(messages));
      end = turn.end;
      heard = heard || turn.heard;
    }
  }
};

// What comes of a server that says this behind its 101, in pieces, and then does so.
Talk hear(const std::function<void(Peer&)>& serve) {
  WebSocketServer server([&](Peer& peer) {
    peer.upgrade();
    serve(peer);
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  const WebSocketAnswer answer = socket.open(request_to(server));
  REQUIRE(answer.open);
  Talk talk;
  talk.until_end(socket);
  REQUIRE(talk.end);
  return talk;
}

// A refusal, or anything else that is no web socket.
WebSocketAnswer answer_to(const std::function<void(Peer&)>& serve,
                          Milliseconds upgrade_timeout = 10s) {
  WebSocketServer server([&](Peer& peer) {
    peer.read_request();
    serve(peer);
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  WebSocketRequest request = request_to(server);
  request.upgrade_timeout = upgrade_timeout;
  WebSocketAnswer answer = socket.open(request);
  return answer;
}

WebSocketAnswer answer_to(const std::string& bytes) {
  return answer_to([&](Peer& peer) { peer.write(bytes); });
}

}  // namespace

TEST_CASE("the upgrade is as RFC 6455 says, and each has a key of its own") {
  std::vector<std::string> requests;
  for (int i = 0; i < 2; ++i) {
    answer_to([&](Peer& peer) {
      requests.push_back(peer.read_request());
      peer.write("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
    });
  }
  for (const char* line : {"GET /subscriptions?key=0123456789abcdef0123456789abcdef HTTP/1.1\r\n",
                           "\r\nUpgrade: websocket\r\n", "\r\nConnection: Upgrade\r\n",
                           "\r\nHost: 127.0.0.1:", "\r\nSec-WebSocket-Version: 13\r\n",
                           "\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"}) {
    CHECK(requests[0].find(line) != std::string::npos);
  }
  const auto key = [](const std::string& request) {
    return request.substr(request.find("Sec-WebSocket-Key: ") + 19, 24);
  };
  CHECK(key(requests[0]) != key(requests[1]));
  CHECK(accept_of("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // the RFC's
}

TEST_CASE("messages go both ways, and both ends close") {
  std::vector<std::string> got;
  bool masked = true;
  WebSocketServer server([&](Peer& peer) {
    peer.upgrade();
    for (auto next = peer.next_frame(); next.first == kText; next = peer.next_frame()) {
      got.push_back(next.second);
      masked = masked && peer.masked;
      peer.write(frame(kText, "echo " + next.second));
    }
    peer.write(close_frame(1000, "bye"));
    peer.await_end();
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  const std::string big(40'000, 'x');
  socket.send("first");
  socket.send(big);
  Talk talk;
  talk.until_end(socket, 2);
  CHECK(talk.messages == std::vector<std::string>{"echo first", "echo " + big});
  socket.close(1000);
  talk.until_end(socket);
  REQUIRE(talk.end);
  CHECK(talk.end->code == 1000);
  CHECK(talk.end->reason == "bye");
  CHECK(talk.end->by_us);
  CHECK(got == std::vector<std::string>{"first", big});
  CHECK(masked);
}

TEST_CASE("wslay's server side understands each frame") {
  struct Server {
    Peer* peer = nullptr;
    std::string input;
    std::vector<std::string> got;
    int closed = 0;
  } state;
  WebSocketServer server([&](Peer& peer) {
    peer.upgrade();
    state.peer = &peer;
    const wslay_event_callbacks callbacks = {
        .recv_callback = [](wslay_event_context_ptr context, std::uint8_t* buffer, std::size_t size,
                            int, void* self) -> ssize_t {
          auto& s = *static_cast<Server*>(self);
          if (s.input.empty()) {
            wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
            return -1;
          }
          size = std::min(size, s.input.size());
          std::copy_n(s.input.begin(), size, buffer);
          s.input.erase(0, size);
          return static_cast<ssize_t>(size);
        },
        .send_callback = [](wslay_event_context_ptr, const std::uint8_t* bytes, std::size_t size,
                            int, void* self) -> ssize_t {
          static_cast<Server*>(self)->peer->write({reinterpret_cast<const char*>(bytes), size});
          return static_cast<ssize_t>(size);
        },
        .genmask_callback = nullptr,
        .on_frame_recv_start_callback = nullptr,
        .on_frame_recv_chunk_callback = nullptr,
        .on_frame_recv_end_callback = nullptr,
        .on_msg_recv_callback =
            [](wslay_event_context_ptr context, const wslay_event_on_msg_recv_arg* arrived,
               void* self) {
              auto& s = *static_cast<Server*>(self);
              if (arrived->opcode == WSLAY_TEXT_FRAME) {
                s.got.emplace_back(reinterpret_cast<const char*>(arrived->msg),
                                   arrived->msg_length);
                const wslay_event_msg back = {WSLAY_TEXT_FRAME, arrived->msg, arrived->msg_length};
                wslay_event_queue_msg(context, &back);
              } else if (arrived->opcode == WSLAY_CONNECTION_CLOSE) {
                s.closed = arrived->status_code;
              }
            }};
    wslay_event_context_ptr context = nullptr;
    wslay_event_context_server_init(&context, &callbacks, &state);
    while (wslay_event_want_read(context) != 0 || wslay_event_want_write(context) != 0) {
      state.input = peer.read();
      if (state.input.empty() || wslay_event_recv(context) != 0 || wslay_event_send(context) != 0) {
        break;
      }
    }
    wslay_event_context_free(context);
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  Talk talk;
  for (std::size_t i = 0; i < 50; ++i) {
    socket.send(std::string(i * 37, 'a') + "é");
    talk.until_end(socket, i + 1);
  }
  socket.close(4321, "enough");
  talk.until_end(socket);
  REQUIRE(talk.end);
  CHECK(talk.messages.size() == 50);
  CHECK(talk.messages == state.got);
  CHECK(state.closed == 4321);
}

TEST_CASE("a wrong answer to the upgrade is no web socket, and says why") {
  const auto [from, to, why] = GENERATE(table<std::string, std::string, std::string>(
      {{"Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x", "Sec-WebSocket-Accept"},
       {"Sec-WebSocket-Accept: ", "X-Other: ", "Sec-WebSocket-Accept"},
       {"graphql-transport-ws", "graphql-ws", "sub-protocol"},
       {"Sec-WebSocket-Protocol", "X-Other", "sub-protocol"},
       {"Upgrade: WebSocket", "Upgrade: h2c", "something other"},
       {"keep-alive, Upgrade", "keep-alive", "something other"},
       {"Sec-WebSocket-Protocol:",
        "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol:", "extensions"}}));
  const WebSocketAnswer answer = answer_to([&, from = from, to = to](Peer& peer) {
    std::string text = peer.switching();
    text.replace(text.find(from), from.size(), to);
    peer.write(text);
    peer.await_end();
  });
  CHECK_FALSE(answer.open);
  CHECK(answer.response.status == 101);
  CHECK(answer.response.error.find(why) != std::string::npos);
}

TEST_CASE("a refusal comes with its status, words and wait, however its body is sent") {
  const int status = GENERATE(400, 401, 403, 404, 407, 429, 503);
  const std::string how = GENERATE(
      as<std::string>{}, "Content-Length: 19\r\n\r\n{\"title\":\"no, sir\"}",
      "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"t\r\n10;x=y\r\nitle\":\"no, sir\"}\r\n0\r\n\r\n",
      "\r\n{\"title\":\"no, sir\"}");
  const WebSocketAnswer answer =
      answer_to("HTTP/1.1 " + std::to_string(status) +
                " Some Words\r\nContent-Type: application/json\r\nretry-after: 120\r\n" + how);
  CHECK_FALSE(answer.open);
  CHECK(answer.response.transfer == Transfer::kWhole);
  CHECK(answer.response.status == status);
  CHECK(answer.response.reason == "Some Words");
  CHECK(answer.response.body == R"({"title":"no, sir"})");
  CHECK(answer.response.content_type == "application/json");
  CHECK(answer.response.retry_after == 120s);
  CHECK(answer.proxy_status == 0);
}

TEST_CASE("Retry-After may be a date, and no wait is longer than a day") {
  const auto [value, least, most] =
      GENERATE(table<std::string, int, int>({{"Fri, 31 Dec 2100 23:59:59 GMT", 86'400, 86'400},
                                             {"999999999", 86'400, 86'400},
                                             {"0", 0, 0},
                                             {"-5", 0, 0},
                                             {"soon", 0, 0},
                                             {"99999999999999999999999", 0, 86'400}}));
  const auto wait =
      answer_to("HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: " + value + "\r\n\r\n")
          .response.retry_after.value_or(0s);
  CHECK(wait >= std::chrono::seconds(least));
  CHECK(wait <= std::chrono::seconds(most));
}

TEST_CASE("interim answers are skipped") {
  WebSocketServer server([](Peer& peer) {
    const std::string switching = peer.switching();
    peer.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" +
               switching);
    peer.write(close_frame(1001));
    peer.await_end();
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  Talk talk;
  talk.until_end(socket);
  CHECK(talk.end.value().code == 1001);
}

TEST_CASE("what is no HTTP, ends too early or never ends is no web socket") {
  const auto [bytes, transfer] = GENERATE(table<std::string, Transfer>(
      {{"", Transfer::kNoAnswer},
       {"SSH-2.0-OpenSSH_9.2\r\n\r\n", Transfer::kNoAnswer},
       {"ICY 101 x\r\n\r\n", Transfer::kNoAnswer},
       {"HTTP/1.1 1\r\n\r\n", Transfer::kNoAnswer},
       {"HTTP/1.1 101 Switching", Transfer::kNoAnswer},
       {"HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nabc", Transfer::kCutOff},
       {"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Transfer::kCutOff}}));
  CAPTURE(bytes);
  const WebSocketAnswer answer = answer_to(bytes);
  CHECK_FALSE(answer.open);
  CHECK(answer.response.transfer == transfer);
  CHECK_FALSE(answer.response.error.empty());
}

TEST_CASE("headers without end, and a body without end, are cut off") {
  SECTION("headers") {
    const WebSocketAnswer answer = answer_to([](Peer& peer) {
      peer.write("HTTP/1.1 101 x\r\n");
      for (int i = 0; i < 2'000; ++i) {
        peer.write("X-Pad: " + std::string(1'000, 'x') + "\r\n");
      }
    });
    CHECK(answer.response.transfer == Transfer::kNoAnswer);
    CHECK_FALSE(answer.response.error.empty());
  }
  SECTION("body") {
    const WebSocketAnswer answer = answer_to([](Peer& peer) {
      peer.write("HTTP/1.1 400 x\r\n\r\n");
      for (int i = 0; i < 2'000; ++i) {
        peer.write(std::string(1'000, 'x'));
      }
    });
    CHECK(answer.response.transfer == Transfer::kWhole);
    CHECK(answer.response.body.size() == kMaxErrorBody);
  }
}

TEST_CASE("a server that says nothing, or drips, has its time and no more") {
  const bool drips = GENERATE(false, true);
  const auto begin = std::chrono::steady_clock::now();
  const WebSocketAnswer answer = answer_to(
      [&](Peer& peer) {
        for (int i = 0; drips && i < 3'000 && peer.alive(); ++i) {
          peer.write(i == 0 ? "HTTP/" : "1");
          usleep(20'000);
        }
        peer.await_end();
      },
      1s);
  CHECK(answer.response.transfer == Transfer::kNoAnswer);
  CHECK(answer.response.error.find("within 1 s") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - begin < 30s);
}

TEST_CASE("the opening is given up when the run wants to end") {
  std::atomic<bool> stop = false;
  WebSocketServer server([&](Peer& peer) {
    peer.read_request();
    stop = true;
    peer.await_end();
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  WebSocketRequest request = request_to(server);
  request.upgrade_timeout = 600s;
  request.give_up = [&] { return stop.load(); };
  CHECK_FALSE(socket.open(request).open);
}

TEST_CASE("frames that are glued to the 101 are read") {
  WebSocketServer server([](Peer& peer) {
    peer.write(peer.switching() + frame(kText, "first") + frame(kText, "second") +
               close_frame(4401, "no"));
    peer.await_end();
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  Talk talk;
  talk.until_end(socket);
  CHECK(talk.messages == std::vector<std::string>{"first", "second"});
  CHECK(talk.end.value().code == 4401);
}

TEST_CASE("fragments, empty ones too, with pings between them, are one message") {
  std::vector<std::string> pongs;
  const Talk talk = hear([&](Peer& peer) {
    peer.write(frame(kText, "", false));
    for (const char* part : {"one ", "", "two ", "three"}) {
      peer.write(frame(0, part, false));
      peer.write(frame(kPing, std::string("p") + part));
    }
    peer.write(frame(0, "") + frame(kPing, "") + frame(kPing, std::string(125, 'q')));
    while (pongs.size() < 6) {
      const auto [opcode, payload] = peer.next_frame();
      REQUIRE(opcode == kPong);
      pongs.push_back(payload);
    }
    peer.write(close_frame(1000));
    peer.await_end();
  });
  CHECK(talk.messages == std::vector<std::string>{"one two three"});
  CHECK(pongs ==
        std::vector<std::string>{"pone ", "p", "ptwo ", "pthree", "", std::string(125, 'q')});
  CHECK(talk.end->code == 1000);
  CHECK_FALSE(talk.end->by_us);
}

TEST_CASE("frames torn at every byte are whole, and so are the words of a close") {
  const Talk talk = hear([](Peer& peer) {
    peer.write_slowly(frame(kText, "h\xc3\xa9 \xf0\x9f\x98\x80", false) + frame(kPing, "x") +
                      frame(0, " more") + frame(kText, std::string(200, 'y')));
    peer.write_slowly(close_frame(4409, "Zu fr\xc3\xbch \xe2\x80\x93 warten"));
    peer.await_end();
  });
  CHECK(talk.messages ==
        std::vector<std::string>{"h\xc3\xa9 \xf0\x9f\x98\x80 more", std::string(200, 'y')});
  CHECK(talk.end->code == 4409);
  CHECK(talk.end->reason == "Zu fr\xc3\xbch \xe2\x80\x93 warten");
  CHECK_FALSE(talk.end->by_us);
}

TEST_CASE("each close code comes with its words") {
  const int code = GENERATE(1000, 1001, 1011, 1012, 1013, 1014, 3000, 4400, 4401, 4403, 4408, 4409,
                            4429, 4499, 4500, 4504);
  const Talk talk = hear([&](Peer& peer) {
    peer.write(frame(kText, "last") + close_frame(code, "some words"));
    peer.await_end();
  });
  CHECK(talk.messages == std::vector<std::string>{"last"});
  CHECK(talk.end->code == code);
  CHECK(talk.end->reason == "some words");
  CHECK_FALSE(talk.end->by_us);
}

TEST_CASE("a close without a code is 1005") {
  const Talk talk = hear([](Peer& peer) {
    peer.write(frame(kClose, ""));
    peer.await_end();
  });
  CHECK(talk.end->code == 1005);
  CHECK_FALSE(talk.end->by_us);
}

TEST_CASE("the end of a connection without a close frame is 1006, whatever came before it") {
  const auto [bytes, reset] =
      GENERATE(table<std::string, bool>({{"", false},
                                         {"", true},
                                         {frame(kText, "whole"), false},
                                         {frame(kText, "half").substr(0, 3), false},
                                         {frame(kText, "part", false), false},
                                         {close_frame(1000).substr(0, 3), false}}));
  const Talk talk = hear([&, bytes = bytes, reset = reset](Peer& peer) {
    peer.write(bytes);
    if (reset) {
      peer.reset();
    }
  });
  CHECK(talk.end->code == 1006);
  CHECK_FALSE(talk.end->by_us);
  CHECK(talk.messages.size() == (bytes == frame(kText, "whole") ? 1 : 0));
}

TEST_CASE(
    "a close frame is heard although the server hangs up at once and our own does not arrive") {
  WebSocketServer server([](Peer& peer) {
    peer.upgrade();
    peer.write(close_frame(4409, "twice"));
    peer.reset();
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  for (int i = 0; i < 5; ++i) {
    socket.send(R"({"type":"ping"})");
  }
  Talk talk;
  talk.until_end(socket);
  REQUIRE(talk.end);
  CHECK((talk.end->code == 4409 || talk.end->code == 1006));  // the reset may have overtaken it
}

TEST_CASE("what a server may not send is answered by its code, and ends the connection") {
  const auto [bytes, code] = GENERATE(table<std::string, int>(
      {{frame(kText,
              "a\xff"
              "b"),
        1007},
       {frame(kText, "a\xc3"), 1007},
       {frame(kText, "\xed\xa0\x80"), 1007},
       {frame(kText, "a\xc3", false) + frame(0, "x"), 1007},
       {frame(kBinary, "binary"), 1003},
       {frame(3, "reserved"), 1002},
       {frame(0, "nothing to continue"), 1002},
       {frame(kText, "a", false) + frame(kText, "b"), 1002},
       {frame(kPing, "x", false), 1002},
       {std::string("\xc1\x01x", 3), 1002},  // compressed
       {frame(kText, std::string(200, 'm')).replace(1, 1, "\xfe").insert(4, "mask"), 1002},
       {std::string("\x81\x7f\x00\x00\x00\x00\x04\x00\x00\x01x", 11), 1009},
       {std::string("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10), 1002}}));
  CAPTURE(code, bytes.substr(0, 20));
  int answered = 0;
  const Talk talk = hear([&, bytes = bytes](Peer& peer) {
    peer.write(frame(kText, "before") + bytes);
    const auto [opcode, payload] = peer.next_frame();
    if (opcode == kClose && payload.size() >= 2) {
      answered =
          static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
    }
    peer.await_end();
  });
  CHECK(talk.messages == std::vector<std::string>{"before"});
  CHECK(talk.end->code == code);
  CHECK(talk.end->by_us);
  CHECK((answered == code || (code == 1002 && answered == 0)));
}

TEST_CASE("a message of 50 MB is taken, in one frame or in many; one of more than 64 MiB is not") {
  const auto [size, piece, whole] =
      GENERATE(table<std::size_t, std::size_t, bool>({{50'000'000, 50'000'000, true},
                                                      {50'000'000, 100'000, true},
                                                      {70'000'000, 1'000'000, false}}));
  const Talk talk = hear([&, size = size, piece = piece](Peer& peer) {
    const std::string part(piece, 'z');
    for (std::size_t sent = 0; sent < size; sent += piece) {
      peer.write(frame(sent == 0 ? kText : 0, part, sent + piece == size));
    }
    peer.write(close_frame(1000));
    peer.await_end();
  });
  CHECK(talk.messages.size() == (whole ? 1 : 0));
  if (whole) {
    CHECK(talk.messages[0].size() == size);
  }
  CHECK(talk.end->code == (whole ? 1000 : 1009));
  CHECK(talk.heard);
}

TEST_CASE("a turn reads 64 KiB at most, so that a flood leaves time for other things") {
  WebSocketServer server([](Peer& peer) {
    peer.upgrade();
    std::string flood;
    for (int i = 0; i < 1'000; ++i) {
      flood += frame(kText, std::string(1'000, 'f'));
    }
    peer.write(flood);
    peer.await_end();
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  std::size_t messages = 0;
  std::size_t most = 0;
  while (messages < 1'000) {
    const WebSocketTurn turn = socket.turn(10s);
    REQUIRE_FALSE(turn.end);
    messages += turn.messages.size();
    most = std::max(most, turn.messages.size());
  }
  CHECK(most <= 66);
}

TEST_CASE("without reading, the server is held back, and nothing is lost") {
  std::atomic<int> written = 0;
  WebSocketServer server([&](Peer& peer) {
    peer.upgrade();
    for (; written < 300; ++written) {
      peer.write(frame(kText, std::string(100'000, 'f')));
    }
    peer.write(close_frame(1000));
    peer.await_end();
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  for (int i = 0; i < 10; ++i) {
    const WebSocketTurn turn = socket.turn(50ms, false);
    CHECK(turn.messages.empty());
    CHECK_FALSE(turn.heard);
  }
  CHECK(written < 300);
  Talk talk;
  talk.until_end(socket);
  CHECK(talk.messages.size() == 300);
  CHECK(talk.end.value().code == 1000);
}

TEST_CASE("without reading, a dead connection costs no time of the processor and is told later") {
  WebSocketServer server([](Peer& peer) {
    peer.upgrade();
    peer.write(frame(kText, "last"));
    peer.reset();
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  usleep(200'000);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(socket.turn(100ms, false).end);
  }
  CHECK(std::chrono::steady_clock::now() - begin > 300ms);
  Talk talk;
  talk.until_end(socket);
  CHECK(talk.end.value().code == 1006);
}

TEST_CASE("another thread ends a turn's wait") {
  WebSocketServer server([](Peer& peer) {
    peer.upgrade();
    peer.await_end();
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  const auto begin = std::chrono::steady_clock::now();
  std::thread other([&] {
    usleep(100'000);
    wakeup.raise();
  });
  const WebSocketTurn turn = socket.turn(60s);
  other.join();
  CHECK(std::chrono::steady_clock::now() - begin < 30s);
  CHECK_FALSE(turn.end);
  CHECK_FALSE(turn.heard);
}

// More answers than wait for the peer are not made: its PINGs are not read then.
TEST_CASE("a server that floods with pings and reads no answer is held back") {
  constexpr int kRounds = 1'000;  // of 127 kB
  std::atomic<int> written = 0;
  WebSocketServer server([&](Peer& peer) {
    peer.upgrade();
    std::string pings;
    for (int i = 0; i < 1'000; ++i) {
      pings += frame(kPing, std::string(125, 'p'));
    }
    for (; written < kRounds && peer.alive(); ++written) {
      peer.write(pings);
    }
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  int before = -1;
  int still = 0;
  while (still < 30 && written < kRounds) {
    CHECK_FALSE(socket.turn(20ms).end);
    still = written == before ? still + 1 : 0;
    before = written;
  }
  CHECK(written < kRounds);
}

TEST_CASE("dripping bytes are no sign of life, a frame is, and so is much of a big one") {
  WebSocketServer server([](Peer& peer) {
    peer.upgrade();
    peer.write_slowly(frame(kText, std::string(300, 'x')).substr(0, 100), 10'000);
    peer.await_end();
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  for (int i = 0; i < 20; ++i) {
    CHECK_FALSE(socket.turn(50ms).heard);
  }
}

TEST_CASE("a server that does not answer our close is left after 5 s") {
  WebSocketServer server([](Peer& peer) {
    peer.upgrade();
    peer.await_end();
  });
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  REQUIRE(socket.open(request_to(server)).open);
  socket.close(1000);
  Talk talk;
  talk.until_end(socket);
  REQUIRE(talk.end);
  CHECK(talk.end->by_us);
}

TEST_CASE("over TLS: the same, trusted by its authority alone") {
  const Identity identity;
  WebSocketServer server(
      [](Peer& peer) {
        peer.write(peer.switching() + frame(kText, "glued"));
        std::string flood;
        for (int i = 0; i < 500; ++i) {
          flood += frame(kText, std::string(3'000, 'f'));
        }
        peer.write(flood);
        const auto [opcode, payload] = peer.next_frame();
        peer.write(frame(kText, payload) + close_frame(4504));
        peer.await_end();
      },
      identity.context.get());
  const Wakeup wakeup;
  SECTION("trusted") {
    WebSocket socket({.ca_file = identity.ca_file, .proxy = {}, .no_proxy = {}}, wakeup);
    const WebSocketAnswer answer = socket.open(request_to(server));
    CAPTURE(answer.response.error);
    REQUIRE(answer.open);
    socket.send("hello");
    Talk talk;
    talk.until_end(socket);
    REQUIRE(talk.messages.size() == 502);
    CHECK(talk.messages.back() == "hello");
    CHECK(talk.end.value().code == 4504);
  }
  SECTION("unknown authority") {
    WebSocket socket({}, wakeup);
    const WebSocketAnswer answer = socket.open(request_to(server));
    CHECK(answer.response.transfer == Transfer::kUntrusted);
    CHECK_FALSE(answer.response.error.empty());
  }
}

TEST_CASE("what cannot be reached says so, and never shows the key") {
  const Wakeup wakeup;
  WebSocket socket({}, wakeup);
  WebSocketRequest request;
  request.url = GENERATE("http://127.0.0.1:1/subscriptions?key=feedfacefeedface",
                         "http://no-such-host.invalid/subscriptions?key=feedfacefeedface");
  const WebSocketAnswer answer = socket.open(request);
  CHECK(answer.response.transfer == Transfer::kUnreachable);
  CHECK_FALSE(answer.response.error.empty());
  CHECK(answer.response.error.find("feedface") == std::string::npos);
}

TEST_CASE("a server that repeats the key's hash is shown masked") {
  const WebSocketAnswer answer = answer_to(
      "HTTP/1.1 400 no key 0123456789abcdef0123456789abcdef\r\nContent-Length: 0\r\n\r\n");
  CHECK(masked(answer.response.reason) == "no key ***");
}

TEST_CASE("a proxy is asked for a tunnel, and its refusal told apart from OHIP's") {
  const int status = GENERATE(200, 407, 403, 503);
  std::string asked;
  std::string inside;
  WebSocketServer proxy([&](Peer& peer) {
    asked = peer.read_request();
    peer.write("HTTP/1.1 " + std::to_string(status) + " Words\r\n" +
               (status == 407 ? "Proxy-Authenticate: Basic realm=x\r\n" : "") +
               (status == 200 ? "\r\n" : "Content-Length: 0\r\n\r\n"));
    if (status == 200) {
      inside = peer.read();
      peer.write("HTTP/1.1 503 From OHIP\r\nContent-Length: 0\r\n\r\n");
    }
    peer.await_end();
  });
  const Wakeup wakeup;
  WebSocketAnswer answer;
  {
    WebSocket socket(
        {.ca_file = {}, .proxy = "http://user:secret@" + proxy.address(), .no_proxy = {}}, wakeup);
    WebSocketRequest request;
    request.url = "http://ohip.invalid:8080/subscriptions?key=feedfacefeedface";
    request.subprotocol = "graphql-transport-ws";
    answer = socket.open(request);
  }
  CHECK(asked.rfind("CONNECT ohip.invalid:8080 HTTP/1.1\r\n", 0) == 0);
  CHECK(asked.find("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=") != std::string::npos);
  CHECK(asked.find("feedface") == std::string::npos);
  if (status == 200) {
    CHECK(inside.find("\r\nHost: ohip.invalid:8080\r\n") != std::string::npos);
    CHECK(answer.response.status == 503);
    CHECK(answer.proxy_status == 0);
  } else {
    CHECK(answer.proxy_status == status);
    CHECK(answer.response.status == 0);
  }
}
