#include "backend/kube_pod_factory.hpp"

#include <boost/json.hpp>

#include "support/catch.hpp"

using namespace hearth;
namespace json = boost::json;

namespace {

json::value parse(const std::string& text) {
    return json::parse(text);
}

backend::KubernetesBackendOptions options() {
    backend::KubernetesBackendOptions o;
    o.installation = "test";
    o.runner_image = "hearth/runner:1";
    return o;
}

backend::Runtime runtime(const std::string& image = "localhost/hearth/python-env:dev") {
    backend::Runtime r;
    r.environment.ns = "shop";
    r.environment.name = "python";
    r.spec.image = image;
    r.hash = std::string(64, 'a');
    return r;
}

model::PodSettings settings(const std::string& main = "{}") {
    model::PodSettings s;
    const auto object = parse(main).as_object();
    if (object.contains("securityContext"))
        s.main.security_context = object.at("securityContext").as_object();
    if (object.contains("volumeMounts"))
        s.main.volume_mounts = object.at("volumeMounts").as_array();
    if (object.contains("env")) s.main.env = object.at("env").as_array();
    if (object.contains("envFrom")) s.main.env_from = object.at("envFrom").as_array();
    if (object.contains("ports")) s.main.ports = object.at("ports").as_array();
    if (object.contains("lifecycle")) s.main.lifecycle = object.at("lifecycle").as_object();
    if (object.contains("livenessProbe"))
        s.main.liveness_probe = object.at("livenessProbe").as_object();
    if (object.contains("resources")) s.main.resources = object.at("resources").as_object();
    return s;
}

backend::Runtime with(model::PodSettings s) {
    auto r = runtime();
    r.spec.pod = model::PodSettingsPtr(std::move(s));
    return r;
}

backend::Runtime workload(backend::Workload::Kind kind = backend::Workload::Kind::environment) {
    auto r = runtime();
    auto w = std::make_shared<backend::Workload>();
    w->kind = kind;
    w->function.ns = "shop";
    w->function.name = "cart";
    w->function.uid = "fn-uid";
    w->spec.max_scale = 5;
    if (kind == backend::Workload::Kind::container) {
        model::PodSettings own;
        own.main.image = "registry/cart:1";
        w->spec.pod = model::PodSettingsPtr(std::move(own));
        w->spec.container_port = 9000;
    }
    r.workload = w;
    return r;
}

const json::object& container(const json::object& pod, std::size_t index) {
    return pod.at("spec").at("containers").at(index).as_object();
}

}  // namespace

TEST_CASE("kube factory: every pod meets what PodSecurity restricted asks") {
    const auto o = options();
    const backend::PodFactory factory(o);
    for (const auto& image : {"localhost/hearth/python-env:dev", "fission/go-env:1"}) {
        INFO(image);
        auto made = factory.pod(runtime(image), "python-1");
        REQUIRE(made);
        const auto& spec = made->at("spec").as_object();
        CHECK(spec.at("automountServiceAccountToken") == false);
        CHECK(spec.at("enableServiceLinks") == false);
        CHECK(spec.at("restartPolicy") == "Never");
        CHECK(spec.at("securityContext").at("runAsNonRoot") == true);
        CHECK(spec.at("securityContext").at("runAsUser") == 10001);
        CHECK(spec.at("securityContext").at("fsGroup") == 10001);
        CHECK(spec.at("securityContext").at("seccompProfile").at("type") == "RuntimeDefault");
        REQUIRE(spec.at("containers").as_array().size() == 2);
        CHECK(container(*made, 0).at("name") == "environment");
        CHECK(container(*made, 1).at("name") == "runner");
        for (std::size_t i = 0; i < 2; ++i) {
            const auto& c = container(*made, i);
            const auto& context = c.at("securityContext").as_object();
            CHECK(context.at("allowPrivilegeEscalation") == false);
            CHECK(context.at("capabilities").at("drop") == parse(R"(["ALL"])"));
            CHECK(c.at("resources").at("limits").as_object().contains("memory"));
            CHECK(c.at("resources").at("limits").as_object().contains("cpu"));
            CHECK(c.at("resources").at("limits").as_object().contains("ephemeral-storage"));
            CHECK(c.at("resources").at("requests").as_object().contains("memory"));
        }
        CHECK(container(*made, 1).at("securityContext").at("readOnlyRootFilesystem") == true);
    }
}

