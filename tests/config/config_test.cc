#include "config/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/secrets.h"
#include "support/catch.h"
#include "support/configuration.h"

namespace ohip {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

Environment with_file(const std::string& path) {
  Environment environment = complete_environment();
  environment.default_config_file = path;
  return environment;
}

Error file_error(const std::string& content) {
  const Scratch scratch;
  Error error = load_error(with_file(scratch.file("env", content)));
  CHECK(error.status() == ExitStatus::kConfig);
  return error;
}

}  // namespace

TEST_CASE("with the required settings alone all others have their defaults") {
  const Config config = load(complete_environment());
  const Config untouched;
  CHECK(config.hotels == Texts{"ABC"});
  CHECK(config.external_system == "EXTSYS");
  CHECK(config.gateway.host == "gateway.example.com");
  CHECK(config.gateway.name == "gateway.example.com");
  CHECK(config.credentials.client_secret == "the client secret");
  CHECK(config.credentials.scope == "urn:opc:hgbu:ws:__myscopes__");
  CHECK_FALSE(config.credentials.password_grant());
  CHECK(config.topic == "ohip.business-events");
  CHECK(config.kafka.at("bootstrap.servers") == "broker:1234");
  CHECK(config.kafka.at("message.timeout.ms") == "50000");
  CHECK(config.mode == untouched.mode);
  CHECK(config.scope == untouched.scope);
  CHECK(config.limit == untouched.limit);
  CHECK(config.external_data == untouched.external_data);
  CHECK(config.deadline == untouched.deadline);
  CHECK(config.poll_timeout == untouched.poll_timeout);
  CHECK(config.log_level == untouched.log_level);
  CHECK(config.config_file.empty());
  CHECK(config.proxy.empty());
}

TEST_CASE("every option ends where it belongs") {
  const Scratch scratch;
  const std::string roots = scratch.file("roots.pem", "...");
  const Config config = load(complete_environment(), {"--drain",
                                                      "--hotel",
                                                      "X,Y",
                                                      "--hotel",
                                                      "X",
                                                      "--external-system=OTHER",
                                                      "--gateway-url=https://other.example.com/",
                                                      "--limit=5",
                                                      "--topic=t.{module}",
                                                      "-b",
                                                      "other:1",
                                                      "--kafka-profile=oci-streaming",
                                                      "--spool-dir=/var/tmp/spool",
                                                      "--deadline=2m",
                                                      "--poll-timeout=30",
                                                      "--external-data",
                                                      "--ca-file",
                                                      roots.c_str(),
                                                      "-X",
                                                      "security.protocol=SSL",
                                                      "-X",
                                                      "linger.ms=3",
                                                      "-v"});
  CHECK(config.mode == Mode::kDrain);
  CHECK(config.hotels == Texts{"X", "Y"});
  CHECK(config.external_system == "OTHER");
  CHECK(config.gateway.url == "https://other.example.com");
  CHECK(config.limit == 5);
  CHECK(config.topic == "t.{module}");
  CHECK(config.kafka.at("bootstrap.servers") == "other:1");
  CHECK(config.kafka.at("enable.idempotence") == "false");
  CHECK(config.kafka.at("message.timeout.ms") == "120000");
  CHECK(config.kafka.at("linger.ms") == "3");
  CHECK(config.spool_dir == "/var/tmp/spool");
  CHECK(config.deadline == 2min);
  CHECK(config.poll_timeout == 30s);
  CHECK(config.external_data);
  CHECK(config.ca_file == roots);
  CHECK(config.log_level == LogLevel::kInfo);
}

TEST_CASE("option over environment over credentials over config file over default") {
  const Scratch scratch;
  Environment environment = with_file(scratch.file("env", "OHIP_LIMIT=2\n"));
  CHECK(load(complete_environment()).limit == 20);
  CHECK(load(environment).limit == 2);
  scratch.file("OHIP_LIMIT", "3\n");
  environment.variables["CREDENTIALS_DIRECTORY"] = scratch.path("");
  CHECK(load(environment).limit == 3);
  environment.variables["OHIP_LIMIT"] = "4";
  CHECK(load(environment).limit == 4);
  CHECK(load(environment, {"--limit", "5"}).limit == 5);
}

