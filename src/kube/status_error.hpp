#pragma once

#include <boost/json/object.hpp>

#include <string>

#include "hearth/base/error.hpp"

namespace hearth::kube {

/// The error that a failed answer (status 400 and up) stands for: the server's own sentence, and
/// its reason as detail. `body` is a Status in JSON, or whatever a proxy on the way wrote.
Error status_error(int status, const std::string& body);

/// Whether a Status (of an answer or of an ERROR event) says that the resourceVersion is too old,
/// or one that this server does not know: what was read has to be read again.
bool means_expired(int status, const boost::json::object& body);

}  // namespace hearth::kube
