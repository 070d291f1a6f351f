#include "hearth/model/package_build.hpp"

#include <boost/json.hpp>

#include "hearth/model/document.hpp"
#include "support/catch.hpp"

using namespace hearth;
using model::BuildStatus;

namespace {

model::Resource package(const std::string& source, const std::string& deployment = "",
                        const std::string& environment = "py") {
    model::Resource made;
    made.kind = model::Kind::package;
    made.metadata.name = "p";
    made.spec["environment"] = boost::json::object{{"name", environment}};
    if (!source.empty()) made.spec["source"] = boost::json::object{{"url", "archive://" + source}};
    if (!deployment.empty())
        made.spec["deployment"] = boost::json::object{{"url", "archive://" + deployment}};
    return made;
}

model::Resource built(const std::string& source, const std::string& deployment) {
    auto made = package(source, deployment);
    model::PackageBuild build;
    build.status = BuildStatus::succeeded;
    build.input = model::build_input(made);
    build.deployment = deployment;
    model::set_package_build(made.metadata, build);
    return made;
}

}  // namespace

TEST_CASE("package builds: the record survives being written", "[model][unit]") {
    model::PackageBuild build;
    build.status = BuildStatus::failed;
    build.input = {"s", "make all", "py"};
    build.builder = "b";
    build.deployment = "d";
    build.attempts = 2;
    build.started_at = "2026-01-01T00:00:00Z";
    build.finished_at = "2026-01-01T00:00:01Z";
    build.error = "no \"such\" thing";
    build.log = "a\nb ✓\n";
    model::Metadata metadata;
    CHECK_FALSE(model::package_build(metadata));
    model::set_package_build(metadata, build);
    CHECK(model::package_build(metadata) == build);
    metadata.annotations[std::string(model::kBuildAnnotation)] = "not json";
    CHECK_FALSE(model::package_build(metadata));
}

TEST_CASE("package builds: Fission's states follow from source, deployment and record",
          "[model][unit]") {
    CHECK(model::build_status(package("", "d")) == BuildStatus::none);
    CHECK(model::build_status(package("", "")) == BuildStatus::failed);
    CHECK(model::build_status(package("s", "d")) == BuildStatus::none);
    CHECK(model::build_status(package("s", "")) == BuildStatus::pending);
    auto one = built("s", "d");
    CHECK(model::build_status(one) == BuildStatus::succeeded);
    one.spec["buildcmd"] = "make";
    CHECK(model::build_status(one) == BuildStatus::pending);
}

TEST_CASE("package builds: what serves stays while another source is built", "[model][unit]") {
    const auto before = built("s1", "d1");
    SECTION("source alone, unchanged") {
        auto next = package("s1");
        model::carry_build(before, next);
        CHECK(model::build_status(next) == BuildStatus::succeeded);
        CHECK(next.spec == before.spec);
        CHECK(next.metadata.annotations == before.metadata.annotations);
    }
    SECTION("another source") {
        auto next = package("s2");
        model::carry_build(before, next);
        CHECK(model::build_status(next) == BuildStatus::pending);
        CHECK(model::stored_digest(next.spec, "deployment") == "d1");
    }
    SECTION("read, changed and written back") {
        auto next = package("s2", "d1");
        model::carry_build(before, next);
        CHECK(model::build_status(next) == BuildStatus::pending);
    }
    SECTION("an archive of its own") {
        auto next = package("s1", "mine");
        model::carry_build(before, next);
        CHECK(model::build_status(next) == BuildStatus::none);
    }
    SECTION("no source any more") {
        auto next = package("", "d1");
        model::carry_build(before, next);
        CHECK(model::build_status(next) == BuildStatus::none);
        CHECK(next.metadata.annotations.empty());
    }
    SECTION("another environment does not run what was built for this one") {
        auto next = package("s1", "", "node");
        model::carry_build(before, next);
        CHECK(model::stored_digest(next.spec, "deployment").empty());
        CHECK(model::build_status(next) == BuildStatus::pending);
    }
    SECTION("what a document says of a build does not count") {
        auto next = package("s2");
        model::set_package_build(next.metadata, *model::package_build(built("s2", "x").metadata));
        model::carry_build(package("", ""), next);
        CHECK(model::build_status(next) == BuildStatus::pending);
    }
    SECTION("an uploaded archive gives way to a source") {
        auto next = package("s1");
        model::carry_build(package("", "mine"), next);
        CHECK(model::stored_digest(next.spec, "deployment") == "mine");
        CHECK(model::build_status(next) == BuildStatus::pending);
    }
}

TEST_CASE("package builds: commands are split at white space", "[model][unit]") {
    CHECK(model::command_words("  ./build.sh  --all\t x ") ==
          std::vector<std::string>{"./build.sh", "--all", "x"});
    CHECK(model::command_words(" ").empty());
}

TEST_CASE("package builds: what a shell would do is refused before it is written",
          "[model][unit]") {
    const auto text = [](const std::string& command) {
        return "apiVersion: hearth/v1\nkind: Package\nmetadata: {name: p}\nspec:\n"
               "  environment: {name: py}\n  source: {files: {a: b}}\n  buildcmd: " +
               command + "\n";
    };
    const auto checked = [&](const std::string& command, model::Target target) {
        const auto parsed = model::parse_documents(text(command), "p.yaml");
        REQUIRE(parsed.documents.size() == 1);
        return model::check(parsed.documents.front(), "default", target);
    };
    CHECK(checked("./build.sh --all", model::Target::process).faults.empty());
    CHECK(checked("./build.sh", model::Target::process).warnings.empty());
    CHECK(checked("./build.sh", model::Target::kubernetes).warnings.size() == 1);
    for (const char* command : {"a; b", "a | b", "\"a && b\"", "\"`a`\"", "a $(b)", "\"a > b\""}) {
        INFO(command);
        const auto refused = checked(command, model::Target::process).faults;
        REQUIRE(refused.size() == 1);
        CHECK(refused.front().path == "spec.buildcmd");
        CHECK(refused.front().message.find("without a shell") != std::string::npos);
    }
}
