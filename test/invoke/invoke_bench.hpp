#pragma once

#include <map>
#include <memory>

#include "hearth/http/client.hpp"
#include "hearth/invoke/invoker.hpp"
#include "invoke/scripted_instance.hpp"
#include "support/executor_bench.hpp"

namespace hearth::test {

/// A front server that invokes the function "hello"; each of its instances is a ScriptedInstance.
struct InvokeBench {
    ExecutorBench base;
    std::mutex mutex;
    std::map<std::uint64_t, std::unique_ptr<ScriptedInstance>> instances;
    std::function<void(ScriptedInstance&)> on_start;  ///< before it is first used
    std::unique_ptr<http::Forwarder> forwarder;
    std::unique_ptr<invoke::Invoker> invoker;
    std::unique_ptr<http::Server> front;
    std::vector<invoke::CallReport> reports;
    executor::FunctionSlotPtr slot;

    // Set before the first request.
    bool server_timing = false, retry = true;
    std::uint64_t max_body = 1000;
    std::optional<std::chrono::milliseconds> limit;
    http::HeaderList request_headers, response_headers;

    explicit InvokeBench(const std::string& more = "", executor::ExecutorOptions options = {})
        : base(options) {
        base.backend.set_endpoint([this](std::uint64_t id) {
            std::lock_guard lock(mutex);
            auto& instance = instances[id] = std::make_unique<ScriptedInstance>();
            instance->die = [this, id] {
                base.backend.kill(id, backend::InstanceExit::Cause::out_of_memory);
            };
            if (on_start) on_start(*instance);
            return instance->endpoint();
        });
        base.put_function("hello", "d1", more);
        slot = base.executor->find("default", "hello");
        forwarder = http::Forwarder::make(base.shards, http::Forwarder::Options(), base.metrics);
        invoker = invoke::Invoker::make(*base.executor, *forwarder, base.function_log, base.log,
                                        base.metrics);
        http::ServerOptions with;
        with.name = "front";
        with.listen.host = "127.0.0.1";
        auto server = http::Server::start(
            base.shards, with, [this](http::Exchange& e) { return handle(e); }, base.log,
            base.metrics);
        if (!server) throw std::runtime_error(server.error().message);
        front = std::move(*server);
    }
    ~InvokeBench() {
        front->stop(Deadline::after(std::chrono::seconds(2)));
        forwarder->stop();
        base.backend.let_go();
        base.executor->stop(Deadline::after(std::chrono::seconds(1)));
    }
    Task<void> handle(http::Exchange& exchange) {
        const auto id = invoke::request_id_of(exchange.request());
        invoke::Call call;
        call.function = slot;
        call.request_id = id;
        call.target = exchange.request().target;
        call.max_body = max_body;
        call.request_headers = &request_headers;
        call.response_headers = &response_headers;
        call.server_timing = server_timing;
        call.retry = retry;
        if (limit) call.deadline = Deadline::after(*limit);
        auto report = co_await invoker->serve(exchange, call);
        std::lock_guard lock(mutex);
        reports.push_back(std::move(report));
    }
    /// Waits for it: the client may have its answer a moment earlier.
    invoke::CallReport report() {
        if (!ExecutorBench::eventually([&] {
                std::lock_guard lock(mutex);
                return !reports.empty();
            }))
            throw std::runtime_error("no call was reported");
        std::lock_guard lock(mutex);
        auto first = std::move(reports.front());
        reports.erase(reports.begin());
        return first;
    }
    Result<http::ClientResponse> request(const std::string& method, const std::string& target,
                                         const std::string& body = "") {
        http::ClientRequest request;
        request.method = method;
        request.target = target;
        request.body = body;
        request.headers.add("X-Request-Id", "req-1");
        return http::fetch_blocking(front->endpoint(), request,
                                    Deadline::after(std::chrono::seconds(10)));
    }
    std::vector<std::string> call_log() {
        telemetry::LogQuery query;
        query.ns = "default";
        query.function = "hello";
        std::vector<std::string> lines;
        const auto entries = base.function_log.read(query);
        if (!entries) throw std::runtime_error(entries.error().message);
        for (const auto& entry : *entries)
            if (entry.stream == telemetry::LogEntry::Stream::call) lines.push_back(entry.message);
        return lines;
    }
    int requests_seen() {
        std::lock_guard lock(mutex);
        int sum = 0;
        for (const auto& [id, instance] : instances) sum += instance->requests();
        return sum;
    }
};

}  // namespace hearth::test
