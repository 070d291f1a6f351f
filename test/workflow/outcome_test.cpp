#include "workflow/outcome.hpp"

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::workflow;

namespace {

invoke::CallAnswer answered(int status, std::string body) {
    invoke::CallAnswer answer;
    answer.status = status;
    answer.body = std::move(body);
    return answer;
}

}  // namespace

TEST_CASE("step outcome: what answers mean", "[workflow][unit]") {
    CHECK(outcome_of(answered(200, ""), 100).text == "null");
    CHECK(outcome_of(answered(201, "{\"a\":1}"), 100).text == "{\"a\":1}");
    CHECK(outcome_of(answered(200, "hello"), 100).text == "\"hello\"");
    struct Row {
        invoke::CallAnswer answer;
        std::string type, kind;
        bool permanent;
    };
    auto error = [](Errc code) {
        invoke::CallAnswer answer;
        answer.error.emplace(code, "why");
        return answer;
    };
    const Row rows[] = {
        {answered(404, "no"), "Fission.PermanentError", "Fission.PermanentError", true},
        {answered(429, ""), "Fission.FunctionError", "Fission.FunctionError", false},
        {answered(500, "x"), "Fission.FunctionError", "Fission.FunctionError", false},
        {answered(500, R"({"errorType":"Odd","cause":"c"})"), "Odd", "Fission.FunctionError",
         false},
        {answered(400, R"({"errorType":"Odd"})"), "Odd", "Fission.PermanentError", true},
        {answered(302, ""), "Fission.PermanentError", "Fission.PermanentError", true},
        {answered(200, "\xff"), "Fission.PermanentError", "Fission.PermanentError", true},
        {answered(200, std::string(101, '1')), "Hearth.TooLarge", "Hearth.TooLarge", true},
        {error(Errc::deadline_exceeded), "Fission.Timeout", "Fission.Timeout", false},
        {error(Errc::unavailable), "Fission.FunctionError", "Fission.FunctionError", false},
        {error(Errc::not_found), "Fission.PermanentError", "Fission.PermanentError", true},
    };
    for (const auto& row : rows) {
        const auto outcome = outcome_of(row.answer, 100);
        REQUIRE(outcome.failure);
        INFO(outcome.failure->cause);
        CHECK(outcome.failure->type == row.type);
        CHECK(outcome.failure->kind == row.kind);
        CHECK(outcome.failure->permanent == row.permanent);
    }
    CHECK(outcome_of(rows[0].answer, 100).failure->cause == "the function answered 404: no");
}
