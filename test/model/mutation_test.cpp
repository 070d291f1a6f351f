#include <boost/json.hpp>

#include <random>

#include "hearth/model/document.hpp"
#include "hearth/model/specs.hpp"
#include "support/catch.hpp"

using namespace hearth::model;

namespace {

constexpr std::string_view kSeeds[] = {
    "apiVersion: hearth/v1\nkind: Function\nmetadata: {name: f, labels: {a: b}}\nspec:\n  "
    "environment: {name: e}\n"
    "  package:\n    functionName: main\n    packageref: {name: p}\n  env:\n  - name: A\n    "
    "value: |\n      x\n       y\n"
    "  functionTimeout: 5\n",
    "{\"apiVersion\":\"hearth/"
    "v1\",\"kind\":\"HTTPTrigger\",\"metadata\":{\"name\":\"t\"},\"spec\":{\"relativeurl\":"
    "\"/a/"
    "{b}\",\"methods\":[\"GET\"],\"functionref\":{\"type\":\"name\",\"name\":\"f\"},\"timeout\":"
    "\"5s\"}}",
    "kind: Package\napiVersion: fission.io/v1\nmetadata: {name: p}\nspec:\n  environment: {name: "
    "e}\n  deployment:\n"
    "    files:\n      \"main.py\": \"def main():\\n  return 'x'\\n\"\n---\nkind: "
    "Secret\napiVersion: v1\n"
    "metadata:\n  name: s\ndata:\n  a: aGk=\nstringData:\n  b: 'it''s'\n...\n",
    "- &a [*a, !t x, ? y]\n- {<<: {b: c}, \"\\x41\\u00e9\": >-\n    folded\n    text\n  }\n",
};

constexpr std::string_view kPieces[] = {"---\n", "...", "&a ", "*a",   "!t ",  "? ",  ": ", "- ",
                                        "{",     "}",   "[",   "]",    "|",    ">",   "%",  "#",
                                        "\t",    "\n",  "\"",  "'",    "\\",   "\\u", "\r", ",",
                                        "1e9",   "0x",  "-",   "\xC3", "null", "\\_", "\\N"};

void use(const Document& document) {
    const Checked checked = check(document);
    if (!checked.faults.empty()) return;
    (void)decode_function(checked.resource);
    (void)decode_package(checked.resource);
    (void)decode_environment(checked.resource);
    (void)decode_http_trigger(checked.resource);
    (void)decode_data(checked.resource);
    (void)to_yaml(to_json(checked.resource));
}

}  // namespace

TEST_CASE("no text breaks the reader") {
    std::size_t accepted = 0, refused = 0;
    for (unsigned seed = 0; seed < 8000; ++seed) {
        std::mt19937 random(seed);
        std::string text(kSeeds[seed % std::size(kSeeds)]);
        for (unsigned i = random() % 6 + 1; i > 0; --i) {
            const std::size_t at = random() % (text.size() + 1);
            switch (random() % 4) {
                case 0:
                    text.insert(at, kPieces[random() % std::size(kPieces)]);
                    break;
                case 1:
                    text.erase(at, random() % 5);
                    break;
                case 2:
                    text.insert(at, 1, static_cast<char>(random()));
                    break;
                default:
                    text.insert(at, text.substr(random() % text.size(), random() % 40));
                    break;
            }
        }
        const auto parsed = parse_documents(text, "f");
        for (const auto& document : parsed.documents) {
            use(document);
            // What was read is text that everybody else can read.
            const auto again = parse_json(boost::json::serialize(document.value));
            INFO("seed " << seed);
            REQUIRE(again.has_value());
        }
        for (const auto& fault : parsed.faults) REQUIRE_FALSE(fault.message.empty());
        (parsed.faults.empty() ? accepted : refused) += 1;
        (void)parse_json(text);
    }
    // Both sides are really met.
    CHECK(accepted > 500);
    CHECK(refused > 500);
}

TEST_CASE("values of any shape in any place are faults, not crashes") {
    const char* values[] = {"null",
                            "1",
                            "-1",
                            "1.5",
                            "true",
                            "\"\"",
                            "\"x\"",
                            "[]",
                            "[null]",
                            "[[1]]",
                            "{}",
                            "{a: null}",
                            "18446744073709551615"};
    const auto parsed = parse_documents(kSeeds[0], "f");
    REQUIRE(parsed.documents.size() == 1);
    std::size_t faulty = 0;
    for (const auto& [path, place] : parsed.documents[0].places) {
        for (const char* value : values) {
            const auto other = parse_documents(std::string("v: ") + value, "v");
            Document document = parsed.documents[0];
            boost::json::value* at = &document.value;
            // Only paths without lists: enough to put each value into each member.
            std::string_view rest = path;
            while (!rest.empty() && at && at->is_object()) {
                const auto dot = rest.find('.');
                at = at->get_object().if_contains(rest.substr(0, dot));
                rest = dot == std::string_view::npos ? "" : rest.substr(dot + 1);
            }
            if (!at || !rest.empty()) continue;
            *at = other.documents[0].value.at("v");
            faulty += check(document).faults.empty() ? 0 : 1;
            use(document);
        }
    }
    CHECK(faulty > 50);
}
