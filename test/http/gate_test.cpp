#include <fstream>
#include <string>

#include "hearth/http/request_gate.hpp"
#include "http/ascii.hpp"
#include "support/catch.hpp"
#include "support/http_fixture.hpp"
#include "support/raw_client.hpp"

namespace hearth {
namespace {

using test::HttpFixture;
using test::RawClient;

std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '{') {
            const auto star = text.find('*', i);
            const auto close = text.find('}', i);
            const auto times = std::stoul(std::string(text.substr(i + 1, star - i - 1)));
            const auto what = unescape(text.substr(star + 1, close - star - 1));
            for (std::size_t n = 0; n < times; ++n) out += what;
            i = close;
        } else if (text[i] != '\\') {
            out += text[i];
        } else {
            const char c = text[++i];
            if (c == 'r') out += '\r';
            if (c == 'n') out += '\n';
            if (c == 't') out += '\t';
            if (c == '0') out += '\0';
            if (c == '\\') out += '\\';
            if (c == 'x') {
                out += static_cast<char>(http::hex_value(text[i + 1]) * 16 +
                                         http::hex_value(text[i + 2]));
                i += 2;
            }
        }
    }
    return out;
}

struct Row {
    int status;
    std::string name, request;
};

std::vector<Row> load_corpus() {
    std::ifstream file("test/http/gate_corpus.txt");
    std::vector<Row> rows;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line.front() == '#') continue;
        const auto first = line.find('|');
        const auto second = line.find('|', first + 1);
        Row row{std::stoi(line.substr(0, first)), line.substr(first + 1, second - first - 1),
                unescape(line.substr(second + 1))};
        rows.push_back(std::move(row));
    }
    return rows;
}

// Reads the body, as a function would, and says when its framing was refused.
Task<void> reads_body(http::Exchange& exchange) {
    auto body = co_await exchange.read_body_all(1 << 20);
    http::ResponseHead head;
    std::string text = "served";
    if (!body) {
        head.status = body.error().code == Errc::too_large ? 413 : 400;
        text = body.error().message;
    }
    auto sent = co_await exchange.respond(std::move(head), std::move(text));
    (void)sent.has_value();
}

TEST_CASE("gate: every request of the corpus gets exactly its status", "[http]") {
    HttpFixture f;
    const auto endpoint = f.serve(reads_body).endpoint();
    const auto rows = load_corpus();
    REQUIRE(rows.size() > 120);
    for (const auto& row : rows) {
        INFO(row.name);
        RawClient client(endpoint);
        client.send(row.request);
        const auto first = client.read_response();
        CHECK(first.substr(0, 12) == "HTTP/1.1 " + std::to_string(row.status));
        client.half_close();
        const auto rest = client.read_to_end();
        CHECK(rest == "");
        CHECK_FALSE(client.timed_out());
        if (row.status != 200) CHECK(first.find("Connection: close\r\n") != std::string::npos);
    }
}

TEST_CASE("gate: a refusal names what is wrong and repeats nothing of the request", "[http]") {
    http::RequestHead head;
    head.method = "GET";
    head.target = "/<script>#x";
    head.headers.add("Host", "x");
    const std::string raw = "GET /<script>#x HTTP/1.1\r\nHost: x\r\n\r\n";
    const auto refusal = http::check_request(raw, head, {});
    REQUIRE(refusal);
    CHECK(refusal->status == 400);
    CHECK(refusal->reason == "the request target holds a fragment");
}

TEST_CASE("gate: canonical paths", "[http]") {
    struct PathRow {
        std::string path, canonical;  // empty: refused
    };
    const std::vector<PathRow> rows = {
        {"/", "/"},
        {"/a/b", "/a/b"},
        {"/%61%2D%7e", "/a-~"},
        {"/a%20b", "/a%20b"},
        {"/%c3%a4", "/%C3%A4"},
        {"/a%3fb", "/a%3Fb"},
        {"/..a/b..", "/..a/b.."},
        {"/a.b", "/a.b"},
        {"//a", "//a"},
        {"/;x", "/;x"},
        {"", ""},
        {"a", ""},
        {"/a%2fb", ""},
        {"/a%2Fb", ""},
        {"/a%5cb", ""},
        {"/a\\b", ""},
        {"/a%00", ""},
        {"/.", ""},
        {"/..", ""},
        {"/../a", ""},
        {"/a/./b", ""},
        {"/a/../b", ""},
        {"/a/%2e%2e/b", ""},
        {"/a/.%2E", ""},
        {"/a/%2e", ""},
        {"/a/..;x/b", ""},
        {"/a/.;/b", ""},
        {"/%", ""},
        {"/%4", ""},
        {"/%zz", ""},
        {"/a b", ""},
        {"/\xc3", ""},
    };
    for (const auto& row : rows) {
        INFO(row.path);
        const auto result = http::canonical_path(row.path);
        if (row.canonical.empty()) {
            REQUIRE_FALSE(result);
            CHECK(result.error().code == Errc::invalid_argument);
        } else {
            REQUIRE(result);
            CHECK(*result == row.canonical);
            CHECK(*http::canonical_path(*result) == *result);
        }
    }
}

}  // namespace
}  // namespace hearth