TEST_CASE("properties: default, profile, --kafka-config, config file, environment, -X") {
  const Scratch scratch;
  Environment environment = complete_environment();
  const auto compression = [&](const std::vector<const char*>& arguments = {}) {
    return load(environment, arguments).kafka["compression.type"];
  };
  CHECK(compression().empty());
  environment.variables["KAFKA_PROFILE"] = "oci-streaming";
  environment.variables["KAFKA_SECURITY_PROTOCOL"] = "SSL";
  CHECK(compression() == "none");
  environment.variables["KAFKA_CONFIG"] =
      scratch.file("kafka", "# kcat's\ncompression.codec=gzip\n");
  CHECK(compression() == "gzip");
  environment.default_config_file = scratch.file("env", "KAFKA_COMPRESSION_TYPE=snappy\n");
  CHECK(compression() == "snappy");
  environment.variables["KAFKA_COMPRESSION_TYPE"] = "lz4";
  CHECK(compression() == "lz4");
  CHECK(compression({"-X", "compression.type=zstd"}) == "zstd");
}

TEST_CASE("brokers by option count for more than by environment, under any name") {
  Environment environment = environment_with("KAFKA_METADATA_BROKER_LIST", "alias:1");
  environment.variables.erase("KAFKA_BOOTSTRAP_SERVERS");
  CHECK(load(environment).kafka.at("bootstrap.servers") == "alias:1");
  CHECK(load(environment, {"-b", "option:1"}).kafka.at("bootstrap.servers") == "option:1");
  CHECK(load(environment, {"-b", "option:1", "-X", "metadata.broker.list=x:1"})
            .kafka.at("bootstrap.servers") == "x:1");
}

TEST_CASE("an empty variable is not set, an empty option is an error") {
  CHECK(load(environment_with("OHIP_LIMIT", "")).limit == 20);
  CHECK_FALSE(load(environment_with("KAFKA_SASL_USERNAME", "")).kafka.contains("sasl.username"));
  CHECK(mentions(load_error(environment_with("OHIP_HOTELS", "")), "OHIP_HOTELS"));
  CHECK(mentions(load_error(complete_environment(), {"--limit="}), "--limit"));
}

TEST_CASE("what others put into the environment is ignored") {
  Environment environment = environment_with("KAFKA_PORT", "tcp://10.0.0.1:1234");
  environment.variables["KAFKA_PORT_1234_TCP"] = "tcp://10.0.0.1:1234";
  environment.variables["KAFKA_SERVICE_HOST_FILE"] = "/nonexistent";
  environment.variables["OHIP_POLL_SERVICE_HOST"] = "10.0.0.2";
  environment.variables["LANG"] = "C";
  CHECK(load(environment).limit == 20);
}

TEST_CASE("the config file is the named one, else the default one if it is there") {
  const Scratch scratch;
  const std::string standard = scratch.file("standard", "OHIP_LIMIT=2\n");
  const std::string named = scratch.file("named", "OHIP_LIMIT=3\n");
  const std::string option = scratch.file("option", "OHIP_LIMIT=4\n");
  Environment environment = with_file(standard);
  CHECK(load(environment).config_file == standard);
  environment.variables["OHIP_CONFIG"] = named;
  CHECK(load(environment).limit == 3);
  CHECK(load(environment).config_file == named);
  CHECK(load(environment, {"--config", option.c_str()}).limit == 4);
}

TEST_CASE("a config file that is named must be there") {
  const Error error = load_error(environment_with("OHIP_CONFIG", "/nonexistent/ohip.env"));
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(mentions(error, "OHIP_CONFIG: open /nonexistent/ohip.env: No such file"));
  CHECK(load_error(complete_environment(), {"--config=/nonexistent"}).status() ==
        ExitStatus::kUsage);
  const Scratch scratch;
  CHECK(mentions(load_error(with_file(scratch.path(""))), "Is a directory"));
}

TEST_CASE("the config file is taken literally") {
  const Scratch scratch;
  const Config config = load(with_file(
      scratch.file("env",
                   "\xEF\xBB\xBF# comment\r\n\r\n \t\n  OHIP_PASSWORD=$HOME`x` %n \"a#b' #c\r\n"
                   "KAFKA_SASL_PASSWORD=it's\nKAFKA_SASL_USERNAME=a=b\nOHIP_USERNAME=me\n"
                   "KAFKA_CLIENT_ID=\nOHIP_LIMIT=7")));
  CHECK(config.credentials.password == "$HOME`x` %n \"a#b' #c");
  CHECK(config.kafka.at("sasl.password") == "it's");
  CHECK(config.kafka.at("sasl.username") == "a=b");
  CHECK(config.kafka.at("client.id") != "");  // an empty one counts as not written
  CHECK(config.limit == 7);
}

