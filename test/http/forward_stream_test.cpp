#include <string>
#include <thread>

#include "support/catch.hpp"
#include "support/forward_fixture.hpp"

namespace hearth {
namespace {

using namespace std::chrono_literals;
using http::ForwardStage;
using test::ForwardFixture;
using test::RawClient;
using test::RawListener;

std::string status_of(const std::string& response) {
    return response.substr(0, response.find("\r\n"));
}

std::string pattern(std::size_t size) {
    std::string out(size, '\0');
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
    return out;
}

Task<void> echo_stream(http::Exchange& exchange) {
    http::ResponseHead head;
    auto ok = co_await exchange.start_response(std::move(head), std::nullopt);
    std::vector<char> buffer(64 * 1024);
    while (ok) {
        auto n = co_await exchange.read_body(buffer);
        if (!n) co_return;
        if (*n == 0) break;
        const std::span<const char> piece(buffer.data(), *n);
        ok = co_await exchange.write_body(piece);
    }
    auto ended = co_await exchange.finish_response();
    (void)ended.has_value();
}

std::string dechunk(std::string_view wire) {
    std::string out;
    while (!wire.empty()) {
        const auto end = wire.find("\r\n");
        const auto size = std::stoul(std::string(wire.substr(0, end)), nullptr, 16);
        out.append(wire.substr(end + 2, size));
        wire.remove_prefix(end + 2 + size + 2);
    }
    return out;
}

TEST_CASE("forward: large bodies stream through both ways", "[http]") {
    test::HttpFixture back;
    const auto upstream = back.serve(echo_stream).endpoint();
    ForwardFixture f(upstream);
    const auto body = pattern(3'000'000);
    const bool chunked = GENERATE(false, true);
    for (int round = 0; round < 2; ++round) {
        RawClient client(f.endpoint());
        std::thread sender([&] {
            if (chunked) {
                client.send("POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
                for (std::size_t at = 0; at < body.size(); at += 100'000) {
                    client.send("186a0\r\n" + body.substr(at, 100'000) + "\r\n");
                }
                client.send("0\r\n\r\n");
            } else {
                client.send("POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" +
                            body);
            }
        });
        const auto head = client.read_until("\r\n\r\n");
        const auto wire = client.read_until("\r\n0\r\n\r\n");
        sender.join();
        CHECK(status_of(head) == "HTTP/1.1 200 OK");
        CHECK(dechunk(wire) == body);
        const auto result = f.result();
        CHECK(result.stage == ForwardStage::done);
        CHECK(result.body_consumed);
        CHECK(result.response_bytes == body.size());
        CHECK(result.reused_connection == (round == 1));
    }
}

TEST_CASE("forward: a large response of known length", "[http]") {
    const auto body = pattern(2'000'000);
    test::HttpFixture back;
    const auto upstream = back.serve([&body](http::Exchange& e) -> Task<void> {
                                  http::ResponseHead head;
                                  std::string copy = body;
                                  auto sent = co_await e.respond(std::move(head), std::move(copy));
                                  (void)sent.has_value();
                              })
                              .endpoint();
    ForwardFixture f(upstream);
    RawClient client(f.endpoint());
    for (int i = 0; i < 3; ++i) {
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        client.read_until("Content-Length: 2000000\r\n\r\n");
        CHECK(client.read_exactly(body.size()) == body);
    }
}

TEST_CASE("forward: an answer that comes before the upload has ended", "[http]") {
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    RawClient client(f.endpoint());
    client.send("POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nsome");
    auto instance = upstream.accept();
    CHECK(instance.read_until("some").find("Content-Length: 1000000\r\n") != std::string::npos);
    SECTION("ends the exchange when it is complete") {
        instance.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        const auto response = client.read_to_end();
        CHECK(status_of(response) == "HTTP/1.1 403 Forbidden");
        CHECK(response.find("Connection: close\r\n") != std::string::npos);
        CHECK(response.ends_with("no"));
        CHECK(instance.at_end());
        CHECK(f.result().stage == ForwardStage::done);
    }
    SECTION("flows while the upload goes on") {
        instance.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
        CHECK(client.read_until("one\r\n").ends_with("3\r\none\r\n"));
        client.send("more");
        CHECK(instance.read_until("more").ends_with("more"));
        instance.send("3\r\ntwo\r\n");
        CHECK(client.read_until("two\r\n") == "3\r\ntwo\r\n");
        instance.send("0\r\n\r\n");
        CHECK(client.read_to_end() == "0\r\n\r\n");
    }
    SECTION("is lost with the instance") {
        instance.reset();
        const auto response = client.read_to_end();
        CHECK(status_of(response) == "HTTP/1.1 503 Service Unavailable");
        const auto result = f.result();
        CHECK(result.stage == ForwardStage::request_sent);
        CHECK(result.body_consumed);
    }
}

TEST_CASE("forward: faults of the client within its upload are told apart", "[http]") {
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    f.max_body = 1000;
    RawClient client(f.endpoint());
    SECTION("too large as announced: nothing is sent") {
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
        CHECK(status_of(client.read_to_end()) == "HTTP/1.1 413 Content Too Large");
        const auto result = f.result();
        CHECK(result.stage == ForwardStage::not_connected);
        CHECK(result.client_fault);
        CHECK_FALSE(upstream.pending(0));
    }
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n");
    SECTION("too large as it comes") {
        auto instance = upstream.accept();
        instance.read_until("some");
        client.send("400\r\n" + std::string(1024, 'x') + "\r\n");
        CHECK(status_of(client.read_to_end()) == "HTTP/1.1 413 Content Too Large");
        const auto result = f.result();
        CHECK(result.client_fault);
        CHECK(result.stage == ForwardStage::request_sent);
        CHECK_FALSE(instance.read_to_end().ends_with("0\r\n\r\n"));
    }
    SECTION("malformed chunks") {
        auto instance = upstream.accept();
        instance.read_until("some");
        client.send("xyz\r\n");
        CHECK(status_of(client.read_to_end()) == "HTTP/1.1 400 Bad Request");
        CHECK(f.result().client_fault);
        CHECK_FALSE(instance.read_to_end().ends_with("0\r\n\r\n"));
    }
    SECTION("the client goes away") {
        auto instance = upstream.accept();
        instance.read_until("some");
        client.reset();
        CHECK_FALSE(instance.read_to_end().ends_with("0\r\n\r\n"));
        const auto result = f.result();
        CHECK(result.client_fault);
        REQUIRE(result.error);
        CHECK(result.error->code == Errc::cancelled);
    }
}

TEST_CASE("forward: a reader that takes nothing holds the writer back", "[http]") {
    test::HttpFixture back;
    std::atomic<std::uint64_t> produced{0};
    const auto upstream = back.serve([&](http::Exchange& e) -> Task<void> {
                                  http::ResponseHead head;
                                  auto ok =
                                      co_await e.start_response(std::move(head), std::nullopt);
                                  const std::string piece(64 * 1024, 'x');
                                  while (ok && produced < (200u << 20)) {
                                      ok = co_await e.write_body(piece);
                                      produced += piece.size();
                                  }
                              })
                              .endpoint();
    ForwardFixture f(upstream);
    RawClient client(f.endpoint());
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    client.read_until("\r\n\r\n");
    // Kernel buffers of two connections fill up and then nothing moves any more.
    std::uint64_t before = 1;
    while (before != produced) {
        before = produced;
        std::this_thread::sleep_for(200ms);
    }
    CHECK(produced < (100u << 20));
    client.reset();
    CHECK(f.result().client_fault);
}

TEST_CASE("forward: a websocket passes bytes both ways", "[http]") {
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    f.timeout = 300ms;
    const std::string ask =
        "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
        "Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\n";
    RawClient client(f.endpoint());
    SECTION("after 101") {
        client.send(ask + "early");
        auto instance = upstream.accept();
        const auto request = instance.read_until("\r\n\r\n");
        CHECK(request.find("Connection: Upgrade\r\nUpgrade: websocket\r\n") != std::string::npos);
        CHECK(request.find("Sec-WebSocket-Key: k\r\n") != std::string::npos);
        instance.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
            "websocket\r\n\r\nfirst");
        CHECK(instance.read_until("early") == "early");
        CHECK(client.read_until("first").starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
        std::this_thread::sleep_for(500ms);  // longer than the deadline, which ends with 101
        client.send("ping");
        CHECK(instance.read_until("ping") == "ping");
        instance.send("pong");
        CHECK(client.read_until("pong") == "pong");
        client.half_close();
        CHECK(instance.at_end());
        instance.send("bye");
        instance.close();
        CHECK(client.read_to_end() == "bye");
        const auto result = f.result();
        CHECK(result.stage == ForwardStage::done);
        CHECK(result.status == 101);
    }
    SECTION("the idle limit ends it") {
        f.idle = 200ms;
        client.send(ask);
        auto instance = upstream.accept();
        instance.read_until("\r\n\r\n");
        instance.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
            "websocket\r\n\r\n");
        client.read_until("\r\n\r\n");
        CHECK(client.at_end());
        CHECK_FALSE(client.timed_out());
    }
    SECTION("refused by the function") {
        client.send(ask);
        auto instance = upstream.accept();
        instance.read_until("\r\n\r\n");
        instance.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
        CHECK(status_of(client.read_response()) == "HTTP/1.1 426 Upgrade Required");
    }
    SECTION("not wanted here: an ordinary request") {
        f.allow_websocket = false;
        client.send(ask);
        auto instance = upstream.accept();
        CHECK(instance.read_until("\r\n\r\n").find("Upgrade") == std::string::npos);
        instance.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        CHECK(status_of(client.read_response()) == "HTTP/1.1 200 OK");
    }
}

TEST_CASE("forward: stopping breaks off what is under way", "[http]") {
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    RawClient client(f.endpoint());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc");
    auto instance = upstream.accept();
    instance.read_until("abc");
    SECTION("the forwarder") {
        f.forwarder().stop();
        CHECK(instance.at_end());
        CHECK(status_of(client.read_to_end()) == "HTTP/1.1 503 Service Unavailable");
    }
    SECTION("the server") {
        f.base().stop();
        CHECK(instance.at_end());
        CHECK(client.at_end());
    }
}

}  // namespace
}  // namespace hearth
