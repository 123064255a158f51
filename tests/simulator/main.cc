// ohip-sim: OHIP's OAuth, Poll API and Streaming API on this machine, to try ohip-poll and
// ohip-stream with.

#include <fmt/format.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <cxxopts.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "simulator/simulator.h"

namespace {

using ohip::sim::Options;
using ohip::sim::Simulator;

cxxopts::Options make_parser() {
  const Options o;
  const auto text = [](const std::string& value) {
    return cxxopts::value<std::string>()->default_value(value);
  };
  const auto milliseconds = [](std::chrono::milliseconds value) {
    return cxxopts::value<int>()->default_value(std::to_string(value.count()));
  };
  cxxopts::Options parser("ohip-sim", "OHIP's OAuth, Poll API and Streaming API on 127.0.0.1");
  // clang-format off
  parser.add_options()
      ("port", "0: the system's choice", cxxopts::value<int>()->default_value("0"))
      ("tls", "https, with a new certificate whose authority is written to --ca-file")
      ("ca-file", "PEM", text("ohip-sim-ca.pem"), "PATH")
      ("env-file", "Write a configuration for ohip-poll and ohip-stream", cxxopts::value<std::string>(), "PATH")
      ("hotel", "Hotels with events from the start", cxxopts::value<std::vector<std::string>>()->default_value("ABC"), "CODE,…")
      ("events", "How many for each of them", cxxopts::value<std::size_t>()->default_value("0"), "N")
      ("chain", "Put them into the chain's queue")
      ("known-hotels", "Others are refused (none given: every hotel exists)", cxxopts::value<std::vector<std::string>>(), "CODE,…")
      ("fault", "As in POST /sim/fault, such as 'kind=close&after=1' (repeatable)", cxxopts::value<std::vector<std::string>>(), "FAULT")
      ("rtt", "Added to every token call and poll", cxxopts::value<int>()->default_value("0"), "MS")
      ("limit-per-minute", "Polls; more are answered 429 (Oracle's: 300; 0: no limit)", cxxopts::value<std::size_t>()->default_value("0"), "N")
      ("limit-per-second", "Requests of any kind, likewise (Oracle's: 50)", cxxopts::value<std::size_t>()->default_value("0"), "N")
      ("stream-chain", "The chain whose stream has the same events", text("DEMO"), "CODE")
      ("stream-events", "More of them, in the stream alone", cxxopts::value<std::size_t>()->default_value("0"), "N")
      ("event-size", "Of those, in bytes", cxxopts::value<std::size_t>()->default_value("0"), "N")
      ("known-chains", "Others are refused (none given: every chain exists)", cxxopts::value<std::vector<std::string>>(), "CODE,…")
      ("init-timeout", "For connection_init; then 4408", milliseconds(o.init_timeout), "MS")
      ("ping-limit", "Between two pings of the client; then 4504", milliseconds(o.ping_limit), "MS")
      ("server-ping", "From one ping of the server to the next", milliseconds(o.server_ping), "MS")
      ("pong-limit", "Without a pong; then 4504", milliseconds(o.pong_limit), "MS")
      ("lock-out", "4409 after an end without complete", milliseconds(o.lock_out), "MS")
      ("resubscribe-wait", "4409 after complete", milliseconds(o.resubscribe_wait), "MS")
      ("retention", "Seconds; older events are not sent", cxxopts::value<int>()->default_value(std::to_string(o.retention.count())), "S")
      ("late-events", "Sent after complete, where there are more", cxxopts::value<std::size_t>()->default_value(std::to_string(o.late_events)), "N")
      ("limit-upgrades", "In two minutes, likewise (Oracle's: 150)", cxxopts::value<std::size_t>()->default_value("0"), "N")
      ("seed", "Of the events", cxxopts::value<std::uint64_t>()->default_value("1"), "N")
      ("token-lifetime", "Seconds", cxxopts::value<int>()->default_value("3600"), "S")
      ("expires-in", "number, string or absent", text(o.expires_in))
      ("camel-case", "dataValueMapping instead of DataValueMapping")
      ("client-id", "", text(o.client_id))
      ("client-secret", "", text(o.client_secret))
      ("app-key", "", text(o.app_key))
      ("enterprise-id", "", text(o.enterprise_id))
      ("scope", "", text(o.scope))
      ("username", "", text(o.username))
      ("password", "", text(o.password))
      ("external-system", "", text(o.external_system))
      ("help", "");
  // clang-format on
  return parser;
}

Options to_options(const cxxopts::ParseResult& given) {
  const auto text = [&](const char* name) { return given[name].as<std::string>(); };
  Options options;
  options.client_id = text("client-id");
  options.client_secret = text("client-secret");
  options.app_key = text("app-key");
  options.enterprise_id = text("enterprise-id");
  options.scope = text("scope");
  options.username = text("username");
  options.password = text("password");
  options.external_system = text("external-system");
  options.expires_in = text("expires-in");
  options.token_lifetime = std::chrono::seconds(given["token-lifetime"].as<int>());
  options.camel_case_mapping = given.count("camel-case") > 0;
  options.seed = given["seed"].as<std::uint64_t>();
  options.rtt = std::chrono::milliseconds(given["rtt"].as<int>());
  options.polls_per_minute = given["limit-per-minute"].as<std::size_t>();
  options.requests_per_second = given["limit-per-second"].as<std::size_t>();
  const auto milliseconds = [&](const char* name) {
    return std::chrono::milliseconds(given[name].as<int>());
  };
  options.stream_chain = text("stream-chain");
  options.init_timeout = milliseconds("init-timeout");
  options.ping_limit = milliseconds("ping-limit");
  options.server_ping = milliseconds("server-ping");
  options.pong_limit = milliseconds("pong-limit");
  options.lock_out = milliseconds("lock-out");
  options.resubscribe_wait = milliseconds("resubscribe-wait");
  options.retention = std::chrono::seconds(given["retention"].as<int>());
  options.late_events = given["late-events"].as<std::size_t>();
  options.upgrades_per_2_min = given["limit-upgrades"].as<std::size_t>();
  if (given.count("known-chains") > 0) {
    options.chains = given["known-chains"].as<std::vector<std::string>>();
  }
  options.port = given["port"].as<int>();
  options.tls = given.count("tls") > 0;
  if (given.count("known-hotels") > 0) {
    options.hotels = given["known-hotels"].as<std::vector<std::string>>();
  }
  return options;
}

void preload(Simulator& simulator, const cxxopts::ParseResult& given) {
  for (const std::string& hotel : given["hotel"].as<std::vector<std::string>>()) {
    const std::string queue = given.count("chain") > 0 ? ohip::sim::kChain : hotel;
    simulator.enqueue(queue, given["events"].as<std::size_t>(), hotel);
  }
  const std::vector<std::string> hotels = given["hotel"].as<std::vector<std::string>>();
  simulator.streaming().add(
      given["stream-chain"].as<std::string>(), [&](ohip::sim::Stream& stream) {
        stream.add_made(hotels.front(), given["stream-events"].as<std::size_t>(),
                        given["event-size"].as<std::size_t>(), std::chrono::system_clock::now());
      });
  if (given.count("fault") > 0) {
    for (const std::string& fault : given["fault"].as<std::vector<std::string>>()) {
      simulator.inject(ohip::sim::parse_fault(fault));
    }
  }
}

// Readable by its owner alone, whatever was there before.
void write_file(const std::filesystem::path& path, const std::string& content) {
  std::filesystem::remove(path);
  std::ofstream file(path);
  file << content;
  file.close();
  if (!file) {
    throw std::runtime_error("cannot write " + path.string());
  }
}

std::string environment(const Simulator& simulator, const std::string& ca_file) {
  const Options& o = simulator.options();
  const std::string ca =
      o.tls ? fmt::format("OHIP_CA_FILE={}\n", std::filesystem::absolute(ca_file).string()) : "";
  return fmt::format(
      "OHIP_GATEWAY_URL={}\nOHIP_CLIENT_ID={}\nOHIP_CLIENT_SECRET={}\nOHIP_APP_KEY={}\n"
      "OHIP_ENTERPRISE_ID={}\nOHIP_SCOPE={}\nOHIP_EXTERNAL_SYSTEM={}\nOHIP_CHAIN={}\n{}",
      simulator.url(), o.client_id, o.client_secret, o.app_key, o.enterprise_id, o.scope,
      o.external_system, o.stream_chain, ca);
}

void run(const cxxopts::ParseResult& given, const sigset_t& end) {
  Simulator simulator(to_options(given));
  preload(simulator, given);
  const std::string ca_file = given["ca-file"].as<std::string>();
  if (simulator.options().tls) {
    write_file(ca_file, simulator.ca_pem());
  }
  if (given.count("env-file") > 0) {
    write_file(given["env-file"].as<std::string>(), environment(simulator, ca_file));
  }
  std::cout << "ohip-sim: listening on " << simulator.url() << std::endl;
  int signal = 0;
  sigwait(&end, &signal);
}

}  // namespace

int main(int argc, char** argv) {
  umask(077);
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigaddset(&end, SIGINT);
  sigprocmask(SIG_BLOCK, &end, nullptr);  // before the first thread: all of them inherit it
  try {
    cxxopts::Options parser = make_parser();
    const cxxopts::ParseResult given = parser.parse(argc, argv);
    if (!given.unmatched().empty()) {
      throw std::invalid_argument(given.unmatched().front() + " is no option");
    }
    if (given.count("help") > 0) {
      fmt::print("{}\nWhile it runs, on the same port:\n{}\nFaults:\n{}", parser.help(),
                 ohip::sim::kAdminHelp, ohip::sim::kFaultHelp);
      return 0;
    }
    run(given, end);
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "ohip-sim: error: {}\n", e.what());
    return 64;
  }
}