TEST_CASE("kube factory: the root is read-only where the image is known to bear it") {
    const auto o = options();
    const backend::PodFactory factory(o);
    const auto mounts_tmp = [](const json::object& c) {
        return json::serialize(c.at("volumeMounts")).find(R"("/tmp")") != std::string::npos;
    };
    auto own = factory.pod(runtime(), "p");
    REQUIRE(own);
    CHECK(container(*own, 0).at("securityContext").at("readOnlyRootFilesystem") == true);
    CHECK(mounts_tmp(container(*own, 0)));
    auto foreign = factory.pod(runtime("fission/python-env:1.34"), "p");
    REQUIRE(foreign);
    CHECK(container(*foreign, 0).at("securityContext").at("readOnlyRootFilesystem") == false);
    CHECK_FALSE(mounts_tmp(container(*foreign, 0)));
    auto told = runtime("fission/python-env:1.34");
    told.spec.pod =
        model::PodSettingsPtr(settings(R"({"securityContext":{"readOnlyRootFilesystem":true}})"));
    auto chosen = factory.pod(told, "p");
    REQUIRE(chosen);
    CHECK(container(*chosen, 0).at("securityContext").at("readOnlyRootFilesystem") == true);
    CHECK(mounts_tmp(container(*chosen, 0)));
}

TEST_CASE("kube factory: the runner alone holds the token") {
    const auto o = options();
    const backend::PodFactory factory(o);
    auto made = factory.pod(runtime(), "p");
    REQUIRE(made);
    const auto token = std::string(backend::kTokenSecret);
    CHECK(json::serialize(container(*made, 0)).find("hearth-token") == std::string::npos);
    CHECK(json::serialize(container(*made, 1)).find("hearth-token") != std::string::npos);
    CHECK(json::serialize(made->at("spec").at("volumes")).find(token) != std::string::npos);
}