TEST_CASE("what systemd, docker and we would read differently is refused") {
  // line, then what systemd 252 and docker 28 make of it
  const auto [line, why] = GENERATE(table<std::string, std::string>({
      {"OHIP_PASSWORD=\"hunter2\"", "begins with a quote"},    // hunter2 | "hunter2"
      {"OHIP_PASSWORD='hunter2'", "begins with a quote"},      // hunter2 | 'hunter2'
      {"OHIP_PASSWORD=\"hunter2", "begins with a quote"},      // and the next lines | "hunter2
      {"OHIP_PASSWORD='", "begins with a quote"},              // and the next lines | '
      {"OHIP_PASSWORD=pa\"hunter2\\word", "a backslash"},      // pa"hunter2word | pa"hunter2\word
      {"OHIP_PASSWORD=hunter2\\", "a backslash"},              // and the next line | hunter2\   .
      {"OHIP_PASSWORD= hunter2", "a blank before or behind"},  // hunter2 | ␣hunter2
      {"OHIP_PASSWORD=hunter2 ", "a blank before or behind"},  // hunter2 | hunter2␣
      {"OHIP_PASSWORD=hunter2\t\r", "a blank before or behind"},
      {"OHIP_PASSWORD =hunter2", "a blank before ="},              // hunter2 | refused
      {"OHIP_PASSWORD=hun\rter2", "a carriage return"},            // hun | hun\rter2
      {"OHIP_PASSWORD=hunter2\xff", "is not UTF-8"},               // ignored | refused
      {"\xEF\xBB\xBFOHIP_PASSWORD=hunter2", "a byte order mark"},  // ignored | hunter2
      {"; hunter2", "no comment but one of #"},                    // a comment | refused
      {"# hunter2 \\\nOHIP_USERNAME=x", "a comment ends in a backslash"},
  }));
  const Error error = file_error(line + "\n");
  CHECK(mentions(error, "env:1: "));
  CHECK(mentions(error, why));
  CHECK_FALSE(mentions(error, "hunter2"));
  CHECK((line.find("PASSWORD") == std::string::npos || mentions(error, "OHIP_PASSWORD_FILE")));
}

TEST_CASE("a secret that cannot stand in the config file can stand in a file of its own") {
  const Scratch scratch;
  const std::string secret = scratch.file("secret", "\xEF\xBB\xBF \"pa'ss\\word\xff  \t\r\n\r\n");
  const Config config =
      load(with_file(scratch.file("env", "OHIP_USERNAME=me\nOHIP_PASSWORD_FILE=" + secret)));
  CHECK(config.credentials.password == " \"pa'ss\\word\xff");
}

TEST_CASE("where something is written must not depend on the working directory") {
  const auto [path, why] = GENERATE(table<std::string, std::string>({
      {"~/spool", "begins with ~"},
      {"~ohip/spool", "begins with ~"},
      {"spool", "does not begin with /"},
      {"./spool", "does not begin with /"},
      {"../spool", "does not begin with /"},
  }));
  for (const char* name : {"OHIP_SPOOL_DIR", "OHIP_METRICS_FILE", "STATE_DIRECTORY"}) {
    const Error error = load_error(environment_with(name, path));
    CHECK(error.status() == ExitStatus::kConfig);
    CHECK(mentions(error, name));
    CHECK(mentions(error, why));
  }
  CHECK(load(environment_with("OHIP_SPOOL_DIR", "/var/spool/~x")).spool_dir == "/var/spool/~x");
}

TEST_CASE("no file holds the start up for ever") {
  const Scratch scratch;
  CHECK(mentions(load_error(environment_with("OHIP_PASSWORD_FILE", "/dev/zero")),
                 "larger than 16777216 bytes"));
  CHECK(mentions(load_error(with_file(scratch.file("env", std::string(2 << 20, '\n')))),
                 "larger than 1048576 bytes"));
  REQUIRE(mkfifo(scratch.path("fifo").c_str(), 0600) == 0);
  CHECK(mentions(load_error(with_file(scratch.path("fifo"))), "no end within 10 s"));
}

TEST_CASE("a secret may come through a pipe, as a shell's <(...) has it") {
  std::array<int, 2> ends = {};
  REQUIRE(pipe(ends.data()) == 0);
  REQUIRE(write(ends[1], "p4ss\n", 5) == 5);
  close(ends[1]);
  Environment environment = environment_with("OHIP_USERNAME", "me");
  environment.variables["OHIP_PASSWORD_FILE"] = fmt::format("/dev/fd/{}", ends[0]);
  CHECK(load(environment).credentials.password == "p4ss");
  close(ends[0]);
}

