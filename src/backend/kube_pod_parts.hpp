#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "hearth/backend/kubernetes_options.hpp"
#include "hearth/model/pod_settings.hpp"

/// What the specs of all pods are put together from. Pure.
namespace hearth::backend::kube_parts {

inline constexpr std::uint64_t kMebi = 1u << 20;
/// Disk the scheduler sets aside for a container.
inline constexpr std::uint64_t kEphemeralRequest = 16 * kMebi;

std::string quantity(std::uint64_t bytes);
std::string millicores(std::uint32_t value);
void overlay(boost::json::object& base, const boost::json::object& over);
void append(boost::json::array& list, const boost::json::array& more);
/// The member as an object, made one if need be.
boost::json::object& member(boost::json::object& of, std::string_view key);
void set_if_absent(boost::json::object& of, std::string_view key, std::string value);

boost::json::object mount(std::string_view volume, std::string_view path, bool read_only);
boost::json::object variable(std::string_view name, std::string_view value);
/// A variable with a field of the pod.
boost::json::object pod_field(std::string_view name, std::string_view path);
boost::json::object empty_dir(std::string_view name, std::uint64_t bytes, bool memory);
/// A container's security context: what `restricted` asks for is laid over what the user said.
boost::json::object secured(const boost::json::object& wanted, bool read_only_root);
/// Members absent from `resources` get the defaults; a request is never above its limit.
boost::json::object bounded(const KubernetesBackendOptions& options,
                            const boost::json::object& given, std::uint64_t memory,
                            std::uint32_t cpu);
/// What every user-named container has in common.
boost::json::object settings_of(const model::ContainerSettings& settings);
/// One the user put beside the main one.
boost::json::object user_container(const KubernetesBackendOptions& options,
                                   const model::ContainerSettings& settings);
boost::json::object pod_security(const KubernetesBackendOptions& options,
                                 const model::PodSettings& settings);
/// Where the pod runs, its names and its registries.
void add_placement(boost::json::object& spec, const KubernetesBackendOptions& options,
                   const model::PodSettings& settings);

}  // namespace hearth::backend::kube_parts