TEST_CASE("kube factory: nothing dangerous passes, whoever put it there") {
    struct Row {
        std::string name;
        std::function<void(model::PodSettings&)> put;
        std::string says;
    };
    const auto main = [](const std::string& text) {
        return [text](model::PodSettings& s) { s = settings(text); };
    };
    const auto volume = [](const std::string& text) {
        return [text](model::PodSettings& s) { s.volumes = parse("[" + text + "]").as_array(); };
    };
    const auto pod_context = [](const std::string& text) {
        return [text](model::PodSettings& s) { s.security_context = parse(text).as_object(); };
    };
    const auto extra = [](const std::string& name, const std::string& context) {
        return [name, context](model::PodSettings& s) {
            model::ContainerSettings c;
            c.name = name;
            c.image = "x";
            c.security_context = parse(context).as_object();
            s.containers.push_back(c);
        };
    };
    const std::vector<Row> rows = {
        {"privileged", main(R"({"securityContext":{"privileged":true}})"),
         "privileged is not allowed"},
        {"proc mount", main(R"({"securityContext":{"procMount":"Unmasked"}})"),
         "procMount is not allowed"},
        {"SELinux", main(R"({"securityContext":{"seLinuxOptions":{"type":"spc_t"}}})"),
         "seLinuxOptions is not allowed"},
        {"AppArmor", main(R"({"securityContext":{"appArmorProfile":{"type":"Unconfined"}}})"),
         "appArmorProfile is not allowed"},
        {"seccomp off", main(R"({"securityContext":{"seccompProfile":{"type":"Unconfined"}}})"),
         "seccompProfile.type must be"},
        {"root", main(R"({"securityContext":{"runAsUser":0}})"),
         "runAsUser must be a number above 0"},
        {"root group of the pod", pod_context(R"({"fsGroup":0})"),
         "fsGroup must be a number above 0"},
        {"root of the pod", pod_context(R"({"runAsUser":0})"),
         "runAsUser must be a number above 0"},
        {"group 0", pod_context(R"({"supplementalGroups":[0]})"),
         "supplementalGroups must not hold 0"},
        {"sysctl", pod_context(R"({"sysctls":[{"name":"kernel.shm_rmid_forced","value":"0"}]})"),
         "sysctls is not allowed"},
        {"host path", volume(R"({"name":"h","hostPath":{"path":"/"}})"), "hostPath is not allowed"},
        {"nfs", volume(R"({"name":"h","nfs":{"server":"s","path":"/"}})"), "nfs is not allowed"},
        {"csi", volume(R"({"name":"h","csi":{"driver":"d"}})"), "csi is not allowed"},
        {"image volume", volume(R"({"name":"h","image":{"reference":"r"}})"),
         "image is not allowed"},
        {"projected token",
         volume(R"({"name":"h","projected":{"sources":[{"serviceAccountToken":{"path":"t"}}]}})"),
         "serviceAccountToken is not allowed"},
        {"trust bundle",
         volume(R"({"name":"h","projected":{"sources":[{"clusterTrustBundle":{"path":"t"}}]}})"),
         "clusterTrustBundle is not allowed"},
        {"runner's token as a volume",
         volume(R"({"name":"h","secret":{"secretName":"hearth-runner-token"}})"), "runner's token"},
        {"runner's token projected",
         volume(
             R"({"name":"h","projected":{"sources":[{"secret":{"name":"hearth-runner-token"}}]}})"),
         "runner's token"},
        {"runner's token as a variable",
         main(
             R"({"env":[{"name":"T","valueFrom":{"secretKeyRef":{"name":"hearth-runner-token","key":"token"}}}]})"),
         "runner's token"},
        {"runner's token as variables",
         main(R"({"envFrom":[{"secretRef":{"name":"hearth-runner-token"}}]})"), "runner's token"},
        {"runner's token mounted",
         main(R"({"volumeMounts":[{"name":"hearth-token","mountPath":"/t"}]})"),
         "must not mount the runner's token"},
        {"volume that takes a name", volume(R"({"name":"hearth-userfunc","emptyDir":{}})"),
         "has a name that is taken"},
        {"mount over the code",
         main(R"({"volumeMounts":[{"name":"x","mountPath":"/userfunc/a"}]})"),
         "must not cover /userfunc"},
        {"mount out", main(R"({"volumeMounts":[{"name":"x","mountPath":"/a/../secrets"}]})"),
         "has the path"},
        {"mount propagation",
         main(
             R"({"volumeMounts":[{"name":"x","mountPath":"/a","mountPropagation":"Bidirectional"}]})"),
         "mountPropagation is not allowed"},
        {"host port", main(R"({"ports":[{"containerPort":80,"hostPort":80}]})"),
         "hostPort is not allowed"},
        {"probe of another host",
         main(R"({"livenessProbe":{"httpGet":{"host":"169.254.169.254","port":80}}})"),
         "livenessProbe.httpGet.host is not allowed"},
        {"hook to another host",
         main(R"({"lifecycle":{"postStart":{"httpGet":{"host":"10.0.0.1","port":80}}}})"),
         "lifecycle.postStart.httpGet.host is not allowed"},
        {"second container privileged", extra("side", R"({"privileged":true})"),
         "containers[side].securityContext.privileged"},
        {"second container root", extra("side", R"({"runAsUser":0})"),
         "containers[side].securityContext.runAsUser"},
        {"container that takes a name", extra("runner", "{}"), "has a name that is taken"},
    };
    const auto o = options();
    const backend::PodFactory factory(o);
    for (const auto& row : rows) {
        INFO(row.name);
        model::PodSettings s;
        row.put(s);
        auto made = factory.pod(with(s), "p");
        REQUIRE(made.has_error());
        CHECK(made.error().code == Errc::unsupported);
        CHECK(made.error().message.find(row.says) != std::string::npos);
        CHECK(made.error().message.find("environment shop/python") != std::string::npos);
        // The same settings through a function's workload.
        auto other = workload();
        auto w = std::make_shared<backend::Workload>(*other.workload);
        w->spec.pod = model::PodSettingsPtr(s);
        other.workload = w;
        CHECK(factory.deployment(other, 1).has_error());
    }
}

TEST_CASE("kube factory: what a user asks for never weakens a container") {
    const auto o = options();
    const backend::PodFactory factory(o);
    auto made = factory.pod(
        with(settings(
            R"({"securityContext":{"allowPrivilegeEscalation":true,"runAsNonRoot":false,"runAsUser":2000,)"
            R"("capabilities":{"add":["SYS_TIME","NET_BIND_SERVICE"],"drop":[]}}})")),
        "p");
    REQUIRE(made);
    const auto& context = container(*made, 0).at("securityContext").as_object();
    CHECK(context.at("allowPrivilegeEscalation") == false);
    CHECK(context.at("runAsNonRoot") == true);
    CHECK(context.at("runAsUser") == 2000);
    CHECK(context.at("capabilities").at("drop") == parse(R"(["ALL"])"));
    CHECK(context.at("capabilities").at("add") == parse(R"(["NET_BIND_SERVICE"])"));
    CHECK(container(*made, 1).at("securityContext").at("runAsUser") == 10001);
}

