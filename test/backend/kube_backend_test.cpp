#include "backend/kube_bench.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::KubeBench;

TEST_CASE("kube backend: an instance is a pod that is proven before it is used") {
    KubeBench bench;
    bench.open();
    const auto instance = bench.must_start();
    CHECK(instance.name.rfind("python-", 0) == 0);
    CHECK(instance.endpoint.host == bench.world.ip(bench.key_of(instance)));
    CHECK(instance.endpoint.port == 8888);
    CHECK(instance.isolation.find("restricted") != std::string::npos);
    CHECK(bench.world.count("create pod") == 1);
    CHECK(bench.world.secrets["shop/hearth-runner-token"]["token"].size() == 64);
    CHECK(bench.backend->outlives_daemon());
}

TEST_CASE("kube backend: an address that is another pod's is never used") {
    KubeBench bench;
    bench.open();
    bench.world.on_created = [&](const std::string& key) {
        bench.world.runner(key).answers_as = "uid-of-another";
        bench.world.run(key);
        bench.world.tell(key);
    };
    auto started = bench.start(bench.runtime(), std::chrono::milliseconds(1500));
    REQUIRE(started.has_error());
    CHECK(started.error().code == Errc::deadline_exceeded);
    CHECK(started.error().message.find("its address is another pod's") != std::string::npos);
    CHECK(bench.until([&] { return bench.world.pods() == 0; }));
}

TEST_CASE(
    "kube backend: a load is one request to the runner and none to the cluster before its answer") {
    KubeBench bench;
    bench.open();
    const auto instance = bench.must_start();
    const auto key = bench.key_of(instance);
    std::size_t before = 0;
    {
        std::lock_guard lock(bench.world.mutex);
        before = bench.world.requests.size();
    }
    REQUIRE(bench.load(instance.id, bench.load_request()));
    {
        std::lock_guard lock(bench.world.mutex);
        CHECK(bench.world.requests.size() == before);
        REQUIRE(bench.world.runner(key).loads.size() == 1);
        CHECK(bench.world.runner(key).loads[0].at("identity") == "identity-1");
        CHECK(bench.world.runner(key).archive_bytes[0] == 512 + 512 + 1024);
    }
    CHECK(bench.until([&] { return bench.world.count("patch pod") == 1; }));
    {
        std::lock_guard lock(bench.world.mutex);
        const auto& labels = bench.world.object(key).at("metadata").at("labels").as_object();
        CHECK(labels.at("hearth.io/function") == "cart");
        CHECK(labels.at("hearth.io/identity") == "identity-1");
        CHECK(labels.at("hearth.io/function-uid") == "fu");
    }
    auto again = bench.load_request();
    again.identity = "identity-2";
    const auto refused = bench.load(instance.id, again);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.find("already has code") != std::string::npos);
}

TEST_CASE("kube backend: code that does not load says what the language says") {
    KubeBench bench;
    bench.open();
    const auto instance = bench.must_start();
    auto& runner = bench.world.runner(bench.key_of(instance));
    runner.load_status = 422;
    runner.load_body = R"({"code":"function_failed","detail":"Traceback\nSyntaxError: bad"})";
    const auto done = bench.load(instance.id, bench.load_request());
    REQUIRE(done.has_error());
    CHECK(done.error().code == Errc::function_failed);
    CHECK(done.error().detail == "Traceback\nSyntaxError: bad");
    CHECK(done.error().message == "the code of shop/cart did not load: SyntaxError: bad");
}

