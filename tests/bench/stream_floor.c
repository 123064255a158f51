// The least that streaming can cost: token, socket, events to Kafka until so many are delivered, by
// libcurl, wslay and librdkafka, with no care for anything: no position, no transaction, nothing is
// verified. The keys are ohip-stream's, found as only ohip-sim's JSON lets them be found. Settings
// come from the environment, under ohip-stream's names.
//   stream_floor EVENTS

#include <librdkafka/rdkafka.h>
#include <openssl/sha.h>
#include <poll.h>
#include <wslay/wslay.h>

#include "floor.h"

static const char* const kQuery =
    "{\"id\":\"1\",\"type\":\"subscribe\",\"payload\":{\"query\":\"subscription { newEvent(input: "
    "{ chainCode: \\\"%s\\\", offset: \\\"0\\\" }) { metadata { offset uniqueEventId } moduleName "
    "eventName primaryKey timestamp hotelId publisherId actionInstanceId detail { oldValue "
    "newValue elementName scopeFrom scopeTo elementSequence elementType elementRole } } }\"}}";

struct stream {
  CURL* curl;
  wslay_event_context_ptr frames;
  rd_kafka_t* kafka;
  rd_kafka_topic_t* topic;
  long left;  // events
};

static void wait_for(CURL* curl, short what) {
  curl_socket_t socket = CURL_SOCKET_BAD;
  curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &socket);
  struct pollfd ready = {socket, what, 0};
  poll(&ready, 1, 10000);
}

// The key in the address is the application key's SHA-256.
static void write_upgrade(char* request, size_t size) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  char key[2 * SHA256_DIGEST_LENGTH + 1];
  const char* app_key = setting("OHIP_APP_KEY");
  SHA256((const unsigned char*)app_key, strlen(app_key), digest);
  for (size_t i = 0; i < sizeof(digest); ++i) {
    snprintf(key + 2 * i, 3, "%02x", digest[i]);
  }
  snprintf(request, size,
           "GET /subscriptions?key=%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
           "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
           key, strstr(setting("OHIP_GATEWAY_URL"), "//") + 2);
}

static CURL* open_socket(void) {
  CURL* curl = curl_easy_init();
  char text[2048];
  size_t count = 0;
  curl_easy_setopt(curl, CURLOPT_URL, setting("OHIP_GATEWAY_URL"));
  curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
  check(curl_easy_perform(curl) == CURLE_OK, "no connection");
  write_upgrade(text, sizeof(text));
  check(curl_easy_send(curl, text, strlen(text), &count) == CURLE_OK, "not sent");
  size_t size = 0;
  do {  // by the byte, lest the first frame be taken too
    const CURLcode code = curl_easy_recv(curl, text + size, 1, &count);
    if (code == CURLE_AGAIN) {
      wait_for(curl, POLLIN);
    } else {
      check(code == CURLE_OK && count == 1 && size < sizeof(text) - 2, "no answer");
      text[++size] = '\0';
    }
  } while (size < 4 || strcmp(text + size - 4, "\r\n\r\n") != 0);
  check(strncmp(text, "HTTP/1.1 101", 12) == 0, text);
  return curl;
}

