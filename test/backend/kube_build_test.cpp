#include "backend/kube_bench.hpp"
#include "backend/kube_build_pod.hpp"
#include "backend/kube_build_stream.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::KubeBench;

namespace {

namespace json = boost::json;

std::string frame(std::string_view kind, std::string_view bytes) {
    return std::string(kind) + " " + std::to_string(bytes.size()) + "\n" + std::string(bytes);
}

std::string end_frame(std::string_view outcome, int code = 0, bool out_of_memory = false) {
    json::object end;
    end["outcome"] = outcome;
    end["code"] = code;
    end["outOfMemory"] = out_of_memory;
    end["detail"] = "why";
    return frame("end", json::serialize(end));
}

std::string text_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

/// A backend whose builder pods answer what a test says.
struct BuildBench {
    explicit BuildBench(std::function<void(backend::KubernetesBackendOptions&)> change = {})
        : bench([&](backend::KubernetesBackendOptions& options) {
              options.builds.folder = bench.data.path() / "builds";
              options.builds.env["FROM_CONFIG"] = "1";
              if (change) change(options);
          }) {
        bench.open();
        bench.world.on_created = [this](const std::string& key) {
            key_of_pod = key;
            pod = bench.world.object(key);
            if (prepare) prepare(bench.world.runner(key));
            bench.world.run(key);
            bench.world.tell(key);
        };
    }
    backend::BuildOrder order() {
        const auto source = bench.data.path() / "source";
        std::filesystem::create_directories(source);
        std::ofstream(source / "main.txt") << "code\n";
        backend::BuildOrder made;
        made.name = "shop/hello";
        made.environment.ns = "shop";
        made.environment.name = "python";
        made.environment.uid = "env-1";
        made.spec.builder.image = "fission/python-builder";
        made.source = source;
        made.source_digest = "source-digest";
        return made;
    }
    Result<backend::BuildOutput> run(backend::BuildOrder made,
                                     std::chrono::milliseconds limit = std::chrono::seconds(20)) {
        backend::LineSink sink = [this](std::string_view line) {
            std::lock_guard lock(mutex);
            lines.emplace_back(line);
        };
        auto* builder = bench.backend->builder();
        return test::run_task(
            builder->build(std::move(made), std::move(sink), Deadline::after(limit)));
    }
    /// What a build comes to whose agent answers this.
    Error fault(std::string answer, int status = 200) {
        prepare = [=](test::FakeRunner& runner) {
            runner.build_answer = answer;
            runner.build_status = status;
        };
        auto built = run(order());
        REQUIRE(built.has_error());
        CHECK(bench.world.pods() == 0);
        return built.error();
    }

    KubeBench bench;
    std::function<void(test::FakeRunner&)> prepare;
    std::string key_of_pod;
    json::object pod;
    std::mutex mutex;
    std::vector<std::string> lines;
};

const json::object& container(const json::object& pod, std::string_view list) {
    return pod.at("spec").at(list).as_array().at(0).as_object();
}

}  // namespace