TEST_CASE("what is wrong in the config file is told with path and line") {
  CHECK(mentions(file_error("\nOHIP_LIMITS=3\n"), "env:2: OHIP_LIMITS: unknown name"));
  CHECK(mentions(file_error("\nOHIP_LIMITS=3\n"), "did you mean OHIP_LIMIT?"));
  CHECK_FALSE(mentions(file_error("SOMETHING_ELSE=3"), "did you mean"));
  CHECK(mentions(file_error("KAFKA_FOO_BAR=3"), "env:1: KAFKA_FOO_BAR: unknown name"));
  CHECK(mentions(file_error("OHIP_CONFIG=/etc/other"), "env:1: OHIP_CONFIG: a config file cannot"));
  CHECK(mentions(file_error("OHIP_LIMIT=1\nOHIP_LIMIT=1"), "env:2: OHIP_LIMIT: set twice"));
  CHECK(mentions(file_error("OHIP_LIMIT=1\nOHIP_LIMIT=1"), "env:1"));
  CHECK(mentions(file_error("\n\nOHIP_TOPIC"), "env:3: not understood: expected NAME=value"));
  CHECK(mentions(file_error("=x"), "env:1: not understood"));
  CHECK(mentions(file_error(std::string("A\0=x", 4)), "env:1: holds a NUL byte"));
  CHECK(mentions(file_error("OHIP_LIMIT=21"), "OHIP_LIMIT"));
  CHECK(mentions(file_error("OHIP_DEADLINE=soon"), "env:1: OHIP_DEADLINE: \"soon\""));
  CHECK(mentions(file_error("KAFKA_LINGER_MS=-1"), "env:1: KAFKA_LINGER_MS: "));
}

TEST_CASE("a line of the config file that is not understood is not repeated") {
  CHECK_FALSE(mentions(file_error("OHIP_CLIENT_SECRET: hunter2="), "hunter2"));
  CHECK_FALSE(mentions(file_error("hunter2"), "hunter2"));
  CHECK_FALSE(mentions(file_error("OHIP_CLIENT_SECRETS=hunter2"), "hunter2"));
}

TEST_CASE("the file of --kafka-config holds properties, errors have path and line") {
  const Scratch scratch;
  const std::string good = scratch.file("good", "# x\nsasl.password=\"quoted\"\nacks=all\n");
  CHECK(load(environment_with("KAFKA_CONFIG", good)).kafka.at("sasl.password") == "\"quoted\"");
  const std::string bad = scratch.file("bad", "\nfoo.bar=1\n");
  const Error error = load_error(complete_environment(), {"--kafka-config", bad.c_str()});
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(mentions(error, "bad:2: foo.bar: unknown Kafka property"));
  CHECK(mentions(load_error(complete_environment(), {"--kafka-config=/nonexistent"}),
                 "--kafka-config: open /nonexistent: No such file"));
}

TEST_CASE("whatever is set can come from a file, less the line end") {
  const Scratch scratch;
  Environment environment = complete_environment();
  environment.variables.erase("OHIP_CLIENT_SECRET");
  environment.variables["OHIP_CLIENT_SECRET_FILE"] = scratch.file("secret", "s3cret \r\n");
  environment.variables["KAFKA_SASL_PASSWORD_FILE"] = scratch.file("password", "p4ss\n");
  environment.variables["OHIP_LIMIT_FILE"] = scratch.file("limit", "9");
  const Config config = load(environment);
  CHECK(config.credentials.client_secret == "s3cret");
  CHECK(config.kafka.at("sasl.password") == "p4ss");
  CHECK(config.limit == 9);
}

TEST_CASE("the config file may name files with secrets as well") {
  const Scratch scratch;
  const std::string secret = scratch.file("secret", "p4ss\n");
  const std::string path =
      scratch.file("env", "KAFKA_SASL_PASSWORD_FILE=" + secret + "\nOHIP_USERNAME_FILE=" + secret +
                              "\nOHIP_PASSWORD_FILE=" + secret + "\n");
  const Config config = load(with_file(path));
  CHECK(config.kafka.at("sasl.password") == "p4ss");
  CHECK(config.credentials.password == "p4ss");
}

TEST_CASE("systemd's credentials are files that carry the names") {
  const Scratch scratch;
  scratch.file("OHIP_CLIENT_SECRET", "credential\n");
  scratch.file("KAFKA_SASL_PASSWORD", "p4ss");
  scratch.file("SOMETHING_ELSE", "");
  Environment environment = environment_with("CREDENTIALS_DIRECTORY", scratch.path(""));
  environment.variables.erase("OHIP_CLIENT_SECRET");
  const Config config = load(environment);
  CHECK(config.credentials.client_secret == "credential");
  CHECK(config.kafka.at("sasl.password") == "p4ss");
  environment.variables["CREDENTIALS_DIRECTORY"] = "/nonexistent";
  CHECK(mentions(load_error(environment), "$CREDENTIALS_DIRECTORY: /nonexistent: No such file"));
}

