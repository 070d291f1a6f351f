#include "cli/watch_objects.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "cli/objects.hpp"

namespace hearth::cli {

namespace json = boost::json;

void CodeUsers::see(const json::object& object) {
    if (text_at(object, "kind") != "Function") return;
    const Place place(text_at(object, "metadata.namespace"), text_at(object, "metadata.name"));
    package_of_[place] = text_at(object, "spec.package.packageref.name");
}

void CodeUsers::forget(const json::object& function) {
    if (text_at(function, "kind") != "Function") return;
    package_of_.erase(
        {text_at(function, "metadata.namespace"), text_at(function, "metadata.name")});
}

std::vector<std::string> CodeUsers::users_of(const json::object& package) const {
    const auto ns = text_at(package, "metadata.namespace");
    const auto name = text_at(package, "metadata.name");
    std::vector<std::string> users;
    for (const auto& [place, code] : package_of_)
        if (place.first == ns && code == name) users.push_back(place.second);
    return users;
}

namespace {

class Watching {
 public:
    Watching(Context& context, WatchArguments arguments, CodeUsers users)
        : context_(context), arguments_(std::move(arguments)), users_(std::move(users)) {}

    /// Packages come along with functions, because they are the functions' code.
    std::string target() const {
        std::string names;
        for (const auto kind : arguments_.kinds)
            names += (names.empty() ? "" : ",") + std::string(model::table(kind).plural);
        if (shown("Function") && !shown("Package"))
            names += "," + std::string(model::table(model::Kind::package).plural);
        std::string target = "/api/v1/watch?kinds=" + names;
        if (!arguments_.all_namespaces) add_query(target, "namespace", context_.settings.ns);
        return target;
    }

    bool take(const json::object& line) {
        const std::string type = text_at(line, "type");
        const auto* value = line.if_contains("object");
        if (type == "bookmark" || !value || !value->is_object()) return true;
        const auto& object = value->get_object();
        type == "removed" ? users_.forget(object) : users_.see(object);
        std::vector<std::string> texts;
        if (shown(text_at(object, "kind")) && named(text_at(object, "metadata.name")))
            texts.push_back(short_name(object));
        if (shown("Function") && text_at(object, "kind") == "Package" && type == "modified") {
            for (const auto& user : users_.users_of(object))
                if (named(user))
                    texts.push_back("function/" + user + ", by its code " + short_name(object));
        }
        print(line, type, texts);
        context_.terminal.out.flush();
        return context_.terminal.out.good();
    }

 private:
    bool shown(const std::string& kind) const {
        return std::any_of(arguments_.kinds.begin(), arguments_.kinds.end(),
                           [&](model::Kind each) { return model::table(each).name == kind; });
    }
    bool named(const std::string& name) const {
        const auto& names = arguments_.names;
        return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
    }
    void print(const json::object& line, const std::string& type,
               const std::vector<std::string>& texts) {
        auto& out = context_.terminal.out;
        if (context_.settings.output == Output::json) {
            if (!texts.empty()) out << json::serialize(line) << '\n';
            return;
        }
        const auto revision = text_at(line.at("object").get_object(), "metadata.resourceVersion");
        for (const auto& text : texts)
            out << type << "  " << text << "  revision " << revision << '\n';
    }

    Context& context_;
    const WatchArguments arguments_;
    CodeUsers users_;
};

}  // namespace

int watch_objects(Context& context, Client& client, WatchArguments arguments, CodeUsers users) {
    Watching watching(context, std::move(arguments), std::move(users));
    auto ended = client.lines(watching.target(),
                              [&](const json::object& line) { return watching.take(line); });
    return ended.has_error() ? context.terminal.fail(ended.error()) : kDone;
}

}  // namespace hearth::cli
