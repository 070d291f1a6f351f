#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hearth/base/result.hpp"

namespace hearth::cli {

/// What `hearth deploy` was told.
struct DeployArguments {
    std::string path;
    std::string name;   ///< empty: from the path
    std::string env;    ///< empty: guessed from the file
    std::string route;  ///< empty: none; "/x/*" is the prefix /x
    std::vector<std::string> methods;
    std::string entry;
    std::vector<std::string> variables;  ///< K=V
    std::vector<std::string> secrets, config_maps;
    std::string timeout;  ///< "30s" or seconds
    std::string memory, cpu;
    std::optional<int> concurrency, requests_per_pod;
    std::string host;
    std::string cron, every, time_zone;  ///< of a timer; empty: none
    bool no_verify = false;
    bool build = false, no_build = false;  ///< neither: what the files and the environment call for
};

/// A DNS label from a file's or folder's name: "Hello World.py" → "hello-world". Empty when nothing
/// is left.
std::string name_from_path(const std::string& path);

/// The environment on offer for some files: the one asked for, else the one whose extensions most
/// of them have. `offers` is `environments` of /system/info. Errors: invalid_argument naming --env,
/// unsupported (with the remedy).
Result<boost::json::object> pick_environment(const boost::json::array& offers,
                                             const std::string& wanted,
                                             const std::vector<std::string>& files);

/// `builder_image` empty: without a builder.
boost::json::object compose_environment(const std::string& ns, const std::string& name,
                                        const std::string& image,
                                        const std::string& builder_image = {});
/// `side`: "deployment", or "source" for what is to be built.
boost::json::object compose_package(const DeployArguments& arguments, const std::string& ns,
                                    const std::string& env, boost::json::object archive,
                                    std::string_view side = "deployment");
/// `before` is the function as it is: what the arguments do not say stays. Errors:
/// invalid_argument.
Result<boost::json::object> compose_function(const DeployArguments& arguments,
                                             const std::string& ns, const std::string& env,
                                             const boost::json::object* before);
/// `before` as above. Errors: conflict when it belongs to another function.
Result<boost::json::object> compose_trigger(const DeployArguments& arguments, const std::string& ns,
                                            const boost::json::object* before);
/// The TimeTrigger of --cron or --every; `before` and errors as above.
Result<boost::json::object> compose_timer(const DeployArguments& arguments, const std::string& ns,
                                          const boost::json::object* before);

}  // namespace hearth::cli