TEST_CASE("a secret's file that is missing, empty or one too many is told without its content") {
  const Scratch scratch;
  Environment environment = environment_with("OHIP_PASSWORD_FILE", "/nonexistent/secret");
  CHECK(mentions(load_error(environment), "OHIP_PASSWORD_FILE: open /nonexistent/secret: No such"));
  environment.variables["OHIP_PASSWORD_FILE"] = scratch.file("empty", "\n");
  CHECK(mentions(load_error(environment), "empty: the file is empty"));
  environment.variables["OHIP_PASSWORD_FILE"] = scratch.file("lines", "hunter2\nhunter2\n");
  CHECK(mentions(load_error(environment), "lines: holds a control character"));
  CHECK_FALSE(mentions(load_error(environment), "hunter2"));
  environment.variables["OHIP_PASSWORD"] = "hunter2";
  CHECK(mentions(load_error(environment), "OHIP_PASSWORD_FILE: OHIP_PASSWORD is set too"));
  CHECK_FALSE(mentions(load_error(environment), "hunter2"));
  CHECK(load_error(environment).status() == ExitStatus::kConfig);
}

TEST_CASE("both forms in different places are no error, the more important place counts") {
  const Scratch scratch;
  Environment environment = with_file(scratch.file("env", "OHIP_LIMIT=2\n"));
  environment.variables["OHIP_LIMIT_FILE"] = scratch.file("limit", "3");
  CHECK(load(environment).limit == 3);
}

TEST_CASE("a path has no path of its own, lest a whole file end in a message") {
  const Scratch scratch;
  const std::string file = scratch.file("env", "OHIP_CLIENT_SECRET=hunter2\n");
  Environment environment = environment_with("OHIP_CONFIG_FILE", file);
  environment.variables["KAFKA_CONFIG_FILE"] = file;
  CHECK(load(environment).config_file.empty());
  CHECK(mentions(file_error("KAFKA_CONFIG_FILE=x"), "did you mean KAFKA_CONFIG?"));
}

TEST_CASE("hotels can come from a file, over environment and config file") {
  const Scratch scratch;
  const std::string hotels = scratch.file("hotels", "# all of them\r\nA\r\nB, C\r\n");
  CHECK(load(complete_environment(), {"--hotels-file", hotels.c_str()}).hotels ==
        Texts{"A", "B", "C"});
  Environment environment = environment_with("OHIP_HOTELS_FILE", hotels);
  environment.variables.erase("OHIP_HOTELS");
  CHECK(load(environment).hotels.size() == 3);
  CHECK(load(environment, {"--hotel", "D"}).hotels == Texts{"D"});
  const Error both = load_error(environment, {"--hotel", "D", "--hotels-file", hotels.c_str()});
  CHECK(mentions(both, "--hotels-file: --hotel is set too"));
  CHECK(both.status() == ExitStatus::kUsage);
}

TEST_CASE("all that is missing is told at once") {
  Environment environment = empty_environment();
  environment.root = true;
  const Error error = load_error(environment);
  CHECK(error.status() == ExitStatus::kConfig);
  for (const char* name :
       {"--gateway-url or OHIP_GATEWAY_URL", "--external-system or OHIP_EXTERNAL_SYSTEM",
        "--hotel or OHIP_HOTELS", "--brokers or KAFKA_BOOTSTRAP_SERVERS", "OHIP_CLIENT_ID",
        "OHIP_CLIENT_SECRET", "OHIP_APP_KEY", "OHIP_ENTERPRISE_ID", "OHIP_USERNAME"}) {
    CHECK(mentions(error, name));
  }
  CHECK(mentions(error, environment.default_config_file.string()));
  CHECK(mentions(load_error(environment, {"--hotel", "A"}), "OHIP_GATEWAY_URL"));
  CHECK_FALSE(mentions(load_error(environment, {"--hotel", "A"}), "OHIP_HOTELS"));
}

TEST_CASE("a SASL mechanism with a password wants user name and password") {
  Environment environment = environment_with("KAFKA_PROFILE", "oci-streaming");
  CHECK(mentions(load_error(environment), "KAFKA_SASL_USERNAME; KAFKA_SASL_PASSWORD"));
  environment.variables["KAFKA_SASL_PASSWORD"] = "p4ss";
  CHECK(load(environment, {"-X", "sasl.username=me"}).kafka.at("sasl.username") == "me");
  CHECK(load(environment, {"-X", "security.protocol=PLAINTEXT"}).kafka_profile ==
        KafkaProfile::kOciStreaming);
  CHECK(load(environment, {"-X", "sasl.mechanism=OAUTHBEARER"}).mode == Mode::kOnce);
}

