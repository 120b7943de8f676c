// A bank that survives the failure of members, by the engine of your choice: raft (the default), paxos, pbft or
// flooding.
//
//   bank --engine=raft 1 /tmp/bank1 127.0.0.1:7001 127.0.0.1:7002 127.0.0.1:7003
//
// and likewise 2 and 3, each in a terminal of its own. With pbft there are four, each with a key, which stands before
// its address as KEY@127.0.0.1:7001; make them with `holdfast key new /tmp/bank1/member.key` and so on.
//
// Type "deposit alice 100", "transfer alice bob 30" or "balance bob" into any of them.
#include <holdfast/embed/node.h>

#include <iostream>
#include <map>
#include <sstream>

class Bank : public holdfast::StateMachine {
 public:
  // Every member applies the same commands in the same order, so all have the same accounts.
  std::string apply(const holdfast::Moment&, std::string_view command) override {
    std::istringstream words{std::string(command)};
    std::string verb, from, to;
    long amount = 0;
    if (words >> verb >> from && verb == "deposit" && words >> amount) return say(accounts_[from] += amount);
    if (verb != "transfer" || !(words >> to >> amount)) return "say: deposit NAME N, or transfer FROM TO N";
    if (amount < 0 || accounts_[from] < amount) return from + " has only " + say(accounts_[from]);
    accounts_[from] -= amount;
    return say(accounts_[to] += amount);
  }
  std::string query(std::string_view name) const override {
    const auto account = accounts_.find(std::string(name));
    return account == accounts_.end() ? "no such account" : say(account->second);
  }
  std::string save() const override {
    std::string out;
    for (const auto& [name, amount] : accounts_) out += name + " " + say(amount) + "\n";
    return out;
  }
  holdfast::Status restore(std::string_view image) override {
    accounts_.clear();
    std::istringstream lines{std::string(image)};
    std::string name;
    for (long amount; lines >> name >> amount;) accounts_[name] = amount;
    return absl::OkStatus();
  }

 private:
  static std::string say(long amount) { return std::to_string(amount); }
  std::map<std::string, long> accounts_;
};

int main(int argc, char** argv) {
  holdfast::NodeOptions options;
  if (argc > 1 && std::string_view(argv[1]).substr(0, 9) == "--engine=") options.engine = argv[1] + 9, ++argv, --argc;
  if (argc < 4) return std::cerr << "usage: bank [--engine=raft|paxos|pbft|flooding] ID DIRECTORY ADDRESS...\n", 2;
  options.id = std::stoul(argv[1]);
  options.data_dir = argv[2];
  for (int i = 3; i < argc; ++i) options.members.push_back({static_cast<uint64_t>(i - 2), argv[i]});
  auto node = holdfast::Node::start(options, std::make_unique<Bank>());
  if (!node.ok()) return std::cerr << "bank: " << node.status().message() << "\n", 1;
  for (std::string line; std::getline(std::cin, line);) {
    const bool asks = line.rfind("balance ", 0) == 0;
    const auto answer = asks ? (*node)->query(line.substr(8)).get() : (*node)->submit(line).get();
    // In one piece: the member logs to the same place, from its own thread.
    std::cout << (answer.ok() ? *answer : "unknown: " + std::string(answer.status().message())) + "\n" << std::flush;
  }
  (*node)->stop();
  return (*node)->wait().ok() ? 0 : 1;
}
