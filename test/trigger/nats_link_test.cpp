#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <thread>

#include "support/catch.hpp"
#include "support/temp_dir.hpp"
#include "trigger/nats_session.hpp"

extern char** environ;

using namespace hearth;
using namespace hearth::trigger;
using namespace std::chrono_literals;
using Queue = model::MessageQueueTriggerSpec::Queue;

namespace {

int free_port() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bind(fd, reinterpret_cast<sockaddr*>(&address), size);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    close(fd);
    return ntohs(address.sin_port);
}

/// A nats-server with JetStream in a folder of its own; stays on its port over restarts.
class Server {
 public:
    explicit Server(const std::string& more = "") : port_(free_port()) {
        std::ofstream(folder_.path() / "nats.conf")
            << "listen: \"127.0.0.1:" << port_ << "\"\njetstream { store_dir: \""
            << (folder_.path() / "js").string() << "\" }\n"
            << more << "\n";
        start();
    }
    ~Server() { stop(); }
    void start() {
        const std::string config = (folder_.path() / "nats.conf").string();
        const char* words[] = {"nats-server", "-c", config.c_str(), "-l", "/dev/null", nullptr};
        REQUIRE(posix_spawnp(&pid_, words[0], nullptr, nullptr, const_cast<char**>(words),
                             environ) == 0);
    }
    void stop() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }
    LinkSettings settings(Queue queue, const std::string& topic) const {
        LinkSettings out;
        out.ns = "default";
        out.name = "q";
        out.spec.queue = queue;
        out.spec.topic = topic;
        out.spec.servers = "nats://127.0.0.1:" + std::to_string(port_);
        out.spec.consumer = "c";
        out.spec.queue_group = "g";
        out.spec.ack_wait = 2s;
        out.window = 64;
        return out;
    }

 private:
    test::TempDir folder_;
    int port_;
    pid_t pid_ = 0;
};

struct Seen final : LinkListener {
    void on_message(QueueMessage message) override { messages.push_back(std::move(message)); }
    void on_assigned(const std::vector<int>&) override {}
    void on_revoked(std::chrono::milliseconds) override {}
    void on_lost() override {}
    void on_published(std::uint64_t token, std::optional<PublishFault> fault) override {
        published[token] = fault ? fault->why : "";
    }
    std::vector<QueueMessage> messages;
    std::map<std::uint64_t, std::string> published;
};

template <class F>
bool soon(QueueLink& link, Seen& seen, F condition) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < end) {
        link.poll(seen);
        if (condition()) return true;
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

template <class Open>
auto patiently(Open open) {
    for (int i = 0; i < 200; ++i) {
        auto made = open();
        if (made) return std::move(*made);
        std::this_thread::sleep_for(50ms);
    }
    FAIL("the server does not answer");
    throw 0;
}

std::unique_ptr<NatsSession> session(const LinkSettings& settings) {
    return patiently([&] { return NatsSession::open(settings, [] {}); });
}

void add_stream(NatsSession& session, const std::string& name, const std::string& subject) {
    const auto made =
        session.request("$JS.API.STREAM.CREATE." + name,
                        R"({"name":")" + name + R"(","subjects":[")" + subject + R"("]})");
    REQUIRE(made);
    REQUIRE(parse_api_answer(*made).code == 0);
}

void store(NatsSession& session, const std::string& subject, int from, int to) {
    for (int i = from; i < to; ++i) REQUIRE(session.request(subject, std::to_string(i)));
}

std::unique_ptr<QueueLink> open(const LinkSettings& settings) {
    return patiently([&] { return make_nats_link(settings, [] {}); });
}

std::size_t distinct(const Seen& seen) {
    std::set<std::uint64_t> sequences;
    for (const auto& message : seen.messages) sequences.insert(message.sequence);
    return sequences.size();
}

}  // namespace

TEST_CASE("nats: a core subject's messages come with headers, and one can be sent") {
    Server server;
    const auto settings = server.settings(Queue::nats, "core.*");
    auto link = open(settings);
    auto other = session(settings);
    REQUIRE(other->subscribe("answers", "", 0));
    Seen seen;
    OutgoingMessage out;
    out.topic = "core.a";
    out.value = "text";
    out.headers = {{"X-Own", "1"}};
    REQUIRE(soon(*link, seen, [&] {
        if (seen.messages.empty()) other->publish(out, "");
        return !seen.messages.empty();
    }));
    CHECK(seen.messages[0].topic == "core.a");
    CHECK(seen.messages[0].value == "text");
    CHECK(seen.messages[0].headers == MessageHeaders{{"X-Own", "1"}});
    out.topic = "answers";
    REQUIRE_FALSE(link->publish(7, out));
    REQUIRE(soon(*link, seen, [&] { return seen.published.contains(7); }));
    CHECK(seen.published[7].empty());
    CHECK(link->state().connected);
    link->close(seen, 0ms);
}

