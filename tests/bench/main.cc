// What a run costs, beside what does the same with less care, or beside another build:
//   bench [--quick] [NAME …]
//   bench [--quick] --against DIR

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/classes.h"
#include "bench/table.h"

namespace {

struct Class {
  const char* name;
  void (*run)(bool quick);
  bool only_by_name = false;
};

const std::vector<Class> kClasses = {
    {"cycle", ohip::bench::cycle},
    {"cycle-tls", ohip::bench::cycle_tls},
    {"cycle-kafka", ohip::bench::cycle_kafka, true},
    {"drain", ohip::bench::drain},
    {"fleet", ohip::bench::fleet},
    {"decoding", ohip::bench::decoding},
    {"replay", ohip::bench::replay},
    {"delay", ohip::bench::delay},
    {"stream", ohip::bench::stream, true},
};

// What is asked for, or all that need nothing from the network.
std::vector<Class> chosen(const std::vector<std::string>& names) {
  std::vector<Class> classes;
  for (const Class& one : kClasses) {
    if ((names.empty() && !one.only_by_name) ||
        std::find(names.begin(), names.end(), one.name) != names.end()) {
      classes.push_back(one);
    }
  }
  if (classes.size() < names.size()) {
    std::string known;
    for (const Class& one : kClasses) {
      known += fmt::format(" {}", one.name);
    }
    throw std::invalid_argument("there are:" + known);
  }
  return classes;
}

void run(std::vector<std::string> words) {
  const bool quick = std::erase(words, "--quick") > 0;
  const bool compares = words.size() == 2 && words[0] == "--against";
  const std::vector<Class> classes = compares ? std::vector<Class>() : chosen(words);
  ohip::bench::print_machine();
  ohip::bench::print_header();
  if (compares) {
    ohip::bench::against(words[1], quick);
  }
  for (const Class& one : classes) {
    one.run(quick);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(std::vector<std::string>(argv + 1, argv + argc));
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench: error: {}\n", e.what());
    return 1;
  }
}