TEST_CASE("what is wrong on the command line is 64, in environment and file 78") {
  CHECK(load_error(complete_environment(), {"--limit", "21"}).status() == ExitStatus::kUsage);
  CHECK(mentions(load_error(complete_environment(), {"--limit", "0"}), "--limit: \"0\" is not"));
  CHECK(mentions(load_error(complete_environment(), {"--limit", "0"}), "--help"));
  const Error error = load_error(environment_with("OHIP_LIMIT", "21"));
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(mentions(error, "OHIP_LIMIT: \"21\" is not"));
  CHECK(load_error(complete_environment(), {"-X", "foo=1"}).status() == ExitStatus::kUsage);
  CHECK(load_error(complete_environment(), {"-X", "acks=0"}).status() == ExitStatus::kUsage);
  CHECK(load_error(environment_with("KAFKA_ACKS", "0")).status() == ExitStatus::kConfig);
  CHECK(mentions(load_error(environment_with("KAFKA_LINGER_MS", "x")), "KAFKA_LINGER_MS: "));
}

TEST_CASE("each kind of wrong value is refused where it is written") {
  const auto [name, text] = GENERATE(table<std::string, std::string>({
      {"OHIP_GATEWAY_URL", "http://gateway.example.com"},
      {"OHIP_EXTERNAL_SYSTEM", "A/B"},
      {"OHIP_HOTELS", "ABC,.."},
      {"OHIP_QUEUE", "all"},
      {"OHIP_EXTERNAL_DATA", "1"},
      {"OHIP_CA_FILE", "/nonexistent"},
      {"OHIP_SPOOL_DIR", "/var\nspool"},
      {"OHIP_DEADLINE", "0"},
      {"OHIP_INTERVAL", "60s..5s"},
      {"OHIP_POLL_TIMEOUT", "2d"},
      {"OHIP_APP_KEY", "no uuid"},
      {"OHIP_CLIENT_ID", "a\nb"},
      {"OHIP_CLIENT_SECRET", "a\nb"},
      {"OHIP_ENTERPRISE_ID", "a\nb"},
      {"OHIP_SCOPE", "a\nb"},
      {"OHIP_USERNAME", "a\nb"},
      {"OHIP_PASSWORD", "a\nb"},
      {"HTTPS_PROXY", "a\nb"},
      {"NO_PROXY", "a\nb"},
      {"KAFKA_TOPIC", "a b"},
      {"KAFKA_PROFILE", "aws"},
      {"KAFKA_CONFIG", "/nonexistent"},
  }));
  const Error error = load_error(environment_with(name, text));
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(std::string(error.what()).starts_with(name + ": "));
}

TEST_CASE("a replay needs Kafka and the spool only") {
  Environment environment = empty_environment();
  environment.root = true;
  CHECK(load(environment, {"--replay", "-b", "broker:1"}).mode == Mode::kReplay);
  const Error error = load_error(environment, {"--replay"});
  CHECK(mentions(error, "KAFKA_BOOTSTRAP_SERVERS"));
  CHECK_FALSE(mentions(error, "OHIP_GATEWAY_URL"));
}

TEST_CASE("what the spool holds can be seen and put back whatever else is configured, or is not") {
  for (const char* option : {"--list", "--requeue=all"}) {
    Environment environment = empty_environment();
    environment.root = true;
    CHECK(load(environment, {option}).spool_dir == "/var/spool/ohip-poll");
    environment.variables["KAFKA_ACKS"] = "none of these";
    environment.variables["OHIP_HOTELS"] = "ABC";
    CHECK(load(environment, {option}).hotels.empty());
    CHECK(load(environment, {option, "--hotel", "DEF"}).hotels == std::vector<std::string>{"DEF"});
  }
}

TEST_CASE("a replay is of all hotels, unless the command line names some") {
  Environment environment = complete_environment();
  CHECK_FALSE(load(environment).hotels.empty());
  CHECK(load(environment, {"--replay"}).hotels.empty());
  CHECK(load(environment, {"--replay", "--hotel", "DEF"}).hotels ==
        std::vector<std::string>{"DEF"});
}

TEST_CASE("a user name selects the password grant and wants a password") {
  Environment environment = environment_with("OHIP_USERNAME", "user");
  CHECK(mentions(load_error(environment), "OHIP_PASSWORD"));
  environment.variables["OHIP_PASSWORD"] = "password";
  environment.variables.erase("OHIP_ENTERPRISE_ID");
  CHECK(load(environment).credentials.password_grant());
  environment.variables.erase("OHIP_USERNAME");
  CHECK(mentions(load_error(environment), "OHIP_ENTERPRISE_ID, or else OHIP_USERNAME"));
}

