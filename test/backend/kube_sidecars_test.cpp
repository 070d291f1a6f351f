#include "backend/kube_sidecars.hpp"

#include <boost/json.hpp>

#include "support/catch.hpp"

using namespace hearth;
namespace json = boost::json;

TEST_CASE("kube sidecars: which servers know them") {
    for (const auto* version : {"v1.29.0", "v1.34.1", "v2.0.0", "v1.30+"})
        CHECK(backend::knows_sidecars(version));
    for (const auto* version : {"v1.23.17", "v1.28.3-gke.1", "v1.9.0"})
        CHECK_FALSE(backend::knows_sidecars(version));
}

TEST_CASE("kube sidecars: for older servers they are containers like the others") {
    auto spec = json::parse(R"({"containers": [{"name": "environment"}], "initContainers": [
        {"name": "first"}, {"name": "proxy", "restartPolicy": "Always"}]})")
                    .as_object();
    REQUIRE(backend::has_sidecars(spec));
    backend::make_sidecars_plain(spec);
    CHECK_FALSE(backend::has_sidecars(spec));
    CHECK(
        json::serialize(spec) ==
        R"({"containers":[{"name":"environment"},{"name":"proxy"}],"initContainers":[{"name":"first"}]})");
    spec.at("initContainers").as_array()[0].as_object()["restartPolicy"] = "Always";
    backend::make_sidecars_plain(spec);
    CHECK_FALSE(spec.contains("initContainers"));
    CHECK(spec.at("containers").as_array().size() == 3);
}
