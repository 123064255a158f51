// What both floors need of libcurl and of their environment.
#pragma once

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct body {
  char* text;
  size_t size;
};

static void check(int holds, const char* what) {
  if (!holds) {
    fprintf(stderr, "floor: %s\n", what);
    exit(1);
  }
}

static const char* setting(const char* name) {
  const char* value = getenv(name);
  check(value != NULL, name);
  return value;
}

static struct curl_slist* header(struct curl_slist* list, const char* name, const char* value) {
  char line[2048];
  snprintf(line, sizeof(line), "%s: %s", name, value);
  return curl_slist_append(list, line);
}

static size_t take(char* data, size_t one, size_t size, void* to) {
  struct body* body = to;
  body->text = realloc(body->text, body->size + size + 1);
  check(body->text != NULL, "no memory");
  memcpy(body->text + body->size, data, one * size);
  body->size += size;
  body->text[body->size] = '\0';
  return size;
}

// The answer to one request; the caller's to free.
static char* ask(CURL* curl, const char* path, struct curl_slist* headers) {
  char url[1024];
  snprintf(url, sizeof(url), "%s%s", setting("OHIP_GATEWAY_URL"), path);
  struct body body = {NULL, 0};
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
  if (getenv("OHIP_CA_FILE") != NULL) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("OHIP_CA_FILE"));
  }
  check(curl_easy_perform(curl) == CURLE_OK, url);
  check(body.text != NULL, "the queue is empty");
  curl_slist_free_all(headers);
  return body.text;
}

static void get_token(CURL* curl, char* token, size_t size) {
  char form[256];
  snprintf(form, sizeof(form), "grant_type=client_credentials&scope=%s", setting("OHIP_SCOPE"));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
  curl_easy_setopt(curl, CURLOPT_USERNAME, setting("OHIP_CLIENT_ID"));
  curl_easy_setopt(curl, CURLOPT_PASSWORD, setting("OHIP_CLIENT_SECRET"));
  struct curl_slist* headers = header(NULL, "x-app-key", setting("OHIP_APP_KEY"));
  char* answer =
      ask(curl, "/oauth/v1/tokens", header(headers, "enterpriseId", setting("OHIP_ENTERPRISE_ID")));
  const char* begin = strstr(answer, "\"access_token\":\"");
  check(begin != NULL, "no token");
  begin += strlen("\"access_token\":\"");
  snprintf(token, size, "%.*s", (int)strcspn(begin, "\""), begin);
  free(answer);
}
