#include <boost/json.hpp>

#include "cli/compose.hpp"
#include "support/catch.hpp"
#include "support/fake_daemon.hpp"

using namespace hearth;
using hearth::test::FakeDaemon;
using hearth::test::run_hearth;
namespace json = boost::json;

TEST_CASE("timer preview tells the next times without a daemon") {
    FakeDaemon daemon;
    daemon.down = true;
    const auto ran = run_hearth(daemon, {"timer", "preview", "0 9 * * mon", "--tz", "Asia/Tokyo",
                                         "--count", "2", "--from", "2027-01-31T12:00:00+01:00"});
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out == "2027-02-01T00:00:00Z\n2027-02-08T00:00:00Z\n");
    const auto many = run_hearth(daemon, {"timer", "preview", "@hourly", "@every 90s", "--count",
                                          "1", "-o", "json", "--from", "2027-01-31T12:00:00Z"});
    CHECK(json::parse(many.out) == json::parse(R"([
        {"cron": "@hourly", "next": ["2027-01-31T13:00:00Z"]},
        {"cron": "@every 90s", "next": ["2027-01-31T12:01:30Z"]}])"));
    const auto wrong = run_hearth(daemon, {"timer", "preview", "61 * * * *"});
    CHECK(wrong.code != 0);
    CHECK_THAT(wrong.err, Catch::Contains("\"61 * * * *\": minute: 61 is not within 0 to 59"));
    CHECK(run_hearth(daemon, {"timer", "preview", "@hourly", "--from", "now"}).code != 0);
    CHECK(run_hearth(daemon, {"timer"}).code == 2);
    CHECK(daemon.requests.empty());
}

TEST_CASE("deploy makes a timer of --cron and --every and keeps what it does not say") {
    cli::DeployArguments arguments;
    arguments.name = "tick";
    arguments.cron = "0 2 * * *";
    arguments.time_zone = "Europe/Berlin";
    const auto fresh = cli::compose_timer(arguments, "team", nullptr);
    REQUIRE(fresh);
    CHECK(fresh->at("kind") == "TimeTrigger");
    CHECK(fresh->at("spec") == json::parse(R"({"cron": "0 2 * * *", "timeZone": "Europe/Berlin",
        "functionref": {"type": "name", "name": "tick"}})"));
    arguments.cron.clear();
    arguments.time_zone.clear();
    arguments.every = "90s";
    auto before = *fresh;
    before.at("spec").as_object()["suspend"] = true;
    const auto changed = cli::compose_timer(arguments, "team", &before);
    REQUIRE(changed);
    CHECK(changed->at("spec").at("cron") == "@every 90s");
    CHECK(changed->at("spec").at("suspend") == true);
    before.at("spec").at("functionref").as_object()["name"] = "other";
    CHECK(cli::compose_timer(arguments, "team", &before).error().code == Errc::conflict);
}

TEST_CASE("apply shows the next times of a timer") {
    FakeDaemon daemon;
    daemon.answers["POST /api/v1/apply?namespace=default&file=documents"] = {
        200,
        R"({"revision":1,"urls":[],"results":[{"kind":"TimeTrigger","namespace":"default","name":"t",
            "action":"created","revision":1,"diff":[],"warnings":[],
            "upcoming":["2027-01-31T12:00:00Z","2027-01-31T13:00:00Z"]}]})"};
    const auto ran = run_hearth(daemon, {"apply", "-f", "-"},
                                "apiVersion: hearth/v1\nkind: TimeTrigger\nmetadata: {name: t}\n"
                                "spec: {cron: '@hourly', functionref: {name: f}}\n");
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out ==
          "timetrigger/t  created\n  next: 2027-01-31T12:00:00Z, 2027-01-31T13:00:00Z\n");
}
