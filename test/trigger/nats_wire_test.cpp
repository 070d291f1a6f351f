#include "trigger/nats_wire.hpp"

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::trigger;
using namespace std::chrono_literals;

TEST_CASE("the subject to acknowledge at tells of a message, in both of its forms") {
    const auto shorter = parse_ack_subject("$JS.ACK.S.C.2.17.5.1700000000123456789.40");
    REQUIRE(shorter);
    CHECK(shorter->deliveries == 2);
    CHECK(shorter->sequence == 17);
    CHECK(shorter->time_ms == 1700000000123);
    CHECK(shorter->pending == 40);
    const auto longer = parse_ack_subject("$JS.ACK.hub.ACC.S.C.3.18.6.1700000000123456789.0.x");
    REQUIRE(longer);
    CHECK(longer->deliveries == 3);
    CHECK(longer->sequence == 18);
    for (const char* bad : {"", "a.b", "$JS.ACK.S.C.2.17.5.x.40", "$JS.ACK.S.C.2.17",
                            "$JS.ACK.S.C.2.17.5.1700000000123456789.40.9"})
        CHECK_FALSE(parse_ack_subject(bad));
}

TEST_CASE("the stream of a subject is the one that takes it") {
    const auto one = parse_stream_names(R"({"total":1,"streams":["S"]})", "a");
    REQUIRE(one);
    CHECK(*one == "S");
    CHECK(parse_stream_names(R"({"total":0,"streams":null})", "a").error().code == Errc::not_found);
    CHECK(parse_stream_names(R"({"streams":["S","T"]})", "a").error().code == Errc::conflict);
    const auto failed = parse_stream_names(R"({"error":{"code":503,"description":"no"}})", "a");
    CHECK(failed.error().message == "no");
}

TEST_CASE("answers of the API are read whatever they hold") {
    CHECK(parse_api_answer(R"({"stream":"S","seq":3})").is_json);
    CHECK(parse_api_answer(R"({"num_pending":7,"num_ack_pending":2})").undone == 9);
    const auto failed =
        parse_api_answer(R"({"error":{"code":400,"err_code":10054,"description":"too large"}})");
    CHECK(failed.code == 400);
    CHECK(failed.err_code == 10054);
    CHECK(failed.message == "too large");
    for (const char* bad : {"", "[]", "{", "5"}) CHECK_FALSE(parse_api_answer(bad).is_json);
}

TEST_CASE("a creds file has two parts") {
    const auto read = parse_credentials(
        "-----BEGIN NATS USER JWT-----\nabc\n.def\n------END NATS USER JWT------\n\n"
        "***** IMPORTANT *****\n-----BEGIN USER NKEY SEED-----\nSUAX\n------END USER NKEY SEED"
        "------\n");
    CHECK(read.jwt == "abc.def");
    CHECK(read.seed == "SUAX");
    CHECK(parse_credentials("nothing").jwt.empty());
}

TEST_CASE("requests are what JetStream's API reads") {
    CHECK(pull_request(5, 2s) == R"({"batch":5,"expires":2000000000})");
    CHECK(stream_names_request("a.\"b") == R"({"subject":"a.\"b"})");
    LinkSettings settings;
    settings.spec.topic = "orders.>";
    settings.spec.consumer = "c";
    CHECK(
        consumer_request(settings, "S") ==
        R"({"stream_name":"S","config":{"durable_name":"c","deliver_policy":"all",)"
        R"("ack_policy":"explicit","ack_wait":30000000000,"max_deliver":-1,"max_ack_pending":1000,)"
        R"("filter_subject":"orders.>","replay_policy":"instant"}})");
}
