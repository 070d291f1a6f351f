#include <string>

#include "hearth/aio/one_shot.hpp"
#include "hearth/http/client.hpp"
#include "support/catch.hpp"
#include "support/http_fixture.hpp"
#include "support/raw_client.hpp"

namespace hearth {
namespace {

using namespace std::chrono_literals;
using http::Exchange;
using test::HttpFixture;
using test::RawClient;

// Answers with method, target and body, so that a test sees what the handler saw.
Task<void> echo(Exchange& exchange) {
    auto body = co_await exchange.read_body_all(1 << 20);
    http::ResponseHead head;
    std::string text;
    if (!body) {
        head.status = 400;
        if (body.error().code == Errc::too_large) head.status = 413;
        if (body.error().code == Errc::deadline_exceeded) head.status = 408;
        text = body.error().message;
    } else {
        text = exchange.request().method + " " + exchange.request().target + " " + *body;
    }
    auto sent = co_await exchange.respond(std::move(head), std::move(text));
    (void)sent.has_value();
}

Task<void> stream_three(Exchange& exchange) {
    http::ResponseHead head;
    std::optional<std::uint64_t> length;
    if (exchange.request().target == "/known") length = 9;
    auto started = co_await exchange.start_response(std::move(head), length);
    for (int i = 0; i < 3 && started; ++i) {
        const std::string piece = "abc";
        started = co_await exchange.write_body(piece);
    }
    if (exchange.request().target != "/cut") started = co_await exchange.finish_response();
}

std::string status_of(const std::string& response) {
    return response.substr(0, response.find("\r\n"));
}

std::string header_of(const std::string& response, const std::string& name) {
    const auto at = response.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const auto value = at + name.size() + 4;
    return response.substr(value, response.find("\r\n", value) - value);
}

TEST_CASE("server: answers a request and keeps the connection", "[http]") {
    HttpFixture f;
    auto& server = f.serve(echo);
    RawClient client(server.endpoint());
    for (int i = 0; i < 3; ++i) {
        client.send("POST /a?b=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
        const auto response = client.read_response();
        CHECK(status_of(response) == "HTTP/1.1 200 OK");
        CHECK(response.find("\r\n\r\nPOST /a?b=1 hello") != std::string::npos);
        CHECK(response.find("Date: ") != std::string::npos);
    }
}

TEST_CASE("server: answers pipelined requests in order", "[http]") {
    HttpFixture f;
    auto& server = f.serve(echo);
    RawClient client(server.endpoint());
    client.send(
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
        "chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.read_response().find("GET /1 ") != std::string::npos);
    CHECK(client.read_response().find("POST /2 abc") != std::string::npos);
    CHECK(client.read_response().find("GET /3 ") != std::string::npos);
}

TEST_CASE("server: a request that comes byte by byte is the same request", "[http]") {
    HttpFixture f;
    auto& server = f.serve(echo);
    RawClient client(server.endpoint());
    const std::string request =
        "POST /slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
        "chunked\r\n\r\n2;q=1\r\nok\r\n0\r\nX-T: 1\r\n\r\n";
    for (const char c : request) client.send(std::string_view(&c, 1));
    CHECK(client.read_response().find("POST /slow ok") != std::string::npos);
}

TEST_CASE("server: HEAD, HTTP/1.0 and Connection: close", "[http]") {
    HttpFixture f;
    auto& server = f.serve(echo);
    SECTION("HEAD has a length and no body") {
        RawClient client(server.endpoint());
        client.send("HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        const auto response = client.read_to_end();
        CHECK(response.find("Content-Length: 8\r\n") != std::string::npos);
        CHECK(response.ends_with("\r\n\r\n"));
    }
    SECTION("HTTP/1.0 closes unless asked") {
        RawClient client(server.endpoint());
        client.send("GET /x HTTP/1.0\r\n\r\n");
        const auto response = client.read_to_end();
        CHECK(response.find("Connection: close\r\n") != std::string::npos);
        CHECK(response.ends_with("GET /x "));
        CHECK_FALSE(client.timed_out());
    }
    SECTION("HTTP/1.0 keeps the connection when asked") {
        RawClient client(server.endpoint());
        client.send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        CHECK(client.read_response().find("Connection: keep-alive") != std::string::npos);
        client.send("GET /y HTTP/1.0\r\n\r\n");
        CHECK(client.read_to_end().ends_with("GET /y "));
    }
}

TEST_CASE("server: a half-closed client gets its answer", "[http]") {
    HttpFixture f;
    auto& server = f.serve(echo);
    for (int i = 0; i < 50; ++i) {
        RawClient client(server.endpoint());
        client.send("GET /half HTTP/1.1\r\nHost: x\r\n\r\n");
        client.half_close();
        REQUIRE(client.read_to_end().ends_with("GET /half "));
    }
}

TEST_CASE("server: Expect: 100-continue is answered when the body is wanted", "[http]") {
    HttpFixture f;
    auto& server = f.serve(echo);
    RawClient client(server.endpoint());
    client.send("PUT /e HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ok");
    CHECK(client.read_response().find("PUT /e ok") != std::string::npos);
    client.send("PUT /e HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: miracles\r\n\r\n");
    CHECK(status_of(client.read_response()) == "HTTP/1.1 417 Expectation Failed");
}

TEST_CASE("server: a body past the limit gets 413 before it is read", "[http]") {
    HttpFixture f;
    auto options = HttpFixture::options();
    options.max_body_bytes = 10;
    auto& server = f.serve(echo, options);
    SECTION("announced") {
        RawClient client(server.endpoint());
        client.send(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n");
        const auto response = client.read_to_end();
        CHECK(status_of(response) == "HTTP/1.1 413 Content Too Large");
        CHECK(response.find("limit of 10 bytes") != std::string::npos);
    }
    SECTION("chunked") {
        RawClient client(server.endpoint());
        client.send(
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n");
        CHECK(status_of(client.read_to_end()) == "HTTP/1.1 413 Content Too Large");
    }
    SECTION("at the limit it is served") {
        RawClient client(server.endpoint());
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789");
        CHECK(status_of(client.read_response()) == "HTTP/1.1 200 OK");
    }
}

TEST_CASE("server: streamed answers", "[http]") {
    HttpFixture f;
    auto& server = f.serve(stream_three);
    RawClient client(server.endpoint());
    SECTION("chunked") {
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        const auto response = client.read_response();
        CHECK(response.find("\r\n\r\n3\r\nabc\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n") !=
              std::string::npos);
    }
    SECTION("of known length") {
        client.send("GET /known HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK(client.read_response().ends_with("\r\n\r\nabcabcabc"));
    }
    SECTION("towards HTTP/1.0 the end of the connection ends it") {
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        const auto response = client.read_to_end();
        CHECK(response.ends_with("\r\n\r\nabcabcabc"));
        CHECK(response.find("chunked") == std::string::npos);
    }
    SECTION("one that is not finished is not passed off as complete") {
        client.send("GET /cut HTTP/1.1\r\nHost: x\r\n\r\n");
        CHECK_FALSE(client.read_to_end().ends_with("0\r\n\r\n"));
        CHECK_FALSE(client.timed_out());
    }
}

TEST_CASE("server: a handler that throws or says nothing gives 500", "[http]") {
    HttpFixture f;
    auto& server = f.serve([](Exchange& exchange) -> Task<void> {
        if (exchange.request().target == "/throw") throw std::runtime_error("a bug");
        co_return;
    });
    for (const std::string target : {"/throw", "/silent"}) {
        RawClient client(server.endpoint());
        client.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
        const auto response = client.read_response();
        CHECK(status_of(response) == "HTTP/1.1 500 Internal Server Error");
        CHECK(response.find("application/problem+json") != std::string::npos);
        const auto id = header_of(response, "X-Request-Id");
        CHECK(id.size() == 36);
        CHECK(response.find("\"requestId\":\"" + id + "\"") != std::string::npos);
    }
}

TEST_CASE("server: a refused request has an id of the server's own", "[http]") {
    HttpFixture f;
    auto& server = f.serve(echo);
    const std::string heads[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\nA_B: c\r\n\r\n",
        "no request at all\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\n\r\n",
        "GET /" + std::string(10'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (const auto& head : heads) {
        CAPTURE(head.substr(0, 100));
        RawClient client(server.endpoint());
        client.send(head);
        const auto response = client.read_to_end();
        CHECK(response.find("application/problem+json") != std::string::npos);
        const auto id = header_of(response, "X-Request-Id");
        CHECK(id.size() == 36);
        CHECK(response.find("\"requestId\":\"" + id + "\"") != std::string::npos);
    }
}

TEST_CASE("server: an unread body does not become the next request", "[http]") {
    HttpFixture f;
    auto& server = f.serve([](Exchange& exchange) -> Task<void> {
        http::ResponseHead head;
        std::string body = exchange.request().target;
        auto sent = co_await exchange.respond(std::move(head), std::move(body));
        (void)sent.has_value();
    });
    RawClient client(server.endpoint());
    client.send(
        "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 29\r\n\r\nGET /evil HTTP/1.1\r\nHost: "
        "y\r\n");
    client.send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(client.read_response().ends_with("/1"));
    CHECK(client.read_response().ends_with("/2"));
}

TEST_CASE("server: slow clients meet their deadlines", "[http]") {
    HttpFixture f;
    auto options = HttpFixture::options();
    options.header_timeout = 200ms;
    options.idle_timeout = 200ms;
    options.body_grace = 200ms;
    options.min_body_rate = 1'000'000;
    auto& server = f.serve(echo, options);
    SECTION("an unfinished head is answered 408") {
        RawClient client(server.endpoint());
        client.send("GET / HTTP/1.1\r\nHo");
        CHECK(status_of(client.read_to_end()) == "HTTP/1.1 408 Request Timeout");
        CHECK_FALSE(client.timed_out());
    }
    SECTION("a body that does not come") {
        RawClient client(server.endpoint());
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab");
        CHECK(status_of(client.read_to_end()) == "HTTP/1.1 408 Request Timeout");
    }
    SECTION("an idle connection is closed without a word") {
        RawClient client(server.endpoint());
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        client.read_response();
        CHECK(client.at_end());
        CHECK_FALSE(client.timed_out());
    }
}

TEST_CASE("server: past its connections it answers 503", "[http]") {
    HttpFixture f;
    auto options = HttpFixture::options();
    options.max_connections = 1;
    auto& server = f.serve(echo, options);
    RawClient first(server.endpoint());
    first.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
    first.read_response();
    RawClient second(server.endpoint());
    second.send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto refused = second.read_to_end();
    CHECK(status_of(refused) == "HTTP/1.1 503 Service Unavailable");
    CHECK(refused.find("Retry-After: 1\r\n") != std::string::npos);
    first.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(status_of(first.read_response()) == "HTTP/1.1 200 OK");
}

TEST_CASE("server: a reset client is noticed while the handler works", "[http]") {
    HttpFixture f;
    std::atomic<bool> entered{false}, noticed{false};
    auto& server = f.serve([&](Exchange& exchange) -> Task<void> {
        entered = true;
        entered.notify_all();
        for (int i = 0; i < 500 && !exchange.client_gone(); ++i) {
            const auto wake = Deadline::after(10ms);
            co_await aio::sleep_until(wake);
        }
        noticed = exchange.client_gone();
    });
    RawClient client(server.endpoint());
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    entered.wait(false);
    client.reset();
    server.stop(Deadline::after(10s));
    CHECK(noticed);
}

TEST_CASE("server: draining lets requests finish and closes idle connections", "[http]") {
    HttpFixture f;
    std::atomic<bool> entered{false}, release{false};
    auto& server = f.serve([&](Exchange& exchange) -> Task<void> {
        if (exchange.request().target == "/long") {
            entered = true;
            entered.notify_all();
            while (!release) {
                const auto wake = Deadline::after(5ms);
                co_await aio::sleep_until(wake);
            }
        }
        http::ResponseHead head;
        std::string body = "done";
        auto sent = co_await exchange.respond(std::move(head), std::move(body));
        (void)sent.has_value();
    });
    RawClient idle(server.endpoint()), quiet(server.endpoint()), busy(server.endpoint());
    for (auto* client : {&idle, &quiet}) {
        client->send("GET /short HTTP/1.1\r\nHost: x\r\n\r\n");
        client->read_response();
    }
    busy.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
    entered.wait(false);
    CHECK(server.requests_in_flight() == 1);
    server.begin_drain();
    idle.send("GET /short HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK(idle.read_to_end().find("Connection: close\r\n") != std::string::npos);
    release = true;
    const auto response = busy.read_to_end();
    CHECK(response.find("Connection: close\r\n") != std::string::npos);
    CHECK(response.ends_with("done"));
    server.stop(Deadline::after(5s));
    CHECK(quiet.at_end());
    CHECK(server.connections() == 0);
}

TEST_CASE("server: stop cancels what outlives the deadline", "[http]") {
    HttpFixture f;
    std::atomic<bool> entered{false};
    auto& server = f.serve([&](Exchange&) -> Task<void> {
        entered = true;
        entered.notify_all();
        const auto wake = Deadline::after(1h);
        co_await aio::sleep_until(wake);
    });
    RawClient client(server.endpoint());
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    entered.wait(false);
    server.stop(Deadline::after(20ms));
    CHECK(server.connections() == 0);
    CHECK(client.at_end());
}

TEST_CASE("server: an address in use is refused with a remedy", "[http]") {
    HttpFixture f;
    auto options = HttpFixture::options();
    options.listen = f.serve(echo).endpoint();
    auto second = http::Server::start(f.shards, options, echo, f.log, f.metrics);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == Errc::io);
    CHECK(second.error().message.find(options.listen.to_string()) != std::string::npos);
    CHECK(second.error().message.find("choose another port") != std::string::npos);
}

TEST_CASE("server: clients that go away at awkward moments leave nothing behind", "[http]") {
    HttpFixture f(2);
    auto& server = f.serve(echo);
    const std::string request =
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'b');
    for (std::size_t cut = 0; cut <= request.size(); cut += 3) {
        RawClient client(server.endpoint());
        client.send(request.substr(0, cut));
        if (cut % 2 == 0) client.reset();
    }
    RawClient last(server.endpoint());
    last.send(request);
    CHECK(status_of(last.read_response()) == "HTTP/1.1 200 OK");
    last.close();
    server.stop(Deadline::after(5s));
    CHECK(server.connections() == 0);
}

}  // namespace
}  // namespace hearth