TEST_CASE("kube builds: a pod is started for a build and gone after it", "[backend]") {
    BuildBench b;
    b.prepare = [](test::FakeRunner& runner) {
        runner.build_answer = frame("out", "one\ntw") + frame("alive", "") + frame("out", "o\n") +
                              frame("tar", "first") + frame("tar", " second") +
                              frame("note", "left out: a link") + end_frame("built");
    };
    auto order = b.order();
    order.command = "./make.sh -v";
    auto built = b.run(order);
    REQUIRE(built);
    CHECK(built->packed);
    CHECK(text_of(built->path) == "first second");
    const auto path = built->path;
    built->hold.reset();
    CHECK_FALSE(std::filesystem::exists(path));
    const std::vector<std::string> expected = {
        "hearth: building in pod " + b.key_of_pod + ", image fission/python-builder", "one", "two",
        "hearth: left out: a link"};
    CHECK(b.lines == expected);
    CHECK(b.bench.world.pods() == 0);
    CHECK(b.key_of_pod.rfind("shop/build-hello-", 0) == 0);
    auto& runner = b.bench.world.runner(b.key_of_pod);
    REQUIRE(runner.builds.size() == 1);
    CHECK(json::serialize(runner.builds[0].at("command")) == R"(["./make.sh","-v"])");
    CHECK(runner.builds[0].at("timeoutMs").as_int64() > 10'000);
    CHECK(runner.archive_bytes[0] == 512 + 512 + 1024);
    CHECK(b.bench.world.secrets.at(b.key_of_pod + "-token").at("token").size() == 64);
    // What a build runs never sees what opens the other pods.
    CHECK(json::serialize(b.pod).find(backend::kTokenSecret) == std::string::npos);
}

TEST_CASE("kube builds: a single file is the package itself", "[backend]") {
    BuildBench b;
    b.prepare = [](test::FakeRunner& runner) {
        runner.build_answer = frame("file", "a jar") + end_frame("built");
    };
    auto built = b.run(b.order());
    REQUIRE(built);
    CHECK_FALSE(built->packed);
    CHECK(text_of(built->path) == "a jar");
}

TEST_CASE("kube builds: what fails says what failed", "[backend]") {
    BuildBench b;
    auto error = b.fault(frame("out", "no such module\n") + end_frame("exited", 2));
    CHECK(error.code == Errc::function_failed);
    CHECK(error.message == "the build command `build` ended with exit code 2");
    CHECK(error.component == "build");
    CHECK(b.lines.back() == "no such module");
    CHECK(b.fault(end_frame("exited", 127)).message.find("fission/python-builder must have it") !=
          std::string::npos);
    CHECK(b.fault(end_frame("signalled", 11)).message ==
          "the build command `build` ended by signal 11");
    error = b.fault(end_frame("signalled", 9, true));
    CHECK(error.code == Errc::function_failed);
    CHECK(error.message.find("out of memory (limit 2048 MiB") != std::string::npos);
    CHECK(b.fault(end_frame("nothing_made")).message.find("$DEPLOY_PKG") != std::string::npos);
    CHECK(b.fault(end_frame("timed_out")).code == Errc::deadline_exceeded);
    error = b.fault(R"({"code":"not_started","detail":"No such file or directory"})", 422);
    CHECK(error.code == Errc::function_failed);
    CHECK(error.message.find("cannot be run in the image fission/python-builder: No such file") !=
          std::string::npos);
    CHECK(b.fault(R"({"code":"no_space","detail":"full"})", 507).code == Errc::no_space);
    error = b.fault(frame("out", "half"));
    CHECK(error.code == Errc::unavailable);
    CHECK(error.component == "kubernetes");
    CHECK(b.lines.back() == "half");
    CHECK(b.fault("GET / HTTP/1.1\nsomething else altogether, longer than any head of a frame is")
              .message.find("no build agent") != std::string::npos);
    CHECK(b.bench.world.count("create pod") == 10);
}

TEST_CASE("kube builds: a build that is cancelled ends with its pod", "[backend]") {
    BuildBench b;
    std::stop_source stop;
    b.prepare = [](test::FakeRunner& runner) {
        runner.build_goes_on = true;
        runner.build_answer = frame("out", "begun\n");
    };
    auto order = b.order();
    order.stop = stop.get_token();
    std::thread canceller([&] {
        b.bench.until([&] {
            std::lock_guard lock(b.mutex);
            return !b.lines.empty() && b.lines.back() == "begun";
        });
        stop.request_stop();
    });
    auto built = b.run(std::move(order));
    canceller.join();
    REQUIRE(built.has_error());
    CHECK(built.error().code == Errc::cancelled);
    CHECK(b.bench.world.pods() == 0);
}

TEST_CASE("kube builds: past its time a build has failed and its pod is gone", "[backend]") {
    BuildBench b;
    b.prepare = [](test::FakeRunner& runner) { runner.build_goes_on = true; };
    auto built = b.run(b.order(), std::chrono::milliseconds(700));
    REQUIRE(built.has_error());
    CHECK(built.error().code == Errc::deadline_exceeded);
    CHECK(b.bench.world.pods() == 0);
}

TEST_CASE("kube builds: a pod that is lost or cannot start says so", "[backend]") {
    BuildBench b;
    SECTION("its image cannot be pulled") {
        b.bench.world.on_created = [&](const std::string& key) {
            b.bench.world.set_status(
                key, "Pending", "",
                R"({"waiting":{"reason":"ImagePullBackOff","message":"no such image"}})");
            b.bench.world.tell(key);
        };
        auto built = b.run(b.order());
        REQUIRE(built.has_error());
        CHECK(built.error().code == Errc::unavailable);
        CHECK(built.error().message.find("the container builder of pod") != std::string::npos);
        CHECK(b.lines.back() == "no such image");
    }
    SECTION("it is deleted while it builds") {
        b.prepare = [](test::FakeRunner& runner) { runner.build_goes_on = true; };
        std::thread deleter([&] {
            b.bench.until([&] { return !b.bench.world.runner(b.key_of_pod).builds.empty(); });
            std::lock_guard lock(b.bench.world.mutex);
            b.bench.world.vanish(b.key_of_pod);
        });
        auto built = b.run(b.order());
        deleter.join();
        REQUIRE(built.has_error());
        CHECK(built.error().code == Errc::unavailable);
        CHECK(built.error().message.find("was deleted while it built") != std::string::npos);
    }
    SECTION("it ran out of memory as a whole") {
        b.prepare = [](test::FakeRunner& runner) { runner.build_goes_on = true; };
        std::thread killer([&] {
            b.bench.until([&] { return !b.bench.world.runner(b.key_of_pod).builds.empty(); });
            std::lock_guard lock(b.bench.world.mutex);
            b.bench.world.set_status(b.key_of_pod, "Failed", "127.0.0.1",
                                     R"({"terminated":{"exitCode":137,"reason":"OOMKilled"}})");
            b.bench.world.tell(b.key_of_pod);
        });
        auto built = b.run(b.order());
        killer.join();
        REQUIRE(built.has_error());
        CHECK(built.error().code == Errc::function_failed);
        CHECK(built.error().message.find("out of memory") != std::string::npos);
    }
    SECTION("it outgrew its disk") {
        b.prepare = [](test::FakeRunner& runner) { runner.build_goes_on = true; };
        std::thread evictor([&] {
            b.bench.until([&] { return !b.bench.world.runner(b.key_of_pod).builds.empty(); });
            std::lock_guard lock(b.bench.world.mutex);
            b.bench.world.set_status(b.key_of_pod, "Failed", "127.0.0.1", R"({"running":{}})");
            auto& status = b.bench.world.object(b.key_of_pod).at("status").as_object();
            status["reason"] = "Evicted";
            status["message"] = "Pod ephemeral local storage usage exceeds the total limit";
            b.bench.world.tell(b.key_of_pod);
        });
        auto built = b.run(b.order());
        evictor.join();
        REQUIRE(built.has_error());
        CHECK(built.error().code == Errc::too_large);
        CHECK(built.error().message.find("build.scratchSize") != std::string::npos);
    }
    CHECK(b.bench.world.pods() == 0);
}

TEST_CASE("kube builds: a builder pod that an earlier daemon left is removed", "[backend]") {
    KubeBench bench;
    json::object pod, meta, labels;
    labels["hearth.io/kind"] = "build";
    meta["name"] = "build-old-1";
    meta["namespace"] = "shop";
    meta["labels"] = labels;
    pod["metadata"] = meta;
    pod["spec"].emplace_object();
    bench.world.put(pod);
    bench.open();
    CHECK(bench.until([&] { return bench.world.pods() == 0; }));
}

TEST_CASE("kube builds: the pod meets restricted and shows the environment's settings",
          "[backend]") {
    backend::KubernetesBackendOptions options;
    options.runner_image = "hearth/runner:1";
    options.builds.env["PIP_INDEX_URL"] = "https://index.example";
    const backend::PodFactory factory(options);
    backend::BuildOrder order;
    order.name = "shop/hello";
    order.environment.ns = "shop";
    order.environment.uid = "env-1";
    order.spec.builder.image = "fission/python-builder";
    model::PodSettings settings;
    settings.main.env = json::parse(R"([{"name":"TOKEN","value":"t"}])").as_array();
    settings.main.resources = json::parse(R"({"limits":{"memory":"3Gi"}})").as_object();
    settings.main.command = {"/builder"};
    settings.main.volume_mounts =
        json::parse(R"([{"name":"npmrc","mountPath":"/config"}])").as_array();
    settings.volumes = json::parse(R"([{"name":"npmrc","secret":{"secretName":"s"}}])").as_array();
    settings.node_selector["disk"] = "fast";
    order.pod = model::PodSettingsPtr(settings);
    const auto make = [&] {
        return backend::build_pod(factory, options, order, "shop", "build-hello-1",
                                  std::chrono::seconds(900));
    };
    const auto pod = make();
    REQUIRE(pod);
    const auto& spec = pod->at("spec").as_object();
    CHECK(backend::unsafe_fields(spec).empty());
    CHECK(spec.at("activeDeadlineSeconds") == 900);
    CHECK(spec.at("nodeSelector").at("disk") == "fast");
    CHECK(pod->at("metadata").at("labels").at("hearth.io/kind") == "build");
    CHECK(container(*pod, "initContainers").at("image") == "hearth/runner:1");
    const auto& builder = container(*pod, "containers");
    CHECK(builder.at("image") == "fission/python-builder");
    CHECK(json::serialize(builder.at("command")).find("build-agent") != std::string::npos);
    CHECK(builder.at("resources").at("limits").at("memory") == "3Gi");
    CHECK(builder.at("resources").at("limits").at("ephemeral-storage") == "8192Mi");
    const auto text = json::serialize(builder);
    CHECK(text.find("PIP_INDEX_URL") < text.find(R"("TOKEN")"));
    CHECK(text.find(R"("mountPath":"/config")") != std::string::npos);
    CHECK(json::serialize(spec).find("\"emptyDir\":{}") != std::string::npos);
    options.builds.cache_claim = "cache";
    const auto kept = make();
    CHECK(json::serialize(*kept).find(R"("persistentVolumeClaim":{"claimName":"cache"})") !=
          std::string::npos);
    CHECK(json::serialize(*kept).find(R"("subPath":"env-1")") != std::string::npos);
    settings.main.security_context["privileged"] = true;
    order.pod = model::PodSettingsPtr(settings);
    const auto refused = make();
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::unsupported);
    CHECK(refused.error().message.find("securityContext.privileged") != std::string::npos);
}

