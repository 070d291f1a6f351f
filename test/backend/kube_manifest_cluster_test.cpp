// What is made for Kubernetes, before an API server that takes no unknown field.
#include "backend/kube_pod_factory.hpp"
#include "backend/kube_real_cluster.hpp"
#include "support/catch.hpp"

using namespace hearth;
using test::RealCluster;
namespace json = boost::json;

namespace {

/// Nothing is kept: the server checks, admits and forgets it.
Result<json::value> dry_run(RealCluster& cluster, const std::string& group,
                            const std::string& plural, json::object object) {
    auto target =
        group + "/namespaces/" + cluster.ns + "/" + plural + "?dryRun=All&fieldValidation=Strict";
    return cluster.run(
        cluster.client->request("POST", target, std::move(object), RealCluster::soon()));
}

std::string why(const Result<json::value>& result) {
    return result ? std::string() : result.error().message + ": " + result.error().detail;
}

backend::Runtime of_kind(RealCluster& cluster, backend::Workload::Kind kind) {
    auto runtime = cluster.workload([](model::FunctionSpec& spec) {
        spec.target_cpu_percent = 50;
        spec.container_port = 9000;
        model::PodSettings settings;
        settings.main.image = test::cluster_image("python-env");
        spec.pod = model::PodSettingsPtr(settings);
    });
    auto workload = std::make_shared<backend::Workload>(*runtime.workload);
    workload->kind = kind;
    runtime.workload = workload;
    runtime.env["GREETING"] = "hello";
    return runtime;
}

}  // namespace

TEST_CASE("kube cluster: a strict server takes every manifest, with a mesh and without",
          "[.][cluster]") {
    RealCluster cluster;
    auto options = cluster.options;
    options.istio = GENERATE(false, true);
    const backend::PodFactory factory(options);
    auto pod = factory.pod(cluster.runtime(), "python-env-1");
    REQUIRE(pod);
    CHECK(why(dry_run(cluster, "/api/v1", "pods", *pod)) == "");
    for (const auto kind :
         {backend::Workload::Kind::environment, backend::Workload::Kind::container}) {
        const auto runtime = of_kind(cluster, kind);
        auto deployment = factory.deployment(runtime, 2);
        REQUIRE(deployment);
        CHECK(why(dry_run(cluster, "/apis/apps/v1", "deployments", *deployment)) == "");
        CHECK(why(dry_run(cluster, "/apis/autoscaling/v2", "horizontalpodautoscalers",
                          factory.autoscaler(runtime, "autoscaling/v2"))) == "");
        CHECK(why(dry_run(cluster, "/api/v1", "services", factory.service(runtime))) == "");
        CHECK(why(dry_run(cluster, "/api/v1", "secrets", factory.variables(runtime))) == "");
    }
    CHECK(why(dry_run(cluster, "/api/v1", "services",
                      factory.pod_service(cluster.ns, "python-env-1", "uid", 8888))) == "");
    CHECK(why(dry_run(cluster, "/api/v1", "secrets", factory.token_secret(cluster.ns, "t"))) == "");
    auto wrong = *pod;
    wrong.at("spec").as_object()["noSuchField"] = true;
    CHECK(why(dry_run(cluster, "/api/v1", "pods", wrong)).find("noSuchField") != std::string::npos);
}
