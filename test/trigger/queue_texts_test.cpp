#include "trigger/queue_texts.hpp"

#include <boost/json.hpp>

#include "support/catch.hpp"

using namespace hearth;
using namespace hearth::trigger;
namespace json = boost::json;

namespace {

QueueNames names() {
    QueueNames out;
    out.ns = "shop";
    out.name = "q";
    out.spec.function = "f";
    out.spec.topic = "orders";
    out.spec.resp_topic = "done";
    out.spec.error_topic = "failed";
    return out;
}

QueueMessage message(std::int64_t offset) {
    QueueMessage out;
    out.topic = "orders";
    out.partition = 2;
    out.offset = offset;
    out.key = "k";
    out.value = R"({"n":1})";
    out.time_ms = 1'700'000'000'123;
    return out;
}

std::string header_of(const Delivery& delivery, std::string_view name) {
    return std::string(delivery.headers.find(name).value_or("(none)"));
}

std::string header_of(const OutgoingMessage& out, std::string_view name) {
    for (const auto& [known, value] : out.headers) {
        if (known == name) return value;
    }
    return "(none)";
}

}  // namespace

TEST_CASE("a call carries the message as it came, with Fission's headers and where it came from") {
    auto record = message(7);
    record.headers = {{"x-shop", "1"},          {"ce_type", "order.made"},
                      {"Host", "evil"},         {"bad name", "x"},
                      {"x-split", "a\r\nb: c"}, {"transfer-encoding", "chunked"}};
    const auto delivery = delivery_of(names(), {&record}, 2, false);
    CHECK(delivery.ns == "shop");
    CHECK(delivery.function == "f");
    CHECK(delivery.attempt == 2);
    CHECK(delivery.body == R"({"n":1})");
    CHECK(delivery.trigger == "MessageQueueTrigger/shop/q");
    CHECK(delivery.event.id == "orders-2-7");
    CHECK(delivery.event.source == "/hearth/messagequeuetriggers/shop/q");
    CHECK(header_of(delivery, "Content-Type") == "application/json");
    CHECK(header_of(delivery, "X-Fission-MQTrigger-Topic") == "orders");
    CHECK(header_of(delivery, "X-Fission-MQTrigger-RespTopic") == "done");
    CHECK(header_of(delivery, "X-Fission-MQTrigger-ErrorTopic") == "failed");
    CHECK(header_of(delivery, "X-Hearth-Queue-Partition") == "2");
    CHECK(header_of(delivery, "X-Hearth-Queue-Offset") == "7");
    CHECK(header_of(delivery, "X-Hearth-Queue-Key") == "k");
    CHECK(header_of(delivery, "x-shop") == "1");
    CHECK(header_of(delivery, "ce-type") == "order.made");
    for (const char* gone : {"Host", "bad name", "x-split", "transfer-encoding"})
        CHECK(header_of(delivery, gone) == "(none)");
}

TEST_CASE("a batch is a list of CloudEvents, whatever bytes the messages hold") {
    auto first = message(7), second = message(8), third = message(9);
    second.value = "\xff\x00\x01";
    second.value.push_back('\0');
    third.headers = {{"content-type", "text/plain"}, {"ce_id", "own"}};
    third.value = "plain";
    const auto delivery = delivery_of(names(), {&first, &second, &third}, 1, true);
    CHECK(header_of(delivery, "Content-Type") == "application/cloudevents-batch+json");
    const auto events = json::parse(delivery.body).as_array();
    REQUIRE(events.size() == 3);
    CHECK(events[0].at("specversion") == json::value("1.0"));
    CHECK(events[0].at("id") == json::value("orders-2-7"));
    CHECK(events[0].at("data").at("n") == json::value(1));
    CHECK(events[0].at("partitionkey") == json::value("k"));
    CHECK(events[0].at("time") == json::value("2023-11-14T22:13:20.123Z"));
    CHECK(events[1].as_object().contains("data_base64"));
    CHECK(events[2].at("id") == json::value("own"));
    CHECK(events[2].at("data") == json::value("plain"));
    CHECK(events[2].at("datacontenttype") == json::value("text/plain"));
}

TEST_CASE("the error topic gets the message as it came, and why it is there") {
    auto record = message(7);
    record.headers = {{"x-shop", "1"}};
    CallEnd end;
    end.status = 500;
    end.attempts = 3;
    end.reason = "broken\r\nbadly";
    const auto out = error_of(names(), record, end);
    CHECK(out.topic == "failed");
    CHECK(out.key == "k");
    CHECK(out.value == record.value);
    CHECK(header_of(out, "x-shop") == "1");
    CHECK(header_of(out, "X-Hearth-Error-Reason") == "broken  badly");
    CHECK(header_of(out, "X-Hearth-Error-Status") == "500");
    CHECK(header_of(out, "X-Hearth-Error-Attempts") == "3");
    CHECK(header_of(out, "X-Hearth-Origin-Topic") == "orders");
    CHECK(header_of(out, "X-Hearth-Origin-Partition") == "2");
    CHECK(header_of(out, "X-Hearth-Origin-Offset") == "7");
}

TEST_CASE("an answer keeps the key and the function's headers") {
    CallEnd end;
    end.status = 200;
    end.body = "answer";
    end.headers = {{"Content-Type", "text/plain"}, {"Content-Length", "6"}, {"X-Own", "1"}};
    const auto out = response_of(names(), message(7), end);
    CHECK(out.topic == "done");
    CHECK(out.key == "k");
    CHECK(out.value == "answer");
    CHECK(header_of(out, "X-Own") == "1");
    CHECK(header_of(out, "Content-Length") == "(none)");
}

TEST_CASE("a message of JetStream is known by its place in the stream") {
    auto wanted = names();
    wanted.spec.queue = model::MessageQueueTriggerSpec::Queue::jetstream;
    auto record = message(7);
    record.sequence = 40;
    record.headers = {{"Nats-Expected-Last-Sequence", "1"}, {"x-own", "1"}};
    CHECK(event_id_of(wanted, record) == "q-40");
    const auto out = error_of(wanted, record, CallEnd{});
    CHECK(header_of(out, "Nats-Expected-Last-Sequence") == "(none)");
    CHECK(header_of(out, "x-own") == "1");
    CHECK(header_of(out, "X-Hearth-Origin-Sequence") == "40");
}