TEST_CASE("Oracle's limit is divided among shards, but not what a person has set") {
  const auto limit = [](const std::string& shard, const std::string& set = {}) {
    Environment environment = environment_with("OHIP_SHARD", shard);
    environment.variables["OHIP_MAX_POLLS_PER_MINUTE"] = set;  // empty: not set
    return load(environment).max_polls_per_minute;
  };
  CHECK(limit("0/1") == 300);
  CHECK(limit("0/3") == 100);
  CHECK(limit("6/7") == 42);
  CHECK(limit("0/301") == 1);
  CHECK(limit("0/10000") == 1);
  CHECK(limit("0/3", "300") == 300);
  CHECK(limit("0/3", "100") == 100);
  CHECK(limit("0/3", "0") == 0);
  CHECK(load(environment_with("OHIP_SHARD", "0/3"), {"--max-polls-per-minute", "50"})
            .max_polls_per_minute == 50);
}

TEST_CASE("a chain's queue is polled with exactly one hotel") {
  CHECK(load(complete_environment(), {"--queue", "chain"}).scope == QueueScope::kChain);
  CHECK(load(complete_environment(), {"--queue", "chain", "--hotel", "A,A"}).hotels.size() == 1);
  const Error error = load_error(complete_environment(), {"--queue=chain", "--hotel=A,B"});
  CHECK(mentions(error, "--queue: a chain's queue is polled with exactly one hotel, here are 2"));
  CHECK(error.status() == ExitStatus::kUsage);
}

TEST_CASE("the spool is where the system keeps such things, unless told otherwise") {
  Environment environment = complete_environment();
  CHECK(load(environment).spool_dir == "/home/somebody/.local/state/ohip-poll");
  environment.variables["XDG_STATE_HOME"] = "relative";
  CHECK(load(environment).spool_dir == "/home/somebody/.local/state/ohip-poll");
  environment.variables["XDG_STATE_HOME"] = "/state";
  CHECK(load(environment).spool_dir == "/state/ohip-poll");
  environment.root = true;
  CHECK(load(environment).spool_dir == "/var/spool/ohip-poll");
  environment.variables["STATE_DIRECTORY"] = "/var/lib/one:/var/lib/two";
  CHECK(load(environment).spool_dir == "/var/lib/one");
  environment.variables["OHIP_SPOOL_DIR"] = "/mnt/spool";
  CHECK(load(environment).spool_dir == "/mnt/spool");
  CHECK(load_error(environment, {"--spool-dir", "spool"}).status() == ExitStatus::kUsage);
}

TEST_CASE("without any place for the spool the run ends") {
  Environment environment = complete_environment();
  environment.variables.erase("HOME");
  const Error error = load_error(environment);
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(mentions(error, "--spool-dir or OHIP_SPOOL_DIR"));
}

TEST_CASE("a proxy for the gateway has libcurl's names, in lower case before upper case") {
  const Scratch scratch;
  Environment environment =
      with_file(scratch.file("env", "https_proxy=http://file:1\nNO_PROXY=internal\n"));
  CHECK(load(environment).proxy == "http://file:1");
  CHECK(load(environment).no_proxy == "internal");
  environment.variables["HTTPS_PROXY"] = "http://upper:1";
  CHECK(load(environment).proxy == "http://upper:1");
  environment.variables["https_proxy"] = "http://lower:1";
  CHECK(load(environment).proxy == "http://lower:1");
  environment.variables["OHIP_GATEWAY_URL"] = "http://localhost:8080";
  CHECK(load(environment).proxy.empty());
}

TEST_CASE("a proxy that libcurl would read in another way is refused, and not repeated") {
  const std::string proxy = GENERATE(
      "http://svc:Win/ter#26@host:3128", "http://svc:26#Winter@host:3128",
      "http://svc:26/Winter@host", "http://svc:26?Winter@host:3128", "svc:Winter/@host",
      "http://svc:Winter@", "http://host:Winter", "Winter://host:3128", "http:Winter",
      "http://svc:Win ter@host:3128", "http://[::1/Winter", "http://svc:Winter@host:99999");
  const Error error = load_error(environment_with("HTTPS_PROXY", proxy));
  CHECK(error.status() == ExitStatus::kConfig);
  const std::string said = error.what() + error.hint() + error.detail();
  CHECK(said.starts_with("HTTPS_PROXY: "));
  CHECK_FALSE(said.find("inter") != std::string::npos);
  CHECK_FALSE(said.find("26") != std::string::npos);
}

TEST_CASE("a proxy's spellings are libcurl's") {
  const std::string proxy =
      GENERATE("http://host:3128", "host:3128", "host", "https://host/", "socks5h://host:1080",
               "http://svc:Win%2Fter%2326@host:3128", "http://svc@host", "HTTP://[::1]:3128");
  CHECK(load(environment_with("HTTPS_PROXY", proxy)).proxy == proxy);
}

