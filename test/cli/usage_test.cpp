#include "cli/usage.hpp"
#include "support/catch.hpp"
#include "support/fake_daemon.hpp"

using hearth::test::FakeDaemon;
using hearth::test::run_hearth;

TEST_CASE("a mistyped command, option or form is told with the nearest known one") {
    struct Row {
        std::vector<std::string> arguments;
        std::string text;
    };
    const Row row = GENERATE(
        Row{{"deply", "x.py"}, "hearth: there is no command \"deply\"; did you mean deploy?\n"},
        Row{{"spaceship"}, "hearth: there is no command \"spaceship\"\n"},
        Row{{"-n", "deply", "gte"}, "hearth: there is no command \"gte\"; did you mean get?\n"},
        Row{{"token", "creat"}, "hearth: there is no command \"creat\"; did you mean create?\n"},
        Row{{"deploy", "x.py", "--rout", "/x"},
            "hearth: hearth deploy has no option --rout; did you mean --route?\n"},
        Row{{"deploy", "x.py", "--wormhole=1"}, "hearth: hearth deploy has no option --wormhole\n"},
        Row{{"get", "functions", "--namspace", "a"}, "did you mean --namespace?\n"},
        Row{{"get", "functions", "-o", "xml"},
            "there is no form \"xml\"; it is table, wide, json, yaml or name\n"},
        Row{{"deploy"}, "hearth: path is required\nRun `hearth deploy --help`"},
        Row{{}, "hearth: A subcommand is required\nRun `hearth --help`"});
    FakeDaemon daemon;
    const auto ran = run_hearth(daemon, row.arguments);
    CHECK(ran.code == 2);
    CHECK_THAT(ran.err, Catch::Contains(row.text));
    CHECK(ran.out.empty());
    CHECK(daemon.requests.empty());
}

TEST_CASE("nearest takes what differs by two letters at most") {
    using hearth::cli::nearest;
    const std::vector<std::string> known = {"get", "deploy", "delete"};
    CHECK(nearest("dpeloy", known) == "deploy");
    CHECK(nearest("delet", known) == "delete");
    CHECK(nearest("xy", known).empty());
    CHECK(nearest("", known).empty());
    CHECK(nearest("describe", known).empty());
}
