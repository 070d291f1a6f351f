#include "support/catch.hpp"
#include "support/executor_bench.hpp"

using namespace hearth;
using hearth::test::ExecutorBench;

namespace {

struct Documents {
    std::map<std::pair<model::Kind, std::string>, model::Resource> all;

    Documents() {
        put(model::Kind::environment, "python",
            R"({"version": 3, "runtime": {"image": "python-env"}, "poolsize": 2})");
        put(model::Kind::package, "hello",
            R"({"environment": {"name": "python"}, "deployment": {"type": "url", "url": "archive://d1"}})");
        put(model::Kind::secret, "db", R"({"data": {"password": "czNjcmV0", "user": "YWRt"}})");
        put(model::Kind::config_map, "app", R"({"data": {"mode": "fast"}})");
    }
    void put(model::Kind kind, const std::string& name, const std::string& spec) {
        all[{kind, name}] = ExecutorBench::resource(kind, name, spec);
    }
    Result<executor::FunctionSource> resolve(const std::string& more = "") {
        const auto lookup = [this](model::Kind kind, const std::string& ns,
                                   const std::string& name) -> std::optional<model::Resource> {
            if (ns != "default") return std::nullopt;
            const auto it = all.find({kind, name});
            return it == all.end() ? std::nullopt : std::optional(it->second);
        };
        const auto function = ExecutorBench::resource(model::Kind::function, "hello",
                                                      ExecutorBench::function_spec("hello", more));
        return executor::resolve_function(function, lookup);
    }
};

const char* const kEverything =
    R"(, "secrets": [{"name": "db", "namespace": "default"}], "configmaps": [{"name": "app", "namespace": "default",
    "mountPath": "conf"}], "env": [{"name": "A", "value": "1"}, {"name": "PASSWORD", "valueFrom": {"secretKeyRef":
    {"name": "db", "key": "password"}}}], "envFrom": [{"configMapRef": {"name": "app"}, "prefix": "APP_"}])";

}  // namespace

TEST_CASE(
    "resolve: a function is put together from its environment, package, secrets and config maps") {
    Documents documents;
    const auto source = documents.resolve(kEverything);
    REQUIRE(source);
    CHECK(source->digest == "d1");
    CHECK(source->environment.image == "python-env");
    CHECK(source->env == std::map<std::string, std::string>{
                             {"A", "1"}, {"APP_mode", "fast"}, {"PASSWORD", "s3cret"}});
    CHECK(source->secret_files ==
          std::map<std::string, std::string>{{"default/db/password", "s3cret"},
                                             {"default/db/user", "adm"}});
    CHECK(source->config_files == std::map<std::string, std::string>{{"conf/mode", "fast"}});
    CHECK(source->hash.size() == 64);
}

TEST_CASE("resolve: the hash follows what shapes an instance and nothing else") {
    Documents documents;
    const auto before = documents.resolve(kEverything)->hash;
    struct Row {
        const char* what;
        model::Kind kind;
        const char* name;
        const char* spec;
        bool changes;
    };
    const Row rows[] = {
        {"poolsize", model::Kind::environment, "python",
         R"({"version": 3, "runtime": {"image": "python-env"}, "poolsize": 9})", false},
        {"image", model::Kind::environment, "python",
         R"({"version": 3, "runtime": {"image": "python-env:2"}})", true},
        {"environment's memory", model::Kind::environment, "python",
         R"({"version": 3, "runtime": {"image": "python-env"}, "resources": {"limits": {"memory": "64Mi"}}})",
         true},
        {"code", model::Kind::package, "hello",
         R"({"environment": {"name": "python"}, "deployment": {"type": "url", "url": "archive://d2"}})",
         true},
        {"build command", model::Kind::package, "hello",
         R"({"environment": {"name": "python"}, "buildcmd": "make", "deployment": {"type": "url", "url": "archive://d1"}})",
         false},
        {"secret", model::Kind::secret, "db", R"({"data": {"password": "bmV3", "user": "YWRt"}})",
         true},
        {"config map", model::Kind::config_map, "app", R"({"data": {"mode": "slow"}})", true},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        Documents changed;
        changed.put(row.kind, row.name, row.spec);
        const auto after = changed.resolve(kEverything);
        REQUIRE(after);
        CHECK((after->hash != before) == row.changes);
    }
    CHECK(documents.resolve(std::string(kEverything) + R"(, "functionTimeout": 5)")->hash ==
          before);
    CHECK(
        documents
            .resolve(std::string(kEverything) + R"(, "resources": {"limits": {"memory": "64Mi"}})")
            ->hash != before);
    CHECK(documents.resolve()->hash != before);
}

TEST_CASE("resolve: what is missing is named") {
    struct Row {
        const char* more;
        model::Kind without;
        const char* name;
        Errc code;
        const char* message;
    };
    const Row rows[] = {
        {"", model::Kind::environment, "python", Errc::not_found,
         "function default/hello names the Environment default/python, which does not exist"},
        {"", model::Kind::package, "hello", Errc::not_found,
         "function default/hello names the Package default/hello, which does not exist"},
        {kEverything, model::Kind::secret, "db", Errc::not_found,
         "function default/hello names the Secret default/db, which does not exist"},
        {kEverything, model::Kind::config_map, "app", Errc::not_found,
         "function default/hello names the ConfigMap default/app, which does not exist"},
        {R"(, "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "db", "key": "none"}}}])",
         model::Kind::api_token, "", Errc::not_found,
         "function default/hello names the key none of the Secret default/db, which has no such "
         "key"},
    };
    for (const auto& row : rows) {
        Documents documents;
        documents.all.erase({row.without, row.name});
        const auto source = documents.resolve(row.more);
        REQUIRE(source.has_error());
        CHECK(source.error().code == row.code);
        CHECK(source.error().message == row.message);
    }
    Documents documents;
    CHECK(
        documents
            .resolve(
                R"(, "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "db", "key": "none",
                  "optional": true}}}])")
            .has_value());
    documents.put(model::Kind::package, "hello", R"({"environment": {"name": "python"}})");
    const auto source = documents.resolve();
    REQUIRE(source.has_error());
    CHECK(source.error().code == Errc::unavailable);
    CHECK(source.error().message ==
          "package default/hello has no deployment archive yet; build it or give it one");
}
