// The least that one run can cost: token, poll, 20 records, exit, by libcurl and librdkafka, with
// no care for anything. The keys are ohip-poll's, found as only ohip-sim's JSON lets them be found.
// Settings come from the environment, under ohip-poll's names.

#include <librdkafka/rdkafka.h>
#include <stdarg.h>

#include "floor.h"

static const char* const kEvent = "{\"businessEvent\":";

static char* poll_queue(CURL* curl, const char* token) {
  char bearer[2304];
  char path[512];
  snprintf(bearer, sizeof(bearer), "Bearer %s", token);
  snprintf(path, sizeof(path), "/int/v1/externalSystem/%s/hotels/%s/businessEvents?limit=20",
           setting("OHIP_EXTERNAL_SYSTEM"), setting("OHIP_HOTELS"));
  struct curl_slist* headers = header(NULL, "Authorization", bearer);
  headers = header(headers, "x-app-key", setting("OHIP_APP_KEY"));
  headers = header(headers, "x-hotelid", setting("OHIP_HOTELS"));
  headers = header(headers, "Accept", "application/json");
  curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  curl_easy_setopt(curl, CURLOPT_USERNAME, NULL);
  curl_easy_setopt(curl, CURLOPT_PASSWORD, NULL);
  return ask(curl, path, headers);
}

// The member's scalar, without quotes.
static void add_member(char* key, size_t size, const char* event, const char* name) {
  const char* begin = strstr(event, name);
  check(begin != NULL, name);
  begin += strlen(name);
  begin += *begin == '"' ? 1 : 0;
  const size_t used = strlen(key);
  snprintf(key + used, size - used, "%s%.*s", used > 0 ? "/" : "", (int)strcspn(begin, "\","),
           begin);
}

static void produce(rd_kafka_topic_t* topic, char* event, size_t size) {
  char key[256] = "";
  add_member(key, sizeof(key), event, "\"hotelId\":");
  add_member(key, sizeof(key), event, "\"moduleName\":");
  add_member(key, sizeof(key), event, "\"primaryKey\":");
  check(rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, event, size, key,
                         strlen(key), NULL) == 0,
        "produce failed");
}

static void publish(rd_kafka_topic_t* topic, char* answer) {
  char* event = strstr(answer, kEvent);
  while (event != NULL) {
    char* next = strstr(event + 1, kEvent);
    const char* end = next != NULL ? next - 1 : strstr(event, "],\"DataValueMapping\"");
    check(end != NULL, "the answer has no end");
    produce(topic, event, (size_t)(end - event));
    event = next;
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
  set(configuration, "linger.ms", "0");
  set(configuration, "socket.nagle.disable", "true");
  rd_kafka_conf_set_dr_msg_cb(configuration, ignore);  // without, rd_kafka_flush() sleeps
  rd_kafka_t* kafka = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, why, sizeof(why));
  check(kafka != NULL, why);
  return kafka;
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "--version") == 0) {
    printf("librdkafka %s, %s\n", rd_kafka_version_str(), curl_version());
    return 0;
  }
  rd_kafka_t* kafka = connect_kafka();
  rd_kafka_topic_t* topic = rd_kafka_topic_new(kafka, setting("KAFKA_TOPIC"), NULL);
  check(topic != NULL, "no topic");
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL* curl = curl_easy_init();
  char token[2048];
  get_token(curl, token, sizeof(token));
  char* answer = poll_queue(curl, token);
  publish(topic, answer);
  check(rd_kafka_flush(kafka, 10000) == RD_KAFKA_RESP_ERR_NO_ERROR, "not delivered");
  free(answer);
  curl_easy_cleanup(curl);
  return 0;  // the system cleans up faster than librdkafka does
}
