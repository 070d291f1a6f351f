#include "hearth/kube/access.hpp"

#include "hearth/base/ids.hpp"
#include "kube/credentials.hpp"
#include "support/catch.hpp"
#include "support/scratch_folder.hpp"

using namespace hearth;
using test::ScratchFolder;

namespace {

kube::Environment variables(std::map<std::string, std::string> given) {
    return [given = std::move(given)](const std::string& name) -> std::optional<std::string> {
        const auto found = given.find(name);
        if (found == given.end()) return std::nullopt;
        return found->second;
    };
}

constexpr const char* kConfig = R"(apiVersion: v1
kind: Config
current-context: one
clusters:
- name: c1
  cluster: {server: "https://10.0.0.1:6443", certificate-authority: pki/ca.crt, tls-server-name: kube.test}
- name: c2
  cluster: {server: "https://10.0.0.2", insecure-skip-tls-verify: true}
users:
- name: u1
  user: {client-certificate: pki/admin.crt, client-key: pki/admin.key}
- name: u2
  user: {token: 12345}
contexts:
- name: one
  context: {cluster: c1, user: u1, namespace: apps}
- name: two
  context: {cluster: c2, user: u2}
- name: broken
  context: {cluster: nowhere, user: u1}
)";

}  // namespace

TEST_CASE("kube: a kubeconfig's contexts", "[kube]") {
    ScratchFolder folder;
    const auto file = folder.write("config", kConfig);
    const auto one = kube::kubeconfig_access(file);
    REQUIRE(one);
    CHECK(one->host == "10.0.0.1");
    CHECK(one->ns == "apps");
    CHECK(one->server_name == "kube.test");
    CHECK(one->verify);
    CHECK(one->ca_file == folder.path() / "pki/ca.crt");
    CHECK(one->client_key_file == folder.path() / "pki/admin.key");

    const auto two = kube::kubeconfig_access(file, "two");
    REQUIRE(two);
    CHECK(two->port == 443);
    CHECK_FALSE(two->verify);
    CHECK(two->token == "12345");
    CHECK(two->ns == "default");

    const auto none = kube::kubeconfig_access(file, "three");
    REQUIRE_FALSE(none);
    CHECK(none.error().message ==
          "kubeconfig " + file + ": there is no context \"three\"; it has one, two, broken");
    const auto broken = kube::kubeconfig_access(file, "broken");
    REQUIRE_FALSE(broken);
    CHECK(broken.error().message.find("no cluster \"nowhere\"; it has c1, c2") !=
          std::string::npos);
}

TEST_CASE("kube: several kubeconfigs are one, the first wins", "[kube]") {
    ScratchFolder folder;
    const auto first = folder.write("a/config", R"(current-context: two
users: [{name: u2, user: {tokenFile: token}}]
)");
    const auto second = folder.write("b/config", kConfig);
    const auto merged = kube::find_access(
        {}, {}, variables({{"KUBECONFIG", first + ":" + folder.at("absent") + ":" + second}}));
    REQUIRE(merged);
    CHECK(merged->host == "10.0.0.2");
    CHECK(merged->token_file == folder.path() / "a/token");
    CHECK(merged->token.empty());
}

TEST_CASE("kube: data in place, exec and impersonation", "[kube]") {
    ScratchFolder folder;
    const auto file = folder.write("config", R"(current-context: x
clusters: [{name: c, cluster: {server: "https://h", certificate-authority-data: )" +
                                                 base::base64_encode("the authority") + R"(}}]
users:
- name: u
  user:
    as: somebody
    as-groups: [g1, g2]
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: bin/get-token
      args: [--for, me]
      env: [{name: A, value: b}]
      provideClusterInfo: true
      installHint: install get-token
contexts: [{name: x, context: {cluster: c, user: u}}]
)");
    const auto access = kube::kubeconfig_access(file);
    REQUIRE(access);
    CHECK(access->ca_pem == "the authority");
    CHECK(access->impersonate_user == "somebody");
    CHECK(access->impersonate_groups == std::vector<std::string>{"g1", "g2"});
    REQUIRE(access->exec);
    CHECK(access->exec->command == folder.at("bin/get-token"));
    CHECK(access->exec->arguments == std::vector<std::string>{"--for", "me"});
    CHECK(access->exec->env.at("A") == "b");
    CHECK(access->exec->provide_cluster_info);
}

TEST_CASE("kube: kubeconfigs that cannot be used say why", "[kube]") {
    ScratchFolder folder;
    const auto with_user = [](const std::string& user) {
        return "current-context: x\nclusters: [{name: c, cluster: {server: \"https://h\"}}]\n"
               "users: [{name: u, user: " +
               user + "}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n";
    };
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"- a\n- b\n", "not one YAML mapping"},
        {"clusters: []\n", "no current-context"},
        {"a: b\na: c\n", "config:2:1"},
        {"current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\n"
         "clusters: [{name: c, cluster: {server: h:6443}}]\n",
         "write it as https://host:6443"},
        {with_user("{auth-provider: {name: gcp}}"), "use exec or a token"},
        {with_user("{client-key-data: '***'}"), "client-key-data is no base64"},
        {with_user("{exec: {apiVersion: client.authentication.k8s.io/v1}}"), "command is missing"},
        {with_user("{exec: {command: x, apiVersion: v7}}"), "apiVersion must be"},
        {with_user("{exec: {command: x, apiVersion: client.authentication.k8s.io/v1, "
                   "interactiveMode: Always}}"),
         "needs a terminal"}};
    for (const auto& [text, expected] : rows) {
        const auto refused = kube::kubeconfig_access(folder.write("config", text));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == Errc::invalid_argument);
        CHECK_THAT(refused.error().message, Catch::Contains(expected));
    }
    const auto absent = kube::kubeconfig_access(folder.at("nothing"));
    REQUIRE_FALSE(absent);
    CHECK(absent.error().code == Errc::not_found);
}