TEST_CASE("kube factory: the installation's labels win, a user's annotations and placement go in") {
    const auto o = options();
    const backend::PodFactory factory(o);
    model::PodSettings s;
    s.labels["team"] = "a";
    s.labels["hearth.io/daemon"] = "other";
    s.annotations["note"] = "x";
    s.node_selector["disk"] = "ssd";
    s.tolerations = parse(R"([{"key":"k","operator":"Exists"}])").as_array();
    s.runtime_class = "gvisor";
    s.priority_class = "low";
    s.image_pull_secrets = parse(R"([{"name":"reg"}])").as_array();
    auto made = factory.pod(with(s), "p");
    REQUIRE(made);
    const auto& labels = made->at("metadata").at("labels").as_object();
    CHECK(labels.at("team") == "a");
    CHECK(labels.at("hearth.io/daemon") == "test");
    CHECK(labels.at("app.kubernetes.io/managed-by") == "hearth");
    CHECK(labels.at("hearth.io/environment") == "python");
    CHECK(labels.at("hearth.io/runtime-hash") == json::value(std::string(40, 'a')));
    const auto& annotations = made->at("metadata").at("annotations").as_object();
    CHECK(annotations.at("note") == "x");
    CHECK(annotations.at("hearth.io/runtime-hash") == json::value(std::string(64, 'a')));
    const auto& spec = made->at("spec").as_object();
    CHECK(spec.at("nodeSelector").at("disk") == "ssd");
    CHECK(spec.at("tolerations").as_array().size() == 1);
    CHECK(spec.at("runtimeClassName") == "gvisor");
    CHECK(spec.at("priorityClassName") == "low");
    CHECK(spec.at("imagePullSecrets").at(0).at("name") == "reg");
}

TEST_CASE(
    "kube factory: limits come from the start, the settings, the spec, the defaults, in this "
    "order") {
    auto o = options();
    o.default_memory_bytes = 300u << 20;
    o.default_cpu_millicores = 700;
    const backend::PodFactory factory(o);
    const auto limits = [&](const backend::Runtime& r) {
        auto made = factory.pod(r, "p");
        REQUIRE(made);
        return container(*made, 0).at("resources").at("limits").as_object();
    };
    auto r = runtime();
    CHECK(limits(r).at("memory") == "300Mi");
    CHECK(limits(r).at("cpu") == "700m");
    r.spec.limits.memory_bytes = 200u << 20;
    CHECK(limits(r).at("memory") == "200Mi");
    r.spec.pod =
        model::PodSettingsPtr(settings(R"({"resources":{"limits":{"memory":"1Gi","cpu":"2"}}})"));
    CHECK(limits(r).at("memory") == "1Gi");
    CHECK(limits(r).at("cpu") == "2");
    r.limits.memory_bytes = 64u << 20;
    CHECK(limits(r).at("memory") == "64Mi");
}

TEST_CASE("kube factory: variables that may be secret are never shown in a pod") {
    const auto o = options();
    const backend::PodFactory factory(o);
    auto r = runtime("fission/go-env:1");
    r.env["PASSWORD"] = "hunter2";
    auto made = factory.pod(r, "p");
    REQUIRE(made);
    const auto text = json::serialize(*made);
    CHECK(text.find("hunter2") == std::string::npos);
    CHECK(text.find("aHVudGVyMg==") == std::string::npos);
    CHECK(container(*made, 0).at("envFrom").at(0).at("secretRef").at("name") ==
          json::value(factory.variables_name(r)));
    CHECK(factory.variables(r).at("data").at("PASSWORD") == "aHVudGVyMg==");
    CHECK(factory.variables_name(runtime()).empty());
}

TEST_CASE("kube factory: pods belong to the owner in its namespace alone") {
    auto o = options();
    o.owner = backend::OwnerReference{"apps/v1", "Deployment", "hearth", "o-uid", "shop"};
    {
        const backend::PodFactory factory(o);
        auto made = factory.pod(runtime(), "p");
        REQUIRE(made);
        CHECK(made->at("metadata").at("ownerReferences").at(0).at("uid") == "o-uid");
    }
    o.fixed_namespace = "functions";
    const backend::PodFactory factory(o);
    auto made = factory.pod(runtime(), "p");
    REQUIRE(made);
    CHECK(made->at("metadata").at("namespace") == "functions");
    CHECK_FALSE(made->at("metadata").as_object().contains("ownerReferences"));
}

