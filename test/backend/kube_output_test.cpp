#include "backend/kube_pod_output.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace hearth;
using namespace std::chrono_literals;

namespace {

base::WallTime at(std::string_view text) {
    auto time = backend::take_timestamp(text);
    REQUIRE(time);
    return *time;
}

struct Log {
    test::TempDir dir;
    telemetry::FunctionLogOptions options{dir.path()};
    telemetry::FunctionLog log{options};
    std::vector<telemetry::LogEntry> read() {
        telemetry::LogQuery query;
        query.ns = "shop";
        query.function = "cart";
        auto entries = log.read(query);
        REQUIRE(entries);
        return *entries;
    }
};

}  // namespace

TEST_CASE("kube output: times as the kubelet writes them") {
    CHECK(base::to_rfc3339(at("2026-01-31T12:00:00.123456789Z x")) == "2026-01-31T12:00:00.123Z");
    CHECK(base::to_rfc3339(at("2026-01-31T12:00:00Z x")) == "2026-01-31T12:00:00.000Z");
    CHECK(base::to_rfc3339(at("2026-01-31T14:00:00.5+02:00 x")) == "2026-01-31T12:00:00.500Z");
    std::string_view line = "2026-01-31T12:00:00.1Z the rest";
    REQUIRE(backend::take_timestamp(line));
    CHECK(line == "the rest");
    for (std::string_view bad : {"", "hello", "2026-01-31 12:00:00Z x", "2026-01-31T12:00:00.1",
                                 "2026-0x-31T12:00:00Z x"}) {
        INFO(bad);
        const auto before = bad;
        CHECK_FALSE(backend::take_timestamp(bad));
        CHECK(bad == before);
    }
}

TEST_CASE("kube output: lines become the function's, with stream and request") {
    Log log;
    backend::PodOutput output(log.log, "cart-1");
    output.begin();
    output.feed("2026-01-01T00:00:00.5Z starting\n");
    output.set_function("shop", "cart");
    output.attribute("req-1", at("2026-01-01T00:00:01Z"));
    output.attribute("", at("2026-01-01T00:00:02Z"));
    output.feed("2026-01-01T00:00:01.5Z pla");
    output.feed("in\n2026-01-01T00:00:02.5Z after\n");
    output.feed(
        R"(2026-01-01T00:00:03Z {"hearth":1,"stream":"err","request_id":"req-2","message":"oops"})");
    output.end();
    const auto entries = log.read();
    REQUIRE(entries.size() == 3);
    CHECK(entries[0].message == "plain");
    CHECK(entries[0].request_id == "req-1");
    CHECK(entries[0].instance == "cart-1");
    CHECK(entries[1].request_id.empty());
    CHECK(entries[2].message == "oops");
    CHECK(entries[2].stream == telemetry::LogEntry::Stream::err);
    CHECK(entries[2].request_id == "req-2");
    CHECK(output.tail() == "starting\nplain\nafter\noops\n");
}

TEST_CASE("kube output: a stream that begins again gives no line twice") {
    Log log;
    backend::PodOutput output(log.log, "cart-1");
    output.set_function("shop", "cart");
    output.begin();
    output.feed("2026-01-01T00:00:01.1Z one\n2026-01-01T00:00:01.2Z two\n");
    output.end();
    CHECK(output.resume_time() == "2026-01-01T00:00:01.200Z");
    output.begin();
    output.feed(
        "2026-01-01T00:00:01.1Z one\n2026-01-01T00:00:01.2Z two\n2026-01-01T00:00:01.3Z three\n");
    output.end();
    const auto entries = log.read();
    REQUIRE(entries.size() == 3);
    CHECK(entries[2].message == "three");
}
