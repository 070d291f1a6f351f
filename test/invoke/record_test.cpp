#include "invoke/call_headers.hpp"
#include "support/catch.hpp"

using namespace hearth;
using namespace std::chrono_literals;

TEST_CASE("call record: method, path without query, status, milliseconds") {
    struct Row {
        const char* target;
        std::chrono::nanoseconds total;
        bool cold;
        const char* component;
        const char* text;
    };
    const Row rows[] = {
        {"/a?token=secret", 1234567ns, false, "", "GET /a 200 1.235 ms"},
        {"/", 0ns, false, "", "GET / 200 0.000 ms"},
        {"/", 7us, true, "", "GET / 200 0.007 ms cold"},
        {"/", 2s, true, "function", "GET / 200 2000.000 ms cold function"},
        {"/", 61023045us, false, "executor", "GET / 200 61023.045 ms executor"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        http::RequestHead head;
        head.method = "GET";
        head.target = row.target;
        invoke::CallReport report;
        report.status = 200;
        report.total = row.total;
        report.cold = row.cold;
        report.component = row.component;
        std::string out;
        invoke::append_record(out, head, report);
        CHECK(out == row.text);
    }
}

TEST_CASE("call record: a long path is cut") {
    http::RequestHead head;
    head.method = "GET";
    head.target = "/" + std::string(2000, 'a');
    std::string out;
    invoke::append_record(out, head, invoke::CallReport());
    CHECK(out.size() < 600);
}
