#pragma once

#include <cstdlib>
#include <string>

namespace hearth::test {

inline std::string variable(const char* name, const std::string& otherwise = "") {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : otherwise;
}

/// Name of an image that test/run has loaded into the node.
inline std::string cluster_image(const std::string& name) {
    return variable("HEARTH_IMAGE_PREFIX", "localhost/hearth") + "/" + name + ":" +
           variable("HEARTH_IMAGE_TAG", "dev");
}

}  // namespace hearth::test
