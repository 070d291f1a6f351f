#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

using enum FieldType;

constexpr FieldRow kPackage[] = {
    {"spec", object, true, "", "", "The code and the environment it is for."},
    {"spec.environment", object, true, "", "", "The environment that loads the code."},
    {"spec.environment.name", string, true, "", "dns1123", "Name of the Environment."},
    {"spec.environment.namespace", string, false, "", "namespace",
     "Must be the package's own namespace."},
    {"spec.deployment", object, false, "", "", "Code ready to be loaded."},
    {"spec.deployment.type", string, false, "", "enum:,literal,files,url,oci",
     "Which of the members holds the archive; may be left out."},
    {"spec.deployment.literal", string, false, "", "base64:262144",
     "The archive or single file in base64, at most 262,144 bytes."},
    {"spec.deployment.files", string_map, false, "", "keys:filepath",
     "Text files by relative path."},
    {"spec.deployment.url", string, false, "", "url",
     "`archive://` and the SHA-256 of an uploaded archive, or an http(s) address."},
    {"spec.deployment.checksum", object, false, "", "", "Checks what `url` gives."},
    {"spec.deployment.checksum.type", string, false, "", "enum:,sha256", "Kind of checksum."},
    {"spec.deployment.checksum.sum", string, false, "", "sha256", "The checksum in hexadecimal."},
    {"spec.deployment.oci", any, false, "", "",
     "Image that holds the code; needs the kubernetes backend."},
    {"spec.source", object, false, "", "",
     "Code that the environment's builder makes `deployment` from."},
    {"spec.source.type", string, false, "", "enum:,literal,files,url,oci",
     "Which of the members holds the archive; may be left out."},
    {"spec.source.literal", string, false, "", "base64:262144",
     "The archive or single file in base64, at most 262,144 bytes."},
    {"spec.source.files", string_map, false, "", "keys:filepath", "Text files by relative path."},
    {"spec.source.url", string, false, "", "url",
     "`archive://` and the SHA-256 of an uploaded archive, or an http(s) address."},
    {"spec.source.checksum", object, false, "", "", "Checks what `url` gives."},
    {"spec.source.checksum.type", string, false, "", "enum:,sha256", "Kind of checksum."},
    {"spec.source.checksum.sum", string, false, "", "sha256", "The checksum in hexadecimal."},
    {"spec.source.oci", any, false, "", "",
     "Image that holds the code; needs the kubernetes backend."},
    {"spec.buildcmd", string, false, "", "buildcmd",
     "Command that builds `source`, split at spaces and run without a shell; without it the "
     "environment's."},
    {"spec.size", integer, false, "", "min:0", "Read-only: bytes of the stored archive."},
};

}  // namespace

std::span<const FieldRow> package_fields() {
    return kPackage;
}

}  // namespace hearth::model
