#pragma once

#include <boost/json/object.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/program.hpp"
#include "hearth/model/kinds.hpp"

namespace hearth::cli {

/// Which function's code is which package, as far as objects have been seen. Pure.
class CodeUsers {
 public:
    /// A function as it is now; other kinds are left alone.
    void see(const boost::json::object& object);
    void forget(const boost::json::object& function);
    /// Names of the functions whose code this package is, in order.
    std::vector<std::string> users_of(const boost::json::object& package) const;

 private:
    using Place = std::pair<std::string, std::string>;  ///< namespace, name
    std::map<Place, std::string> package_of_;
};

struct WatchArguments {
    std::vector<model::Kind> kinds;
    std::vector<std::string> names;  ///< empty: all
    bool all_namespaces = false;
};

/// Prints the changes of objects as they come, one on a line; of functions also the changes of the
/// package that is their code. Returns the exit code once the daemon ends it.
int watch_objects(Context& context, Client& client, WatchArguments arguments, CodeUsers users);

}  // namespace hearth::cli
