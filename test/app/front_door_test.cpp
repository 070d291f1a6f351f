#include "app/front_door.hpp"

#include <future>
#include <thread>

#include "support/catch.hpp"
#include "support/http_fixture.hpp"
#include "support/raw_client.hpp"

namespace hearth {
namespace {

Task<void> answer(http::Exchange& exchange, std::string text) {
    http::ResponseHead head;
    const auto sent = co_await exchange.respond(std::move(head), std::move(text));
    (void)sent.has_value();
}

http::Handler answering(std::string text) {
    return [text](http::Exchange& exchange) { return answer(exchange, text); };
}

/// One replica: a listener behind a front door.
struct Replica {
    explicit Replica(test::HttpFixture& fixture, app::FrontDoor::Options options = {})
        : door(fixture.forwarder(), http::Relay("the replicas' key"), options),
          endpoint(fixture.serve([this](http::Exchange& e) { return door.handle(e); }).endpoint()) {
    }
    app::FrontDoor door;
    http::Endpoint endpoint;
};

std::string get(const http::Endpoint& endpoint, std::string_view method = "GET") {
    test::RawClient client(endpoint);
    client.send(std::string(method) +
                " /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return client.read_to_end();
}

int connected_from(const char* own, const http::Endpoint& to) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, own, &address.sin_addr);
    REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    address.sin_port = htons(to.port);
    ::inet_pton(AF_INET, to.host.c_str(), &address.sin_addr);
    REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return fd;
}

bool holds(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a replica that leads answers itself, one that does not passes on") {
    test::HttpFixture fixture;
    Replica leader(fixture), standby(fixture);
    CHECK_FALSE(standby.door.open());
    leader.door.lead(answering("from the leader"));
    standby.door.follow(leader.endpoint);
    CHECK(leader.door.open());
    CHECK(standby.door.open());
    CHECK(holds(get(leader.endpoint), "from the leader"));
    CHECK(holds(get(standby.endpoint), "from the leader"));
    fixture.stop();
}

TEST_CASE("the leader gets the session that another replica was shown") {
    test::HttpFixture fixture;
    Replica leader(fixture), standby(fixture);
    leader.door.lead([](http::Exchange& exchange) {
        return answer(
            exchange,
            "cookie: " + std::string(exchange.request().headers.find("Cookie").value_or("none")));
    });
    standby.door.follow(leader.endpoint);
    test::RawClient client(standby.endpoint);
    client.send(
        "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nCookie: __Host-hearth=1; a=2\r\n\r\n");
    CHECK(holds(client.read_to_end(), "cookie: __Host-hearth=1; a=2"));
    fixture.stop();
}

TEST_CASE("the leader is told whose a request is, and believes only another replica") {
    test::HttpFixture fixture;
    Replica leader(fixture), standby(fixture);
    leader.door.lead([](http::Exchange& exchange) {
        return answer(exchange, "peer=" + std::string(exchange.peer_address()) + ";");
    });
    standby.door.follow(leader.endpoint);
    const auto from = [](const http::Endpoint& to, const std::string& more = "") {
        test::RawClient client(connected_from("127.0.0.9", to));
        client.send("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + more + "\r\n");
        return client.read_to_end();
    };
    CHECK(holds(from(leader.endpoint), "peer=127.0.0.9;"));
    CHECK(holds(from(standby.endpoint), "peer=127.0.0.9;"));
    const std::string forged = "X-Hearth-Relay-Key: guessed\r\nX-Hearth-Relay-Peer: 10.1.1.1\r\n";
    CHECK(holds(from(leader.endpoint, forged), "peer=127.0.0.9;"));
    CHECK(holds(from(standby.endpoint, forged), "peer=127.0.0.9;"));
    // What was told counts for one exchange, not for those after it on the connection.
    test::RawClient kept(connected_from("127.0.0.9", leader.endpoint));
    kept.send(
        "GET /x HTTP/1.1\r\nHost: h\r\nX-Hearth-Relay-Key: the replicas' key\r\n"
        "X-Hearth-Relay-Peer: 10.1.1.1\r\n\r\n");
    CHECK(holds(kept.read_response(), "peer=10.1.1.1;"));
    kept.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(holds(kept.read_response(), "peer=127.0.0.9;"));
    fixture.stop();
}

TEST_CASE("a request that comes between two leaders waits for the next one") {
    test::HttpFixture fixture;
    Replica standby(fixture);
    http::Endpoint gone;
    {
        test::HttpFixture ended;
        gone = ended.serve(answering("never")).endpoint();
    }
    standby.door.follow(gone);
    auto early = std::async(std::launch::async, [&] { return get(standby.endpoint); });
    auto post = std::async(std::launch::async, [&] { return get(standby.endpoint, "POST"); });
    standby.door.follow(std::nullopt);
    CHECK(standby.door.open());
    standby.door.lead(answering("from the new leader"));
    CHECK(holds(early.get(), "from the new leader"));
    CHECK(holds(post.get(), "from the new leader"));
    fixture.stop();
}

TEST_CASE("without a leader the wait ends, with a problem that says so") {
    test::HttpFixture fixture;
    app::FrontDoor::Options options;
    options.patience = std::chrono::milliseconds(50);
    Replica standby(fixture, options);
    const auto text = get(standby.endpoint);
    CHECK(holds(text, "503"));
    CHECK(holds(text, "Retry-After"));
    CHECK(holds(text, "no replica has taken over"));
    CHECK_FALSE(standby.door.open());
    fixture.stop();
}

TEST_CASE("only so many requests wait for a leader") {
    test::HttpFixture fixture;
    app::FrontDoor::Options options;
    options.most_held = 0;
    Replica standby(fixture, options);
    const auto text = get(standby.endpoint);
    CHECK(holds(text, "503"));
    CHECK(holds(text, "too many requests wait"));
    fixture.stop();
}

TEST_CASE("a request with a body is not sent twice when the leader goes away under it") {
    test::HttpFixture fixture;
    Replica standby(fixture);
    // Takes the request and closes without an answer.
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener, 4) == 0);
    socklen_t length = sizeof address;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
    std::thread peer([&] {
        test::RawClient connection(::accept(listener, nullptr, nullptr));
        connection.read_until("body");
    });
    http::Endpoint leader;
    leader.host = "127.0.0.1";
    leader.port = ntohs(address.sin_port);
    standby.door.follow(leader);
    test::RawClient client(standby.endpoint);
    client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
    const auto text = client.read_to_end();
    CHECK(holds(text, "502"));
    CHECK(holds(text, "went away while it worked"));
    peer.join();
    ::close(listener);
    fixture.stop();
}

}  // namespace hearth
