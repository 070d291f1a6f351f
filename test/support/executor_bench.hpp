#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <boost/json/parse.hpp>

#include "hearth/aio/shards.hpp"
#include "hearth/catalog/catalog.hpp"
#include "hearth/executor/executor.hpp"
#include "support/fake_archives.hpp"
#include "support/fake_backend.hpp"
#include "support/run_task.hpp"
#include "support/temp_dir.hpp"

namespace hearth::test {

/// An executor over a memory catalog and a FakeBackend, with one environment "python".
struct ExecutorBench {
    TempDir folder;
    telemetry::Logger log{telemetry::Level::error, telemetry::Logger::Format::text};
    telemetry::Registry metrics;
    telemetry::FunctionLog function_log;
    aio::Shards shards{2};
    aio::BlockingPool blocking{2, 64};
    base::SystemClock clock;
    std::unique_ptr<catalog::Catalog> catalog = catalog::make_memory_catalog();
    FakeArchives archives;
    FakeBackend backend;
    std::unique_ptr<executor::Executor> executor;

    /// `before` is called with the bench before there is an executor.
    explicit ExecutorBench(executor::ExecutorOptions options = {}, int poolsize = 0,
                           const std::function<void(ExecutorBench&)>& before = {},
                           backend::SettingsSource* settings = nullptr)
        : function_log(log_options(folder)) {
        options.tick = std::chrono::milliseconds(20);
        options.stop_grace = std::chrono::milliseconds(200);
        put(model::Kind::environment, "python",
            R"({"version": 3, "runtime": {"image": "python-env"}, "poolsize": )" +
                std::to_string(poolsize) + "}");
        if (before) before(*this);
        executor = executor::Executor::make(options, *catalog, archives, backend, shards, blocking,
                                            clock, function_log, log, metrics, settings);
        executor->start();
    }
    ~ExecutorBench() {
        backend.let_go();
        executor->stop(Deadline::after(std::chrono::seconds(2)));
        executor.reset();
    }

    static telemetry::FunctionLogOptions log_options(const TempDir& folder) {
        telemetry::FunctionLogOptions options;
        options.folder = folder.path() / "logs";
        return options;
    }
    static model::Resource resource(model::Kind kind, const std::string& name,
                                    const std::string& spec) {
        model::Resource made;
        made.kind = kind;
        made.metadata.name = name;
        made.spec = boost::json::parse(spec).as_object();
        return made;
    }
    void put(model::Kind kind, const std::string& name, const std::string& spec) {
        std::vector<catalog::Mutation> mutations(1);
        mutations[0].resource = resource(kind, name, spec);
        if (auto r = run_task(catalog->write(std::move(mutations))); !r)
            throw std::runtime_error(r.error().message);
    }
    void remove(model::Kind kind, const std::string& name) {
        std::vector<catalog::Mutation> mutations(1);
        mutations[0].type = catalog::Mutation::Type::remove;
        mutations[0].resource.kind = kind;
        mutations[0].resource.metadata.name = name;
        if (auto r = run_task(catalog->write(std::move(mutations))); !r)
            throw std::runtime_error(r.error().message);
    }
    /// A function "name" and a package of the same name with this digest. `more` is JSON members of
    /// the spec, after a comma.
    void put_function(const std::string& name, const std::string& digest,
                      const std::string& more = "") {
        put(model::Kind::package, name,
            R"({"environment": {"name": "python"}, "deployment": {"type": "url", "url": "archive://)" +
                digest + R"("}})");
        put(model::Kind::function, name, function_spec(name, more));
    }
    static std::string function_spec(const std::string& name, const std::string& more = "") {
        return R"({"environment": {"name": "python"}, "package": {"packageref": {"name": ")" +
               name + R"("}})" + more + "}";
    }

    Result<executor::Lease> acquire(const executor::FunctionSlotPtr& slot,
                                    std::chrono::milliseconds patience = std::chrono::seconds(5)) {
        return run_task(executor->acquire(slot, Deadline::after(patience)));
    }
    /// Waits for something another thread brings about; false after 10 s.
    static bool eventually(const std::function<bool()>& holds) {
        const auto last = Deadline::after(std::chrono::seconds(10));
        while (!holds()) {
            if (last.passed()) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        return true;
    }
};

}  // namespace hearth::test
