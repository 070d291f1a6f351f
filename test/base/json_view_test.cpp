#include "hearth/base/json_view.hpp"

#include <boost/json.hpp>

#include "support/catch.hpp"

using namespace hearth;

TEST_CASE("json view: by path, and empty for what is absent or of another type", "[unit]") {
    const auto object = boost::json::parse(R"({"a":{"b":{"text":"t","n":-3,"on":true},
            "map":{"k":"v","n":1},"list":["x",2,"y"]},"plain":"p"})")
                            .as_object();
    CHECK(base::text_at(object, "a.b.text") == "t");
    CHECK(base::text_view_at(object, "plain") == "p");
    CHECK(base::integer_at(object, "a.b.n") == -3);
    CHECK(base::bool_at(object, "a.b.on"));
    CHECK(base::object_at(object, "a.b")->size() == 3);
    CHECK(base::list_at(object, "a.list")->size() == 3);
    CHECK(base::texts_at(object, "a.map") == std::map<std::string, std::string>{{"k", "v"}});
    CHECK(base::strings_at(object, "a.list") == std::vector<std::string>{"x", "y"});
    for (const auto* path : {"none", "a.none", "plain.x", "a.list.x", "", "a.", "."}) {
        INFO(path);
        CHECK(base::value_at(object, path) == nullptr);
        CHECK(base::text_at(object, path).empty());
        CHECK(base::integer_at(object, path, 7) == 7);
        CHECK_FALSE(base::bool_at(object, path));
        CHECK(base::object_at(object, path) == nullptr);
        CHECK(base::list_at(object, path) == nullptr);
        CHECK(base::texts_at(object, path).empty());
        CHECK(base::strings_at(object, path).empty());
    }
    CHECK(base::text_at(object, "a.b.n").empty());
    CHECK(base::integer_at(object, "a.b.text") == 0);
}
