#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

using enum FieldType;

constexpr FieldRow kCommon[] = {
    {"apiVersion", string, true, "", "enum:hearth/v1,fission.io/v1,v1",
     "`hearth/v1`; `fission.io/v1` is read as the same, and `v1` for Secret and ConfigMap."},
    {"kind", string, true, "", "", "The kind of the object."},
    {"metadata", object, true, "", "", "Name, namespace and labels of the object."},
    {"metadata.name", string, true, "", "dns1123", "Name, unique for its kind in the namespace."},
    {"metadata.namespace", string, false, "default", "dns1123", "Namespace the object lives in."},
    {"metadata.labels", string_map, false, "", "keys:label;labelvalue",
     "Short texts to select objects by."},
    {"metadata.annotations", string_map, false, "", "keys:annotation",
     "Texts for tools; Hearth does not read them."},
    {"metadata.resourceVersion", any, false, "", "",
     "Revision of the last change; in a write, the revision that is expected."},
    {"metadata.uid", any, false, "", "", "Read-only: identity given on create."},
    {"metadata.generation", any, false, "", "", "Read-only: counts changes of the spec."},
    {"metadata.creationTimestamp", any, false, "", "", "Read-only: time of the create."},
    {"metadata.deletionTimestamp", any, false, "", "", "Read and dropped."},
    {"metadata.deletionGracePeriodSeconds", any, false, "", "", "Read and dropped."},
    {"metadata.managedFields", any, false, "", "", "Read and dropped."},
    {"metadata.ownerReferences", any, false, "", "", "Read and dropped."},
    {"metadata.finalizers", any, false, "", "", "Read and dropped."},
    {"metadata.selfLink", any, false, "", "", "Read and dropped."},
    {"status", any, false, "", "", "Read-only: what the server observed."},
};

constexpr FieldRow kSecret[] = {
    {"type", string, false, "Opaque", "maxlen:253", "Free text that says what the secret is for."},
    {"data", string_map, false, "", "keys:data;base64", "Values in base64, by key."},
    {"stringData", string_map, false, "", "keys:data",
     "Values as plain text; folded into `data` when the secret is written."},
    {"immutable", boolean, false, "false", "noeffect", "Kubernetes' own; without effect here."},
};

constexpr FieldRow kConfigMap[] = {
    {"data", string_map, false, "", "keys:data", "Values as plain text, by key."},
    {"binaryData", string_map, false, "", "keys:data;base64", "Values in base64, by key."},
    {"immutable", boolean, false, "false", "noeffect", "Kubernetes' own; without effect here."},
};

constexpr FieldRow kApiToken[] = {
    {"spec", object, true, "", "", "What the token may do."},
    {"spec.role", string, true, "", "enum:view,call,deploy,admin",
     "Each role may do what the ones before it may."},
    {"spec.allNamespaces", boolean, false, "false", "",
     "The token is good for every namespace, not only for its own."},
    {"spec.expires", string, false, "", "rfc3339", "When the token ends; never when empty."},
    {"spec.sha256", string, false, "", "sha256",
     "SHA-256 of the token's text; the server makes the token when it is absent."},
};

}  // namespace

std::span<const FieldRow> common_fields() {
    return kCommon;
}
std::span<const FieldRow> secret_fields() {
    return kSecret;
}
std::span<const FieldRow> config_map_fields() {
    return kConfigMap;
}
std::span<const FieldRow> api_token_fields() {
    return kApiToken;
}

}  // namespace hearth::model
