#pragma once

#include <boost/json/object.hpp>

#include <map>
#include <optional>
#include <string>

#include "api/context.hpp"

namespace hearth::api {

/// An object as clients see it: values of Secrets are null unless revealed, hashes of tokens are
/// left out.
boost::json::object shown(const model::Resource& resource, bool reveal = false,
                          const boost::json::object* status = nullptr);

/// Computes what an object's `status` says now; one per request, because it keeps what it asked the
/// executor. Thread: one owner.
class StatusReader {
 public:
    explicit StatusReader(Context& context) : context_(context) {}
    boost::json::object status_of(const model::Resource& resource);
    /// The URL a trigger answers at.
    std::string url_of(const model::Resource& trigger) const;
    const std::vector<executor::InstanceStats>& instances();
    const std::vector<executor::PoolStats>& pools();

 private:
    boost::json::object of_function(const model::Resource& function);
    boost::json::object of_package(const model::Resource& package) const;
    boost::json::object of_trigger(const model::Resource& trigger) const;
    boost::json::object of_environment(const model::Resource& environment);

    Context& context_;
    std::optional<std::vector<executor::InstanceStats>> instances_;
    std::optional<std::vector<executor::PoolStats>> pools_;
};

/// What is known of an object whose row cannot be read: no spec, and a status that says why.
boost::json::object shown_unreadable(const catalog::Record& record, const Error& error);
/// A stored object with its status.
boost::json::object shown_record(const catalog::Record& record, StatusReader& reader, bool reveal);

/// Members of a package's status that tell of its build.
void add_build(boost::json::object& status, const build::BuildView& view);
boost::json::object to_json(const build::BuildView& view);
boost::json::object to_json(const executor::InstanceStats& stats);
boost::json::object to_json(const executor::PoolStats& stats);

}  // namespace hearth::api