TEST_CASE("nobody's echo of a configured secret is shown") {
  Environment environment = environment_with("HTTPS_PROXY", "http://svc:of%2Fproxy@host:3128");
  environment.variables["OHIP_CLIENT_SECRET"] = "of-the-client";
  environment.variables["OHIP_PING_URL"] = "https://watchdog/of-the-ping";
  environment.variables["KAFKA_SECURITY_PROTOCOL"] = "SASL_SSL";
  environment.variables["KAFKA_SASL_USERNAME"] = "someone";
  environment.variables["KAFKA_SASL_PASSWORD"] = "of-the-broker";
  load(environment);
  CHECK(masked("of-the-client of/proxy of%2Fproxy https://watchdog/of-the-ping/start "
               "of-the-broker " +
               environment.variables["OHIP_APP_KEY"]) == "*** *** *** ***/start *** ***");
}

TEST_CASE("one config file serves both programs") {
  const As program(Program::kStream);
  Environment environment = environment_with("OHIP_CHAIN", "CHAIN #1");
  const Config config = load(environment);
  CHECK(config.chain == "CHAIN #1");
  CHECK(config.hotels.empty());  // those are polled
  CHECK(config.external_system.empty());
  CHECK(config.mode == Mode::kRunFor);
  CHECK(config.run_for.count() == 0);
  CHECK(config.stream_path == "/subscriptions");
  CHECK(config.state_topic == "ohip.business-events");
  CHECK(config.kafka.at("client.id") == "ohip-stream");
  CHECK(config.kafka.at("message.timeout.ms") == "60000");
}

TEST_CASE("a stream without a home directory has no spool, and needs none") {
  const As program(Program::kStream);
  Environment environment = environment_with("OHIP_CHAIN", "CHAIN");
  environment.variables.erase("HOME");
  CHECK(load(environment).spool_dir.empty());
  environment.variables["OHIP_SPOOL_DIR"] = "/somewhere";
  CHECK(load(environment).spool_dir == "/somewhere");
  CHECK(load(environment).spool_dir_named);
}

TEST_CASE("what a stream lacks is told all at once") {
  const As program(Program::kStream);
  const Error error = load_error(environment_with("KAFKA_TOPIC", "ohip.{module}"));
  CHECK(error.status() == ExitStatus::kConfig);
  CHECK(mentions(error, "--chain or OHIP_CHAIN"));
  CHECK(mentions(error, "--state-topic or OHIP_STATE_TOPIC"));
  CHECK(mentions(error, "ohip-stream --help"));
}

TEST_CASE("some hotels alone are for a replay from an offset") {
  const As program(Program::kStream);
  const Environment environment = environment_with("OHIP_CHAIN", "CHAIN");
  const Config config = load(environment, {"--from", "193", "--hotel", "ABC,DEF"});
  CHECK(config.from == "193");
  CHECK(config.hotels == std::vector<std::string>{"ABC", "DEF"});
  const Error error = load_error(environment, {"--hotel", "ABC"});
  CHECK(error.status() == ExitStatus::kUsage);
  CHECK(mentions(error, "--from"));
}

TEST_CASE("a stream's records are in transactions, whose id is the group's name") {
  const As program(Program::kStream);
  Environment environment = environment_with("OHIP_CHAIN", "CHAIN");
  environment.variables["KAFKA_ENABLE_IDEMPOTENCE"] = "false";
  CHECK(mentions(load_error(environment), "oci-streaming"));
  environment.variables["KAFKA_PROFILE"] = "oci-streaming";
  environment.variables["KAFKA_SASL_USERNAME"] = "u";
  environment.variables["KAFKA_SASL_PASSWORD"] = "p";
  CHECK(load(environment).kafka_profile == KafkaProfile::kOciStreaming);
  environment = environment_with("OHIP_CHAIN", "CHAIN");
  environment.variables["KAFKA_TRANSACTIONAL_ID"] = "mine";
  CHECK(mentions(load_error(environment), "cannot be chosen"));
}

TEST_CASE("the path of the web socket is one, and the state topic a topic") {
  const As program(Program::kStream);
  Environment environment = environment_with("OHIP_CHAIN", "CHAIN");
  for (const char* path : {"subscriptions", "/a?key=b", "/a b", "/a#b"}) {
    environment.variables["OHIP_STREAM_PATH"] = path;
    CHECK(load_error(environment).status() == ExitStatus::kConfig);
  }
  environment.variables["OHIP_STREAM_PATH"] = "/ohip-ws/subscriptions";
  CHECK(load(environment).stream_path == "/ohip-ws/subscriptions");
  environment.variables["OHIP_STATE_TOPIC"] = "ohip.{module}";
  CHECK(load_error(environment).status() == ExitStatus::kConfig);
}

}  // namespace ohip
