#include <filesystem>
#include <string>
#include <thread>

#include "hearth/http/client.hpp"
#include "support/catch.hpp"
#include "support/http_fixture.hpp"
#include "support/raw_client.hpp"

namespace hearth {
namespace {

using namespace std::chrono_literals;
using http::ClientRequest;
using test::HttpFixture;
using test::RawListener;

// Answers one request on `listener` with these bytes.
std::thread answer_once(RawListener& listener, std::string answer, std::string* request = nullptr) {
    return std::thread([&listener, answer = std::move(answer), request] {
        auto peer = listener.accept();
        const auto head = peer.read_until("\r\n\r\n");
        if (request != nullptr) *request = head;
        peer.send(answer);
        peer.half_close();
    });
}

Task<void> echo(http::Exchange& exchange) {
    auto body = co_await exchange.read_body_all(10 << 20);
    http::ResponseHead head;
    std::string text = body ? *body : body.error().message;
    auto sent = co_await exchange.respond(std::move(head), std::move(text));
    (void)sent.has_value();
}

TEST_CASE("client: bodies of every framing", "[http]") {
    struct Row {
        std::string answer, body;
    };
    const std::vector<Row> rows = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
         "abc"},
        {"HTTP/1.1 200 OK\r\n\r\nabc", "abc"},
        {"HTTP/1.0 200 OK\r\n\r\nabc", "abc"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"},
        {"HTTP/1.1 204 No Content\r\n\r\n", ""},
    };
    for (const auto& row : rows) {
        INFO(row.answer);
        RawListener listener;
        std::string head;
        auto peer = answer_once(listener, row.answer, &head);
        ClientRequest request;
        request.headers.add("X-A", "b");
        const auto response =
            http::fetch_blocking(listener.endpoint(), request, Deadline::after(10s));
        peer.join();
        REQUIRE(response);
        CHECK(response->body == row.body);
        CHECK(head == "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\nConnection: close\r\n\r\n");
    }
}

TEST_CASE("client: faults have their codes", "[http]") {
    SECTION("refused") {
        http::Endpoint nowhere;
        {
            RawListener gone;
            nowhere = gone.endpoint();
        }
        const auto response = http::fetch_blocking(nowhere, {}, Deadline::after(10s));
        REQUIRE_FALSE(response);
        CHECK(response.error().code == Errc::unavailable);
        CHECK(response.error().message.find(nowhere.to_string()) != std::string::npos);
    }
    SECTION("too slow") {
        RawListener listener;
        const auto response = http::fetch_blocking(listener.endpoint(), {}, Deadline::after(100ms));
        REQUIRE_FALSE(response);
        CHECK(response.error().code == Errc::deadline_exceeded);
    }
    SECTION("too large") {
        RawListener listener;
        auto peer = answer_once(listener, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde");
        const auto response =
            http::fetch_blocking(listener.endpoint(), {}, Deadline::after(10s), 4);
        peer.join();
        REQUIRE_FALSE(response);
        CHECK(response.error().code == Errc::too_large);
    }
    SECTION("broken off") {
        for (const std::string answer :
             {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
              "nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
            INFO(answer);
            RawListener listener;
            auto peer = answer_once(listener, answer);
            const auto response =
                http::fetch_blocking(listener.endpoint(), {}, Deadline::after(10s));
            peer.join();
            REQUIRE_FALSE(response);
            CHECK(response.error().code == Errc::io);
        }
    }
}

TEST_CASE("client: uploads from a source, over TCP by name and over a unix socket", "[http]") {
    const auto folder =
        std::filesystem::temp_directory_path() / ("hearth-http-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    HttpFixture f(2);
    auto options = HttpFixture::options();
    const bool local = GENERATE(false, true);
    if (local) {
        options.listen.type = http::Endpoint::Type::unix_socket;
        options.listen.host = (folder / "s.sock").string();
    }
    auto& server = f.serve(echo, options);
    auto endpoint = server.endpoint();
    if (!local) endpoint.host = "localhost";
    const bool known = GENERATE(false, true);
    for (int i = 0; i < 3; ++i) {
        ClientRequest request;
        request.method = "POST";
        int left = 50;
        request.body_source = [&left]() -> Result<std::string> {
            return left-- > 0 ? std::string(10'000, 'x') : std::string();
        };
        if (known) request.body_length = 500'000;
        const auto response =
            http::fetch_blocking(endpoint, std::move(request), Deadline::after(10s));
        REQUIRE(response);
        CHECK(response->body == std::string(500'000, 'x'));
    }
    f.stop();
    CHECK_FALSE(std::filesystem::exists(folder / "s.sock"));
    std::filesystem::remove_all(folder);
}

TEST_CASE("client: a stream can be stopped at its head and within its data", "[http]") {
    RawListener listener;
    auto peer = answer_once(
        listener, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n");
    std::string seen;
    auto on_data = [&](std::string_view data) {
        seen += data;
        return seen.find("two") == std::string::npos;
    };
    const bool at_head = GENERATE(true, false);
    auto on_head = [&](const http::ClientResponse& head) {
        seen += std::to_string(head.status);
        return !at_head;
    };
    const auto response = http::fetch_stream_blocking(listener.endpoint(), {}, Deadline::after(10s),
                                                      on_head, on_data);
    peer.join();
    REQUIRE(response);
    CHECK(seen == (at_head ? "200" : "200onetwo"));
}

}  // namespace
}  // namespace hearth
