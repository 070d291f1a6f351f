#include "workflow/run_event.hpp"

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::workflow;

TEST_CASE("run event: what is written is read back", "[workflow][unit]") {
    Event begun;
    begun.at = 17;
    begun.value = Value("{\"a\":1}");
    begun.secret = "secret";
    begun.limits.items = 3;
    begun.limits.outside_from = 99;
    Event failed;
    failed.type = Event::Type::answered;
    failed.step = 4;
    failed.attempt = 2;
    failed.failure = Failure{"Odd", "Fission.PermanentError", "why \"so\"", true};
    Event outside;
    outside.type = Event::Type::called_back;
    outside.step = 1;
    outside.value.digest = std::string(64, 'a');
    outside.value.bytes = 70'000;
    for (const auto& event : {begun, failed, outside}) {
        const auto back = decode(encode(event));
        REQUIRE(back);
        CHECK(*back == event);
    }
    for (const auto* head : {"", "[]", "{\"t\":\"unknown\"}", "{\"at\":1}"})
        CHECK(decode(catalog::RunEvent(head, "")).error().code == Errc::internal);
}