static ssize_t receive(wslay_event_context_ptr frames, uint8_t* data, size_t size, int flags,
                       void* user) {
  (void)flags;
  struct stream* stream = user;
  size_t count = 0;
  const CURLcode code = curl_easy_recv(stream->curl, data, size, &count);
  if (code == CURLE_OK && count > 0) {
    return (ssize_t)count;
  }
  wslay_event_set_error(frames,
                        code == CURLE_AGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
  return -1;
}

static ssize_t transmit(wslay_event_context_ptr frames, const uint8_t* data, size_t size, int flags,
                        void* user) {
  (void)flags;
  struct stream* stream = user;
  size_t count = 0;
  const CURLcode code = curl_easy_send(stream->curl, data, size, &count);
  if (code == CURLE_OK) {
    return (ssize_t)count;
  }
  wslay_event_set_error(frames,
                        code == CURLE_AGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
  return -1;
}

static int mask(wslay_event_context_ptr frames, uint8_t* bytes, size_t size, void* user) {
  (void)frames;
  (void)user;
  memset(bytes, 7, size);
  return 0;
}

static void say(struct stream* stream, const char* text) {
  const struct wslay_event_msg message = {WSLAY_TEXT_FRAME, (const uint8_t*)text, strlen(text)};
  check(wslay_event_queue_msg(stream->frames, &message) == 0, "no memory");
}

static void add_member(char* key, size_t size, const char* event, const char* name) {
  const char* begin = strstr(event, name);
  check(begin != NULL, name);
  begin += strlen(name);
  const size_t used = strlen(key);
  snprintf(key + used, size - used, "%s%.*s", used > 0 ? "/" : "", (int)strcspn(begin, "\""),
           begin);
}

static void produce(struct stream* stream, const char* event, size_t size) {
  char key[256] = "";
  add_member(key, sizeof(key), event, "\"hotelId\":\"");
  add_member(key, sizeof(key), event, "\"moduleName\":\"");
  add_member(key, sizeof(key), event, "\"primaryKey\":\"");
  check(rd_kafka_produce(stream->topic, RD_KAFKA_PARTITION_UA,
                         RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK, (void*)event, size, key,
                         strlen(key), NULL) == 0,
        "produce failed");
  --stream->left;
}

// {"id":…,"type":"next","payload":{"data":{"newEvent":{…}}}}, whatever the order of the first two.
static void on_message(wslay_event_context_ptr frames,
                       const struct wslay_event_on_msg_recv_arg* message, void* user) {
  (void)frames;
  struct stream* stream = user;
  if (message->opcode != WSLAY_TEXT_FRAME) {
    return;
  }
  char* text = (char*)message->msg;
  static const char kEvent[] = "\"newEvent\":";
  char* event = memmem(text, message->msg_length, kEvent, strlen(kEvent));
  if (event == NULL) {
    if (memmem(text, message->msg_length, "connection_ack", 14) != NULL) {
      char subscribe[2048];
      snprintf(subscribe, sizeof(subscribe), kQuery, setting("OHIP_CHAIN"));
      say(stream, subscribe);
    }
    return;
  }
  event += strlen(kEvent);
  const size_t size = message->msg_length - (size_t)(event - text) - strlen("}}}");
  event[size] = '\0';
  if (stream->left > 0) {
    produce(stream, event, size);
  }
}

static void set(rd_kafka_conf_t* configuration, const char* name, const char* value) {
  char why[256];
  check(rd_kafka_conf_set(configuration, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK, why);
}

static void ignore(rd_kafka_t* kafka, const rd_kafka_message_t* message, void* opaque) {
  (void)kafka;
  (void)message;
  (void)opaque;
}

static rd_kafka_t* connect_kafka(void) {
  char why[256];
  rd_kafka_conf_t* configuration = rd_kafka_conf_new();
  set(configuration, "bootstrap.servers", setting("KAFKA_BOOTSTRAP_SERVERS"));
  set(configuration, "partitioner", "murmur2_random");
  rd_kafka_conf_set_dr_msg_cb(configuration, ignore);
  rd_kafka_t* kafka = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, why, sizeof(why));
  check(kafka != NULL, why);
  return kafka;
}

int main(int argc, char** argv) {
  check(argc == 2, "how many events?");
  char token[2048];
  char text[4096];
  struct stream stream = {.kafka = connect_kafka(), .left = atol(argv[1])};
  stream.topic = rd_kafka_topic_new(stream.kafka, setting("KAFKA_TOPIC"), NULL);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL* asking = curl_easy_init();
  get_token(asking, token, sizeof(token));
  curl_easy_cleanup(asking);
  stream.curl = open_socket();
  const struct wslay_event_callbacks callbacks = {.recv_callback = receive,
                                                  .send_callback = transmit,
                                                  .genmask_callback = mask,
                                                  .on_msg_recv_callback = on_message};
  check(wslay_event_context_client_init(&stream.frames, &callbacks, &stream) == 0, "no memory");
  snprintf(text, sizeof(text),
           "{\"type\":\"connection_init\",\"payload\":{\"Authorization\":\"Bearer %s\","
           "\"x-app-key\":\"%s\"}}",
           token, setting("OHIP_APP_KEY"));
  say(&stream, text);
  while (stream.left > 0) {
    check(wslay_event_send(stream.frames) == 0, "the socket is gone");
    wait_for(stream.curl, POLLIN);
    check(wslay_event_recv(stream.frames) == 0, "the socket is gone");
    check(!wslay_event_get_close_received(stream.frames), "OHIP has closed the socket");
    rd_kafka_poll(stream.kafka, 0);
  }
  check(rd_kafka_flush(stream.kafka, 60000) == RD_KAFKA_RESP_ERR_NO_ERROR, "not delivered");
  return 0;  // the system cleans up faster than librdkafka does
}