TEST_CASE("kube factory: pods of all namespaces in one must not name Secrets of that one") {
    auto o = options();
    o.fixed_namespace = "hearth-system";
    const backend::PodFactory factory(o);
    for (const auto& text :
         {R"({"env":[{"name":"T","valueFrom":{"secretKeyRef":{"name":"admin","key":"token"}}}]})",
          R"({"envFrom":[{"secretRef":{"name":"admin"}}]})",
          R"({"envFrom":[{"configMapRef":{"name":"admin"}}]})"}) {
        INFO(text);
        auto made = factory.pod(with(settings(text)), "p");
        REQUIRE(made.has_error());
        CHECK(made.error().message.find("in namespace hearth-system") != std::string::npos);
    }
    model::PodSettings s;
    s.volumes = parse(R"([{"name":"v","persistentVolumeClaim":{"claimName":"data"}}])").as_array();
    CHECK(factory.pod(with(s), "p").has_error());
    auto own = with(settings(R"({"envFrom":[{"secretRef":{"name":"db"}}]})"));
    own.environment.ns = "hearth-system";
    CHECK(factory.pod(own, "p"));
}

TEST_CASE("kube factory: a workload is one Deployment that selects its own pods") {
    const auto o = options();
    const backend::PodFactory factory(o);
    const auto r = workload();
    auto made = factory.deployment(r, 2);
    REQUIRE(made);
    const auto name = factory.workload_name(r);
    CHECK(name.rfind("cart-", 0) == 0);
    CHECK(made->at("metadata").at("name") == json::value(name));
    CHECK(made->at("spec").at("replicas") == 2);
    CHECK(made->at("spec").at("selector").at("matchLabels").at("hearth.io/workload") ==
          json::value(name));
    const auto& pod = made->at("spec").at("template").as_object();
    CHECK(pod.at("metadata").at("labels").at("hearth.io/workload") == json::value(name));
    CHECK(pod.at("metadata").at("labels").at("hearth.io/function") == "cart");
    CHECK(pod.at("spec").at("restartPolicy") == "Always");
    CHECK(container(pod, 1).at("readinessProbe").at("httpGet").at("path") == "/readyz");
    auto other = workload();
    other.hash = std::string(64, 'b');
    CHECK(factory.workload_name(other) != name);
}

TEST_CASE("kube factory: a container serves on its own port, with the runner beside it") {
    const auto o = options();
    const backend::PodFactory factory(o);
    const auto r = workload(backend::Workload::Kind::container);
    CHECK(factory.port_of(r) == 9000);
    CHECK(factory.image_of(r) == "registry/cart:1");
    auto made = factory.deployment(r, 1);
    REQUIRE(made);
    const auto& pod = made->at("spec").at("template").as_object();
    CHECK(container(pod, 0).at("image") == "registry/cart:1");
    CHECK(container(pod, 0).at("ports").at(0).at("containerPort") == 9000);
    CHECK(json::serialize(container(pod, 0)).find("userfunc") == std::string::npos);
    CHECK(json::serialize(container(pod, 1).at("env")).find("127.0.0.1:9000") != std::string::npos);
}

TEST_CASE("kube factory: an autoscaler only when the function asks for one") {
    const auto o = options();
    const backend::PodFactory factory(o);
    auto r = workload();
    CHECK_FALSE(factory.autoscaled(r));
    auto w = std::make_shared<backend::Workload>(*r.workload);
    w->spec.target_cpu_percent = 60;
    w->spec.min_scale = 0;
    r.workload = w;
    CHECK(factory.autoscaled(r));
    const auto hpa = factory.autoscaler(r, "autoscaling/v2beta2");
    CHECK(hpa.at("apiVersion") == "autoscaling/v2beta2");
    CHECK(hpa.at("spec").at("minReplicas") == 1);
    CHECK(hpa.at("spec").at("maxReplicas") == 5);
    CHECK(hpa.at("spec").at("metrics").at(0).at("resource").at("target").at("averageUtilization") ==
          60);
    CHECK(hpa.at("spec").at("scaleTargetRef").at("name") == json::value(factory.workload_name(r)));
}
