#include <boost/json.hpp>

#include <random>

#include "hearth/model/document.hpp"
#include "support/catch.hpp"

using namespace hearth::model;
namespace json = boost::json;

namespace {

/// Values of all kinds, with texts that are hard for YAML.
class RandomValue {
 public:
    explicit RandomValue(unsigned seed) : random_(seed) {}

    json::value make(int depth) {
        switch (pick(depth > 3 ? 6 : 9)) {
            case 0:
                return nullptr;
            case 1:
                return pick(2) == 0;
            case 2:
                return static_cast<std::int64_t>(random_()) - 1'000'000;
            case 3:
                return static_cast<double>(pick(1000)) / 8 + 1e10 * pick(3);
            case 4:
            case 5:
                return json::value(json::string(text()));
            case 6:
            case 7: {
                json::object object;
                for (unsigned i = pick(5); i > 0; --i) object[text()] = make(depth + 1);
                return object;
            }
            default: {
                json::array array;
                for (unsigned i = pick(4); i > 0; --i) array.push_back(make(depth + 1));
                return array;
            }
        }
    }

    std::string text() {
        static const std::vector<std::string> kParts = {"a",
                                                        "yes",
                                                        "null",
                                                        ": ",
                                                        " #",
                                                        "\n",
                                                        "\n\n",
                                                        "  ",
                                                        "-",
                                                        "- ",
                                                        "'",
                                                        "\"",
                                                        "\\",
                                                        "{",
                                                        "}",
                                                        "0",
                                                        "1e3",
                                                        "---",
                                                        "...",
                                                        "\t",
                                                        "é",
                                                        "\xF0\x9F\x98\x80",
                                                        "\xC2\x85",
                                                        "\xE2\x80\xA8",
                                                        "&",
                                                        "*",
                                                        "!",
                                                        "|",
                                                        ">",
                                                        "%",
                                                        "@",
                                                        "`",
                                                        "?",
                                                        "=",
                                                        "~",
                                                        ",",
                                                        "[",
                                                        "\r",
                                                        "\x01",
                                                        "def f():",
                                                        "    return 1",
                                                        "/x",
                                                        "\xEF\xBB\xBF"};
        std::string out;
        for (unsigned i = pick(7); i > 0; --i)
            out += kParts[pick(static_cast<unsigned>(kParts.size()))];
        return out;
    }

 private:
    unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }
    std::mt19937 random_;
};

}  // namespace

TEST_CASE("to_yaml reads back as the same value, whatever it holds") {
    for (unsigned seed = 0; seed < 3000; ++seed) {
        RandomValue random(seed);
        json::object value;
        value["root"] = random.make(0);
        value[random.text()] = random.make(1);
        const std::string text = to_yaml(value);
        auto parsed = parse_documents(text, "f");
        INFO("seed " << seed << "\n" << text);
        for (const auto& fault : parsed.faults) UNSCOPED_INFO(to_string(fault));
        REQUIRE(parsed.faults.empty());
        REQUIRE(parsed.documents.size() == 1);
        REQUIRE(parsed.documents.front().value == json::value(value));
    }
}

TEST_CASE("to_yaml is as people write it") {
    const auto value = json::parse(R"({
        "apiVersion": "hearth/v1", "kind": "Function",
        "spec": {"env": [{"name": "A", "value": "yes"}, {"name": "B", "value": ""}], "count": 5, "ratio": 1.0,
                 "files": {"main.py": "def main():\n    return 'hi'\n"}, "none": {}, "empty": [],
                 "time": "12:30", "methods": ["GET", "POST"], "nested": [["a"], [{"b": 1}]]}})");
    CHECK(to_yaml(value) ==
          "apiVersion: hearth/v1\n"
          "kind: Function\n"
          "spec:\n"
          "  env:\n"
          "  - name: A\n"
          "    value: \"yes\"\n"
          "  - name: B\n"
          "    value: \"\"\n"
          "  count: 5\n"
          "  ratio: 1.0\n"
          "  files:\n"
          "    main.py: |\n"
          "      def main():\n"
          "          return 'hi'\n"
          "  none: {}\n"
          "  empty: []\n"
          "  time: \"12:30\"\n"
          "  methods:\n"
          "  - GET\n"
          "  - POST\n"
          "  nested:\n"
          "  -\n"
          "    - a\n"
          "  -\n"
          "    - b: 1\n");
}