TEST_CASE("nats: what is acknowledged does not come again, what is not does") {
    Server server;
    const auto settings = server.settings(Queue::jetstream, "s");
    auto other = session(settings);
    add_stream(*other, "S", "s");
    store(*other, "s", 0, 10);
    {
        Seen seen;
        auto link = open(settings);
        REQUIRE(soon(*link, seen, [&] { return seen.messages.size() == 10; }));
        CHECK(seen.messages[3].sequence == 4);
        CHECK(seen.messages[3].value == "3");
        CHECK(seen.messages[3].time_ms > 0);
        for (int i = 0; i < 6; ++i) link->settle(seen.messages[static_cast<std::size_t>(i)]);
        link->close(seen, 0ms);
    }
    Seen again;
    auto link = open(settings);
    REQUIRE(soon(*link, again, [&] { return again.messages.size() == 4; }));
    std::set<std::string> values;
    for (const auto& message : again.messages) values.insert(message.value);
    CHECK(values == std::set<std::string>{"6", "7", "8", "9"});
    for (const auto& message : again.messages) link->settle(message);
    CHECK(soon(*link, again, [&] { return link->lag() == 0; }));
    link->close(again, 0ms);
}

TEST_CASE(
    "nats: a message that is worked on for long comes once, and no more come than there is room") {
    Server server;
    auto settings = server.settings(Queue::jetstream, "s");
    settings.window = 8;
    settings.spec.ack_wait = 1s;
    auto other = session(settings);
    add_stream(*other, "S", "s");
    store(*other, "s", 0, 30);
    Seen seen;
    auto link = open(settings);
    const auto end = std::chrono::steady_clock::now() + 3s;
    soon(*link, seen, [&] {
        for (const auto& message : seen.messages) link->touch(message);
        std::this_thread::sleep_for(100ms);
        return std::chrono::steady_clock::now() > end;
    });
    CHECK(seen.messages.size() == 8);
    CHECK(link->lag() == 30);
    REQUIRE(soon(*link, seen, [&] {
        for (const auto& message : seen.messages) link->settle(message);
        return seen.messages.size() >= 30;
    }));
    CHECK(distinct(seen) == 30);
    link->close(seen, 0ms);
}

TEST_CASE("nats: a publication that no stream takes is told, and a kept one is confirmed") {
    Server server;
    const auto settings = server.settings(Queue::jetstream, "s");
    auto other = session(settings);
    add_stream(*other, "S", "s");
    Seen seen;
    auto link = open(settings);
    OutgoingMessage out;
    out.topic = "failed";
    out.value = "x";
    REQUIRE_FALSE(link->publish(1, out));
    REQUIRE(soon(*link, seen, [&] { return seen.published.contains(1); }));
    CHECK(seen.published[1] == "no JetStream stream takes the subject");
    add_stream(*other, "F", "failed");
    REQUIRE_FALSE(link->publish(2, out));
    REQUIRE(soon(*link, seen, [&] { return seen.published.contains(2); }));
    CHECK(seen.published[2].empty());
    link->close(seen, 0ms);
}

TEST_CASE("nats: a server that is killed and comes back is got over without loss") {
    Server server;
    const auto settings = server.settings(Queue::jetstream, "s");
    auto other = session(settings);
    add_stream(*other, "S", "s");
    store(*other, "s", 0, 5);
    Seen seen;
    auto link = open(settings);
    std::size_t settled = 0;
    const auto settle = [&] {
        for (; settled < seen.messages.size(); ++settled) link->settle(seen.messages[settled]);
    };
    REQUIRE(soon(*link, seen, [&] {
        settle();
        return distinct(seen) == 5;
    }));
    server.stop();
    REQUIRE(soon(*link, seen, [&] { return link->state().word == "Disconnected"; }));
    CHECK_FALSE(link->state().reopen);
    server.start();
    REQUIRE(soon(*link, seen, [&] { return link->state().connected; }));
    auto later = session(settings);
    store(*later, "s", 5, 15);
    REQUIRE(soon(*link, seen, [&] {
        settle();
        return distinct(seen) >= 15;
    }));
    link->close(seen, 0ms);
}

TEST_CASE("nats: refused credentials and missing streams are told at once") {
    Server server("authorization { user: u, password: right }");
    auto settings = server.settings(Queue::jetstream, "s");
    settings.credentials = {{"username", "u"}, {"password", "right"}};
    session(settings);
    CHECK(make_nats_link(settings, [] {}).error().code == Errc::not_found);
    settings.credentials["password"] = "wrong";
    const auto refused = make_nats_link(settings, [] {});
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::unauthenticated);
    CHECK(refused.error().message.find("wrong") == std::string::npos);
    settings.spec.servers.clear();
    CHECK(make_nats_link(settings, [] {}).error().code == Errc::invalid_argument);
}