TEST_CASE("kube builds: an environment without a builder image is told to name one", "[backend]") {
    BuildBench b;
    auto order = b.order();
    order.spec.builder.image.clear();
    auto built = b.run(order);
    REQUIRE(built.has_error());
    CHECK(built.error().code == Errc::unsupported);
    CHECK(built.error().message.find("spec.builder.image is missing") != std::string::npos);
    CHECK(b.bench.world.count("create pod") == 0);
}

TEST_CASE("kube builds: an agent's answer may be cut anywhere", "[backend]") {
    const auto text = frame("out", "a\nb") + frame("note", "n") + frame("tar", "bytes") +
                      frame("alive", "") + end_frame("exited", 7);
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
        std::string printed, notes, made;
        backend::BuildStreamReader reader({[&](std::string_view b) { printed += b; },
                                           [&](std::string_view b) { notes += b; },
                                           [&](std::string_view b) {
                                               made += b;
                                               return Result<void>();
                                           }});
        REQUIRE(reader.feed(text.substr(0, cut)));
        CHECK_FALSE(reader.end());
        REQUIRE(reader.feed(text.substr(cut)));
        CHECK((printed == "a\nb" && notes == "n" && made == "bytes" && reader.folder()));
        REQUIRE(reader.end());
        CHECK(reader.end()->code == 7);
        CHECK(reader.feed("x").has_error());
    }
}
