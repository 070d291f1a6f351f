#include <string>
#include <thread>

#include "hearth/http/client.hpp"
#include "support/catch.hpp"
#include "support/forward_fixture.hpp"

namespace hearth {
namespace {

using namespace std::chrono_literals;
using http::ForwardStage;
using test::ForwardFixture;
using test::RawClient;
using test::RawListener;

constexpr std::string_view kGet = "GET /a?b=c HTTP/1.1\r\nHost: front\r\n\r\n";

std::string status_of(const std::string& response) {
    return response.substr(0, response.find("\r\n"));
}

TEST_CASE("forward: request and response pass, hop-by-hop fields do not", "[http]") {
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    f.set_headers.add("X-Fission-Function-Name", "hello");
    f.drop_prefixes.push_back("X-Fission-");
    RawClient client(f.endpoint());
    client.send(
        "POST /a?b=c HTTP/1.1\r\nHost: front\r\nX-Keep: 1\r\nX-Fission-Function-Name: forged\r\n"
        "x-fission-function-uid: forged\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nTE: "
        "trailers\r\n"
        "Keep-Alive: timeout=5\r\nProxy-Authorization: x\r\nUpgrade: h2c\r\nTransfer-Encoding: "
        "chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n");
    auto instance = upstream.accept();
    const auto request = instance.read_until("abc");
    CHECK(request ==
          "POST /a?b=c HTTP/1.1\r\nHost: front\r\nX-Keep: 1\r\nX-Fission-Function-Name: hello\r\n"
          "Content-Length: 3\r\n\r\nabc");
    instance.send(
        "HTTP/1.1 201 Fine\r\nX-Answer: yes\r\nConnection: X-Private\r\nX-Private: 1\r\nServer: "
        "secret/1.0\r\n"
        "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n");
    const auto response = client.read_response();
    CHECK(status_of(response) == "HTTP/1.1 201 Created");
    CHECK(response.find("X-Answer: yes\r\n") != std::string::npos);
    CHECK(response.find("X-Private") == std::string::npos);
    CHECK(response.find("secret") == std::string::npos);
    CHECK(response.find("X-Trailer") == std::string::npos);
    CHECK(response.ends_with("Content-Length: 2\r\n\r\nok"));
    const auto result = f.result();
    CHECK(result.stage == ForwardStage::done);
    CHECK(result.status == 201);
    CHECK_FALSE(result.error);
    CHECK(result.response_bytes == 2);
}

TEST_CASE("forward: an upstream that has a host of its own is asked by it", "[http]") {
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    f.set_upstream_host("cart.shop.svc.cluster.local");
    RawClient client(f.endpoint());
    client.send(kGet);
    auto instance = upstream.accept();
    CHECK(instance.read_until("\r\n\r\n") ==
          "GET /a?b=c HTTP/1.1\r\nHost: cart.shop.svc.cluster.local\r\n\r\n");
    instance.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
    CHECK(client.read_response().ends_with("1"));
}

TEST_CASE("forward: a kept-alive connection is used again and a stale one is not", "[http]") {
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    RawClient client(f.endpoint());
    client.send(kGet);
    auto instance = upstream.accept();
    instance.read_until("\r\n\r\n");
    instance.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
    CHECK(client.read_response().ends_with("1"));
    CHECK_FALSE(f.result().reused_connection);
    client.send(kGet);
    instance.read_until("\r\n\r\n");
    instance.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
    CHECK(client.read_response().ends_with("2"));
    CHECK(f.result().reused_connection);
    SECTION("closed while idle") {
        instance.close();
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        auto next = upstream.accept();
        CHECK(next.read_until("hi").ends_with("\r\n\r\nhi"));
        next.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3");
        CHECK(client.read_response().ends_with("3"));
    }
    SECTION("closed as the request comes: an idempotent one is sent again") {
        client.send(kGet);
        instance.read_until("\r\n\r\n");
        instance.close();
        auto next = upstream.accept();
        next.read_until("\r\n\r\n");
        next.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3");
        CHECK(client.read_response().ends_with("3"));
        CHECK(f.result().stage == ForwardStage::done);
    }
    SECTION("closed as the request comes: a POST is not") {
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        instance.read_until("hi");
        instance.close();
        CHECK(status_of(client.read_response()) == "HTTP/1.1 503 Service Unavailable");
        const auto result = f.result();
        CHECK(result.stage == ForwardStage::request_sent);
        CHECK(result.reused_connection);
        CHECK_FALSE(upstream.pending(0));
    }
    SECTION("forgotten") {
        f.forwarder().forget(1);
        CHECK(instance.at_end());
        client.send(kGet);
        auto next = upstream.accept();
        next.read_until("\r\n\r\n");
        next.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3");
        CHECK(client.read_response().ends_with("3"));
    }
    SECTION("an answer too many is never given to somebody") {
        client.send(kGet);
        instance.read_until("\r\n\r\n");
        instance.send(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3HTTP/1.1 200 OK\r\nContent-Length: "
            "4\r\n\r\nevil");
        CHECK(client.read_response().ends_with("3"));
        client.send(kGet);
        auto next = upstream.accept();
        next.read_until("\r\n\r\n");
        next.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
        CHECK(client.read_response().ends_with("good"));
    }
}

TEST_CASE("forward: refused connections say so and nothing was sent", "[http]") {
    http::Endpoint nowhere;
    {
        RawListener gone;
        nowhere = gone.endpoint();
    }
    ForwardFixture f(nowhere);
    RawClient client(f.endpoint());
    client.send(kGet);
    const auto response = client.read_response();
    CHECK(status_of(response) == "HTTP/1.1 503 Service Unavailable");
    const auto result = f.result();
    CHECK(result.stage == ForwardStage::not_connected);
    REQUIRE(result.error);
    CHECK(result.error->code == Errc::unavailable);
    CHECK(result.error->message ==
          "cannot connect to " + nowhere.to_string() + ": Connection refused");
}

TEST_CASE("forward: hostile answers give an error and the connection is not used again", "[http]") {
    struct Row {
        std::string name, answer;
        Errc code;
        bool started;
    };
    const std::string length = "HTTP/1.1 200 OK\r\nContent-Length: ";
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::vector<Row> rows = {
        {"nothing", "", Errc::unavailable, false},
        {"half a head", "HTTP/1.1 200 OK\r\nX: ", Errc::io, false},
        {"no HTTP", "hello there\r\n\r\n", Errc::io, false},
        {"two lengths", length + "1\r\nContent-Length: 2\r\n\r\nab", Errc::io, false},
        {"a list of lengths", length + "1, 1\r\n\r\na", Errc::io, false},
        {"length and chunked", length + "1\r\nTransfer-Encoding: chunked\r\n\r\n", Errc::io, false},
        {"another encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", Errc::io,
         false},
        {"chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         Errc::io, false},
        {"101 unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", Errc::io,
         false},
        {"status 999", "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n", Errc::io, false},
        {"endless head", "HTTP/1.1 200 OK\r\n" + std::string(100'000, 'x'), Errc::io, false},
        {"bad chunk at once", chunked + "zz\r\n", Errc::io, false},
        {"bad chunk later", chunked + "1\r\na\r\nzz\r\n", Errc::io, true},
        {"a short body", length + "10\r\n\r\nabc", Errc::io, true},
        {"chunks that break off", chunked + "5\r\nabc", Errc::io, true},
    };
    for (const auto& row : rows) {
        INFO(row.name);
        RawListener upstream;
        ForwardFixture f(upstream.endpoint());
        RawClient client(f.endpoint());
        client.send(kGet);
        auto instance = upstream.accept();
        instance.read_until("\r\n\r\n");
        instance.send(row.answer);
        instance.half_close();
        const auto result = f.result();
        client.half_close();
        const auto response = client.read_to_end();
        REQUIRE(result.error);
        CHECK(base::to_string(result.error->code) == base::to_string(row.code));
        // A bad chunk may be seen before or after the head went out; both are honest.
        if (row.started && row.name != "bad chunk later")
            CHECK(result.stage == ForwardStage::response_started);
        if (!row.started) CHECK(result.stage == ForwardStage::request_sent);
        CHECK_FALSE(response.ends_with("0\r\n\r\n"));
        CHECK_FALSE(client.timed_out());
    }
}

TEST_CASE("forward: interim responses are dropped", "[http]") {
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    RawClient client(f.endpoint());
    client.send(kGet);
    auto instance = upstream.accept();
    instance.read_until("\r\n\r\n");
    instance.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    instance.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    const auto response = client.read_response();
    CHECK(status_of(response) == "HTTP/1.1 200 OK");
    CHECK(response.ends_with("ok"));
}

TEST_CASE("forward: HEAD, 204 and 304 have no body", "[http]") {
    struct Row {
        std::string method, answer, expect;
    };
    const std::vector<Row> rows = {
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", "Content-Length: 7\r\n\r\n"},
        {"GET", "HTTP/1.1 204 No Content\r\n\r\n", "\r\n\r\n"},
        {"GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", "\r\n\r\n"},
    };
    for (const auto& row : rows) {
        INFO(row.answer);
        RawListener upstream;
        ForwardFixture f(upstream.endpoint());
        RawClient client(f.endpoint());
        client.send(row.method + " / HTTP/1.1\r\nHost: x\r\n\r\n");
        auto instance = upstream.accept();
        instance.read_until("\r\n\r\n");
        instance.send(row.answer);
        CHECK(client.read_until("\r\n\r\n").ends_with(row.expect));
        CHECK_FALSE(f.result().reused_connection);
        client.send(kGet);
        instance.read_until("\r\n\r\n");
        instance.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
        CHECK(client.read_response().ends_with("next"));
        CHECK(f.result().reused_connection);
    }
}

TEST_CASE("forward: a response without length passes as chunks, or to the end for HTTP/1.0",
          "[http]") {
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    RawClient client(f.endpoint());
    SECTION("HTTP/1.1") {
        client.send(kGet);
        auto instance = upstream.accept();
        instance.read_until("\r\n\r\n");
        instance.send("HTTP/1.1 200 OK\r\n\r\n");
        client.read_until("\r\n\r\n");
        instance.send("some");
        CHECK(client.read_until("some\r\n") == "4\r\nsome\r\n");
        instance.close();
        CHECK(client.read_until("0\r\n\r\n") == "0\r\n\r\n");
    }
    SECTION("HTTP/1.0") {
        client.send("GET / HTTP/1.0\r\nHost: x\r\n\r\n");
        auto instance = upstream.accept();
        instance.read_until("\r\n\r\n");
        instance.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n");
        client.read_until("\r\n\r\n");
        instance.send("4\r\nmore\r\n0\r\n\r\n");
        CHECK(client.read_to_end() == "somemore");
    }
}

TEST_CASE("forward: the deadline and the idle limit", "[http]") {
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    RawClient client(f.endpoint());
    SECTION("no answer") {
        f.timeout = 200ms;
        client.send(kGet);
        auto instance = upstream.accept();
        CHECK(status_of(client.read_response()) == "HTTP/1.1 504 Gateway Timeout");
        CHECK(f.result().stage == ForwardStage::request_sent);
        instance.read_until("\r\n\r\n");
        CHECK(instance.at_end());
    }
    SECTION("a pause within the answer") {
        f.idle = 200ms;
        client.send(kGet);
        auto instance = upstream.accept();
        instance.read_until("\r\n\r\n");
        instance.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
        CHECK(client.read_to_end().ends_with("abc"));
        const auto result = f.result();
        CHECK(result.stage == ForwardStage::response_started);
        REQUIRE(result.error);
        CHECK(result.error->code == Errc::deadline_exceeded);
        CHECK_FALSE(client.timed_out());
    }
}

TEST_CASE("forward: a client that goes away frees the instance", "[http]") {
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    RawClient client(f.endpoint());
    client.send(kGet);
    auto instance = upstream.accept();
    instance.read_until("\r\n\r\n");
    client.reset();
    CHECK(instance.at_end());
    CHECK_FALSE(instance.timed_out());
    const auto result = f.result();
    REQUIRE(result.error);
    CHECK(result.error->code == Errc::cancelled);
    CHECK(result.client_fault);
}

TEST_CASE("forward: the hook sees the head and adds to it", "[http]") {
    struct Hook final : http::ResponseHook {
        void on_response(int status, const http::HeaderList& from, std::chrono::nanoseconds,
                         std::chrono::nanoseconds, http::HeaderList& add) override {
            seen = std::to_string(status) + std::string(from.find("X-One").value_or(""));
            add.add("X-One", "replaced");
            add.add("Vary", "Origin");
        }
        std::string seen;
    };
    Hook hook;
    RawListener upstream;
    ForwardFixture f(upstream.endpoint());
    f.hook = &hook;
    RawClient client(f.endpoint());
    client.send(kGet);
    auto instance = upstream.accept();
    instance.read_until("\r\n\r\n");
    instance.send("HTTP/1.1 200 OK\r\nX-One: 1\r\nVary: Accept\r\nContent-Length: 0\r\n\r\n");
    const auto response = client.read_response();
    f.result();
    CHECK(hook.seen == "2001");
    CHECK(response.find("X-One: 1") == std::string::npos);
    CHECK(response.find("X-One: replaced\r\n") != std::string::npos);
    CHECK(response.find("Vary: Accept\r\n") != std::string::npos);
    CHECK(response.find("Vary: Origin\r\n") != std::string::npos);
}

}  // namespace
}  // namespace hearth