TEST_CASE("kube: a pod's service account", "[kube]") {
    ScratchFolder folder;
    const auto in_pod =
        variables({{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "6443"}});
    auto access = kube::in_cluster_access(in_pod, folder.path());
    REQUIRE_FALSE(access);
    CHECK_THAT(access.error().message, Catch::Contains("automountServiceAccountToken"));
    folder.write("token", "t");
    folder.write("ca.crt", "c");
    folder.write("namespace", "apps");
    access = kube::in_cluster_access(in_pod, folder.path());
    REQUIRE(access);
    CHECK(access->host == "fd00::1");
    CHECK(access->port == 6443);
    CHECK(access->ns == "apps");
    CHECK(access->token_file == folder.path() / "token");
    CHECK(access->ca_file == folder.path() / "ca.crt");
    CHECK(kube::in_cluster_access(variables({}), folder.path()).error().code == Errc::not_found);
}

TEST_CASE("kube: where there is no way to a cluster, what was tried is told", "[kube]") {
    ScratchFolder folder;
    const auto none = kube::find_access({}, {}, variables({{"HOME", folder.path().string()}}));
    REQUIRE_FALSE(none);
    CHECK(none.error().code == Errc::not_found);
    CHECK_THAT(none.error().message, Catch::Contains("KUBERNETES_SERVICE_HOST is not set"));
    CHECK_THAT(none.error().message, Catch::Contains(".kube/config does not exist"));
    folder.write(".kube/config", kConfig);
    CHECK(kube::find_access({}, {}, variables({{"HOME", folder.path().string()}})));
}

TEST_CASE("kube: what a credential program prints", "[kube]") {
    kube::ExecCredential exec;
    exec.command = "get-token";
    exec.install_hint = "install it from the wiki";
    const auto printed = [&](const std::string& status) {
        return kube::parse_exec_credential(
            exec, "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":" + status + "}");
    };
    const auto good = printed(R"({"token":"t","expirationTimestamp":"2026-01-31T12:00:00Z"})");
    REQUIRE(good);
    CHECK(good->token == "t");
    CHECK(*good->expires == std::chrono::system_clock::from_time_t(1769860800));
    CHECK(
        *printed(R"({"token":"t","expirationTimestamp":"2026-01-31T14:00:00.5+02:00"})")->expires ==
        *good->expires);
    CHECK_FALSE(printed(R"({"token":"t"})")->expires);
    const std::vector<std::pair<std::string, std::string>> bad = {
        {R"({})", "neither a token nor a certificate"},
        {R"({"clientCertificateData":"x"})", "without its key"},
        {R"({"token":"t","expirationTimestamp":"soon"})", "is no time"}};
    for (const auto& [status, expected] : bad) {
        const auto refused = printed(status);
        REQUIRE_FALSE(refused);
        CHECK_THAT(refused.error().message, Catch::Contains(expected));
        CHECK_THAT(refused.error().message, Catch::Contains("install it from the wiki"));
    }
    CHECK_FALSE(kube::parse_exec_credential(exec, "hello"));
    CHECK_THAT(
        kube::parse_exec_credential(exec, R"({"apiVersion":"v0","status":{}})").error().message,
        Catch::Contains("asks for client.authentication.k8s.io/v1"));
}
