#include "config/command_line.h"

#include <curl/curl.h>
#include <librdkafka/rdkafka.h>

#include "config/setting.h"
#include "support/catch.h"
#include "support/configuration.h"

namespace ohip {
namespace {

Error parse_error(const std::vector<const char*>& arguments) {
  Error error = error_of([&] { parse(arguments); });
  CHECK(error.status() == ExitStatus::kUsage);
  return error;
}

std::string setting(const Options& options, const std::string& name) {
  const auto found = options.settings.find(name);
  return found == options.settings.end() ? "" : found->second.text;
}

}  // namespace

TEST_CASE("without a mode each queue is polled once") {
  CHECK_FALSE(parse({}).mode);
  CHECK(parse({"--once"}).mode == Mode::kOnce);
  CHECK(parse({"--drain"}).mode == Mode::kDrain);
  CHECK(parse({"--check"}).mode == Mode::kCheck);
  CHECK(parse({"--replay"}).mode == Mode::kReplay);
  CHECK(parse({"--list"}).mode == Mode::kList);
}

TEST_CASE("files to be put back may be several, and any text is one") {
  const Options options = parse({"--requeue", "a,b.json", "--requeue=all"});
  CHECK(options.mode == Mode::kRequeue);
  CHECK(options.requeue == std::vector<std::string>{"a,b.json", "all"});
  CHECK(parse_error({"--requeue"}).status() == ExitStatus::kUsage);
  CHECK(mentions(parse_error({"--requeue", "all", "--replay"}), "exclude each other"));
}

TEST_CASE("two modes exclude each other") {
  const Error error = parse_error({"--drain", "--check"});
  CHECK(mentions(error, "--drain and --check exclude each other"));
  CHECK(mentions(error, "--help"));
}

TEST_CASE("every option reaches the setting of its environment name") {
  const As program(GENERATE(Program::kPoll, Program::kStream));
  for (const Setting& known : settings()) {
    if (!known.option.empty() && known.is_used()) {
      const std::string option =
          "--" + std::string(known.long_option()) + (known.argument.empty() ? "" : "=text");
      INFO(option);
      const Options options = parse({option.c_str()});
      CHECK(setting(options, std::string(known.name)) ==
            (known.argument.empty() ? "true" : "text"));
      CHECK(options.settings.begin()->second.status == ExitStatus::kUsage);
    }
  }
  CHECK(setting(parse({"-b", "one:1234,two:1234"}), "KAFKA_BOOTSTRAP_SERVERS") ==
        "one:1234,two:1234");
}

TEST_CASE("hotels add up, of other options the last one counts") {
  CHECK(setting(parse({"--hotel", "A", "--hotel", "B,C"}), "OHIP_HOTELS") == "A,B,C");
  CHECK(setting(parse({"--limit", "5", "--limit", "6"}), "OHIP_LIMIT") == "6");
}

TEST_CASE("the option -X takes any property, also with commas and equals signs in its value") {
  const Options options = parse({"-X", "debug=broker,topic", "-Xclient.id=a=b", "-X", "acks=1",
                                 "-X", "acks=all", "-X", "ssl.ca.location="});
  CHECK(options.properties.at("debug").text == "broker,topic");
  CHECK(options.properties.at("client.id").text == "a=b");
  CHECK(options.properties.at("acks").text == "all");
  CHECK(options.properties.at("ssl.ca.location").text.empty());
  CHECK(options.properties.at("debug").origin == "-X debug");
}

TEST_CASE("a short option's value may follow at once, whatever it holds") {
  CHECK(parse({"-vXlinger.ms=5"}).properties.at("linger.ms").text == "5");
  CHECK(parse({"-vXlinger.ms=5"}).log_level == LogLevel::kInfo);
  CHECK(setting(parse({"-bone:1234,two:1234"}), "KAFKA_BOOTSTRAP_SERVERS") == "one:1234,two:1234");
  CHECK(mentions(parse_error({"--", "-Xacks=all"}), "unexpected argument"));
}

TEST_CASE("an argument as long as the system takes is understood or refused in a line") {
  const std::string hotels = "--hotel=" + std::string(120'000, ',') + "A";
  CHECK(setting(parse({hotels.c_str()}), "OHIP_HOTELS").size() == 120'001);
  const std::string option = GENERATE("--", "-", "-X", "--drain=", "") + std::string(120'000, 'z');
  CHECK(std::string(parse_error({option.c_str()}).what()).size() < 1'000);
}

TEST_CASE("a secret is not taken from the command line and not repeated") {
  const auto property =
      GENERATE(as<std::string>(), "sasl.password", "ssl.key.password", "ssl.keystore.password",
               "ssl.key.pem", "ssl_key", "sasl.oauthbearer.client.secret");
  const std::string argument = property + "=hunter2";
  const Error error = parse_error({"-X", argument.c_str()});
  CHECK(mentions(error, property));
  CHECK_FALSE(mentions(error, "hunter2"));
}

TEST_CASE("a secret refused on the command line comes with where to put it") {
  const Error error = parse_error({"-X", "sasl.password=hunter2"});
  CHECK(mentions(error, "KAFKA_SASL_PASSWORD"));
  CHECK(mentions(error, "KAFKA_SASL_PASSWORD_FILE"));
}

TEST_CASE("what is not understood is not repeated where it may be a secret") {
  CHECK_FALSE(mentions(parse_error({"-X", "sasl.password hunter2"}), "hunter2"));
  CHECK_FALSE(mentions(parse_error({"-X", "sasl.password", "hunter2"}), "hunter2"));
  CHECK_FALSE(mentions(parse_error({"-X", "sasl.password:hunter2=x"}), "hunter2"));
  CHECK_FALSE(mentions(parse_error({"--client-secret=hunter2"}), "hunter2"));
  CHECK_FALSE(mentions(parse_error({"--client-secret", "hunter2"}), "hunter2"));
  CHECK_FALSE(mentions(parse_error({"--client.secret=hunter2"}), "hunter2"));
  CHECK_FALSE(mentions(parse_error({"--client:secret=hunter2"}), "hunter2"));
  CHECK_FALSE(mentions(parse_error({"-sasl.password=hunter2"}), "hunter2"));
}

TEST_CASE("an unknown option, a missing, empty or left-over argument are usage errors") {
  CHECK(mentions(parse_error({"--hotle", "ABC"}), "hotle"));
  CHECK(mentions(parse_error({"-Z"}), "Z"));
  CHECK(mentions(parse_error({"--hotel"}), "hotel"));
  CHECK(mentions(parse_error({"--hotel", ""}), "--hotel: empty"));
  CHECK(mentions(parse_error({"ABC"}), "unexpected argument \"ABC\""));
  CHECK(mentions(parse_error({"--", "ABC"}), "unexpected argument \"ABC\""));
  CHECK(mentions(parse_error({"--drain=perhaps"}), "perhaps"));
}

TEST_CASE("the option -v says more and -q less, not both") {
  CHECK(parse({}).log_level == LogLevel::kWarning);
  CHECK(parse({"-v"}).log_level == LogLevel::kInfo);
  CHECK(parse({"-vv"}).log_level == LogLevel::kDebug);
  CHECK(parse({"-v", "--verbose"}).log_level == LogLevel::kDebug);
  CHECK(parse({"-q"}).log_level == LogLevel::kError);
  CHECK(mentions(parse_error({"-q", "-v"}), "exclude"));
}

TEST_CASE("the version names the libraries that are in use") {
  const std::string text = parse({"--version"}).text;
  CHECK(contains(text, curl_version()));
  CHECK(contains(text, std::string("librdkafka/") + rd_kafka_version_str()));
}

TEST_CASE("the options --version and --help are answered whatever else is asked") {
  CHECK(contains(parse({"--version"}).text, "ohip-poll "));
  CHECK(contains(parse({"--drain", "--limit", "99", "--help"}).text, "Usage:"));
  CHECK(parse({"--drain"}).text.empty());
}

TEST_CASE("the option --help names every setting, its option and default, and the exit statuses") {
  const As program(GENERATE(Program::kPoll, Program::kStream));
  const std::string help = parse({"--help"}).text;
  for (const Setting& known : settings()) {
    INFO(known.name);
    if (!known.is_used()) {
      CHECK_FALSE(contains(help, '[' + std::string(known.name)));
      continue;
    }
    CHECK(contains(help, std::string(known.name)));
    CHECK(contains(help, std::string(known.fallback)));
    const std::string_view words = known.program_help();
    CHECK(contains(help, std::string(words.substr(0, words.find(' ')))));
    if (!known.option.empty()) {
      CHECK(contains(help, "--" + std::string(known.long_option())));
    }
  }
  for (const char* status : {"64", "65", "69", "70", "74", "76", "77", "78"}) {
    CHECK(contains(help, status));
  }
}

TEST_CASE("a stream's command line has its own modes, and --from") {
  const As program(Program::kStream);
  CHECK_FALSE(parse({"--chain", "CHAIN"}).mode);
  CHECK(parse({"--drain"}).mode == Mode::kDrain);
  CHECK(parse({"--check"}).mode == Mode::kCheck);
  CHECK(parse({"--from", "193"}).from == "193");
  CHECK(contains(parse({"--version"}).text, "ohip-stream "));
  CHECK(contains(parse({"--help"}).text, "--from highest|OFFSET"));
  CHECK(mentions(parse_error({"--drain", "--run-for=1m"}), "exclude"));
  for (const char* option : {"--once", "--replay", "--limit=5", "--from", "--jobs=2"}) {
    CHECK(mentions(parse_error({option}), "ohip-stream --help"));
  }
}

TEST_CASE("the line that says how to set something names option and environment") {
  CHECK(how_to_set("KAFKA_BOOTSTRAP_SERVERS") == "--brokers or KAFKA_BOOTSTRAP_SERVERS");
  CHECK(how_to_set("OHIP_CLIENT_SECRET") == "OHIP_CLIENT_SECRET");
}

}  // namespace ohip