TEST_CASE("kube backend: a large package comes from a pod of the same node, else it is sent") {
    KubeBench bench([](auto& o) { o.peer_above_bytes = 10'000; });
    bench.open();
    const auto first = bench.must_start(), second = bench.must_start(), third = bench.must_start();
    REQUIRE(bench.load(first.id, bench.load_request(2'000'000)));
    CHECK(bench.world.runner(bench.key_of(first)).archive_bytes[0] > 2'000'000);
    REQUIRE(bench.load(second.id, bench.load_request(2'000'000)));
    {
        auto& runner = bench.world.runner(bench.key_of(second));
        REQUIRE(runner.loads.size() == 1);
        CHECK(runner.loads[0].at("archive") == "peer");
        CHECK(runner.loads[0].at("peer").as_string() ==
              bench.world.ip(bench.key_of(first)) + ":8889");
        CHECK(runner.archive_bytes[0] == 0);
    }
    auto& runner = bench.world.runner(bench.key_of(third));
    runner.peer_fails = true;
    REQUIRE(bench.load(third.id, bench.load_request(2'000'000)));
    REQUIRE(runner.loads.size() == 2);
    CHECK(runner.loads[1].at("archive") == "tar");
    CHECK(runner.archive_bytes[1] > 2'000'000);
    // Where pods cannot reach each other, the next ones do not try.
    const auto fourth = bench.must_start();
    REQUIRE(bench.load(fourth.id, bench.load_request(2'000'000)));
    auto& last = bench.world.runner(bench.key_of(fourth));
    REQUIRE(last.loads.size() == 1);
    CHECK(last.loads[0].at("archive") == "tar");
}

TEST_CASE(
    "kube backend: a pod that cannot start says so before the deadline, and leaves nothing "
    "behind") {
    KubeBench bench;
    bench.open();
    bench.world.on_created = [&](const std::string& key) {
        bench.world.set_status(
            key, "Pending", "",
            R"({"waiting":{"reason":"ImagePullBackOff","message":"not found"}})");
        bench.world.tell(key);
    };
    auto started = bench.start(bench.runtime(), std::chrono::seconds(60));
    REQUIRE(started.has_error());
    CHECK(started.error().code == Errc::unavailable);
    CHECK(started.error().message.find("its image cannot be pulled") != std::string::npos);
    CHECK(bench.until([&] { return bench.world.pods() == 0; }));
}

TEST_CASE("kube backend: a pod that ends while it starts shows what it wrote") {
    KubeBench bench;
    bench.open();
    bench.world.output = "boom\n";
    bench.world.on_created = [&](const std::string& key) {
        bench.world.set_status(key, "Running", "",
                               R"({"terminated":{"exitCode":2,"reason":"Error"}})");
        bench.world.tell(key);
    };
    auto started = bench.start(bench.runtime());
    REQUIRE(started.has_error());
    CHECK(started.error().message.find("ended with code 2") != std::string::npos);
    CHECK(started.error().detail == "boom\n");
}

TEST_CASE("kube backend: an instance's end is told with its cause, and a dead pod is taken away") {
    KubeBench bench;
    bench.open();
    const auto instance = bench.must_start();
    const auto key = bench.key_of(instance);
    REQUIRE(bench.load(instance.id, bench.load_request()));
    {
        std::lock_guard lock(bench.world.mutex);
        bench.world.set_status(key, "Running", bench.world.ip(key),
                               R"({"terminated":{"exitCode":137,"reason":"OOMKilled"}})");
        bench.world.tell(key);
    }
    const auto exit = bench.wait_exit(instance.id);
    REQUIRE(exit);
    CHECK(exit->cause == backend::InstanceExit::Cause::out_of_memory);
    CHECK(bench.until([&] { return !bench.world.has(key); }));
}

TEST_CASE("kube backend: a restarted container or a new address is the end of an instance") {
    for (const bool address : {true, false}) {
        INFO(address);
        KubeBench bench;
        bench.open();
        const auto instance = bench.must_start();
        const auto key = bench.key_of(instance);
        {
            std::lock_guard lock(bench.world.mutex);
            bench.world.set_status(key, "Running", address ? "127.0.0.99" : bench.world.ip(key),
                                   R"({"running":{}})", address ? "e1" : "e2");
            bench.world.tell(key);
        }
        REQUIRE(bench.wait_exit(instance.id));
        CHECK(bench.until([&] { return !bench.world.has(key); }));
    }
}

TEST_CASE("kube backend: a list that lacks a pod is no proof that it is gone") {
    KubeBench bench;
    bench.open();
    const auto instance = bench.must_start();
    const auto key = bench.key_of(instance);
    {
        std::lock_guard lock(bench.world.mutex);
        backend::PodNews news;
        news.kind = backend::PodNews::Kind::absent;
        news.certain = false;
        news.pod = *backend::read_pod(bench.world.object(key));
        bench.world.listener(news);
    }
    CHECK(bench.until([&] { return bench.world.count("read pod") == 1; }));
    CHECK(bench.load(instance.id, bench.load_request()));
    CHECK_FALSE(bench.exited(instance.id));
    CHECK(bench.world.has(key));
    CHECK(bench.world.count("delete pod") == 0);
    {
        std::lock_guard lock(bench.world.mutex);
        bench.world.vanish(key, false);
    }
    const auto exit = bench.wait_exit(instance.id);
    REQUIRE(exit);
    CHECK(exit->cause == backend::InstanceExit::Cause::stopped);
}

TEST_CASE(
    "kube backend: stop deletes the pod and returns when it is gone; unknown ids are ignored") {
    KubeBench bench;
    bench.open();
    const auto instance = bench.must_start();
    bench.stop(instance.id);
    CHECK_FALSE(bench.world.has(bench.key_of(instance)));
    REQUIRE(bench.wait_exit(instance.id));
    bench.stop(instance.id);
    bench.stop(12345);
}

TEST_CASE("kube backend: the next daemon finds every warm pod with its uid and what is in it") {
    KubeBench bench;
    bench.open();
    const auto generic = bench.must_start(), loaded = bench.must_start(),
               broken = bench.must_start();
    REQUIRE(bench.load(loaded.id, bench.load_request()));
    bench.close();
    CHECK(bench.world.pods() == 3);
    bench.world.runner(bench.key_of(broken)).state = "failed";
    bench.world.requests.clear();
    bench.open();
    auto found = bench.wait_found(2);
    REQUIRE(found.size() == 2);
    if (found[0].identity.empty()) std::swap(found[0], found[1]);
    CHECK(found[0].instance.name == loaded.name);
    CHECK(found[0].identity == "identity-1");
    CHECK(found[0].function == "cart");
    CHECK(found[0].function_ns == "shop");
    CHECK(found[0].runtime_hash == std::string(64, 'a'));
    CHECK(found[0].environment == "python");
    CHECK(found[0].instance.endpoint == loaded.endpoint);
    CHECK(found[1].instance.name == generic.name);
    CHECK(found[1].function.empty());
    CHECK(bench.until([&] { return !bench.world.has(bench.key_of(broken)); }));
    CHECK(bench.world.count("create pod") == 0);
    // What was found is used as if it had been started.
    CHECK(bench.load(found[1].instance.id, bench.load_request()));
    bench.stop(found[0].instance.id);
    CHECK_FALSE(bench.world.has(bench.key_of(loaded)));
}

TEST_CASE("kube backend: pods of other installations and of other making are left alone") {
    KubeBench bench;
    bench.world.put(
        boost::json::parse(
            R"({"metadata":{"namespace":"shop","name":"x","labels":{},"annotations":{}},"spec":{}})")
            .as_object());
    bench.open();
    bench.must_start();
    CHECK(bench.world.has("shop/x"));
    CHECK(bench.world.count("delete pod") == 0);
}

TEST_CASE("kube backend: a token that is there is kept, one that is too short is refused") {
    KubeBench bench;
    bench.world.secrets["shop/hearth-runner-token"]["token"] = std::string(64, 't');
    bench.open();
    bench.must_start();
    CHECK(bench.world.secrets["shop/hearth-runner-token"]["token"] == std::string(64, 't'));
    KubeBench other;
    other.world.secrets["shop/hearth-runner-token"]["token"] = "short";
    other.open();
    auto started = other.start(other.runtime());
    REQUIRE(started.has_error());
    CHECK(started.error().message.find("holds no token of at least 32 bytes") != std::string::npos);
}

TEST_CASE("kube backend: no more pods than the installation may have") {
    KubeBench bench([](auto& o) { o.max_pods = 1; });
    bench.open();
    bench.must_start();
    auto refused = bench.start(bench.runtime());
    REQUIRE(refused.has_error());
    CHECK(refused.error().code == Errc::exhausted);
}

TEST_CASE(
    "kube backend: variables of a runtime are a Secret that goes when the runtime is retired") {
    KubeBench bench;
    bench.open();
    auto runtime = bench.runtime();
    runtime.env["A"] = "1";
    bench.must_start(runtime);
    CHECK(bench.world.secrets.size() == 2);
    bench.backend->retire(runtime.hash);
    CHECK(bench.until([&] {
        std::lock_guard lock(bench.world.mutex);
        return bench.world.secrets.size() == 1;
    }));
}

TEST_CASE("kube backend: doctor names the right that is missing") {
    KubeBench bench;
    bench.open();
    const auto rights = [&] {
        for (const auto& probe : bench.backend->probes())
            if (probe.name == "kubernetes rights") return probe;
        return backend::Probe{};
    };
    REQUIRE(bench.until([&] { return !rights().name.empty(); }));
    CHECK(rights().state == backend::Probe::State::missing);
    CHECK(rights().detail.find("delete pods (to end instances)") != std::string::npos);
    CHECK(rights().detail.find("create pods") == std::string::npos);
}
