#pragma once

#include <span>

#include "hearth/model/kinds.hpp"

namespace hearth::model {

/// Rules of a row, several separated by ';':
///   enum:a,b        one of these texts (items of a string_list)
///   min:N max:N range:A..B   bounds of a number, both included
///   nonempty        text or list of at least one
///   maxlen:N        bytes of a text
///   dns1123         name of an object: DNS label, at most 63
///   hostname        DNS name in lower case, "*." in front allowed
///   namespace       of a reference: absent or the object's own
///   env             name of an environment variable, not a reserved one
///   relpath         relative path that stays below its folder
///   filepath        the same, and names a file
///   keys:filepath keys:data keys:env keys:label keys:annotation   the same for the keys of a map
///   labelvalue      values of a label map
///   base64 base64:N base64 text of at most N decoded bytes
///   sha256          64 hexadecimal digits
///   route prefix    path of an HTTP trigger
///   origin          of CORS: "*" or scheme://host[:port]
///   method          HTTP method; in any case
///   count           a text that is a whole number from 1 to 1000
///   subpath         path and query of a call
///   printable       ASCII without control characters
///   watched-type    Fission's four kinds of objects, or group/version/Kind
///   url             archive://… or http(s)://…
///   header          name of an HTTP header
///   nonempty-items  no empty text in a list
///   positive        a duration of more than nothing
///   rfc3339         date and time
///   zero-ok         0 stands for the default
///   noeffect        accepted, and a warning when it says something
///   kubernetes      the same on every backend but that one
///   refused         unsafe: a fault when it says something; the row's sentence gives reason and
///   remedy onlytrue        a boolean that may not be false extended        an object that also
///   takes extended resources ("nvidia.com/gpu": 1) mapof           a map with free keys whose
///   values are objects with the fields of `tree:` tree:NAME       the fields of an object or of
///   each item of a list are those of the part NAME port quantity groups   of an `any`: port number
///   or name; Kubernetes quantity; list of group ids and those of text_rules.cpp and
///   pod_text_rules.cpp
std::span<const FieldRow> common_fields();  ///< apiVersion, kind, metadata, status
std::span<const FieldRow> environment_fields();
std::span<const FieldRow> package_fields();
std::span<const FieldRow> function_fields();
std::span<const FieldRow> http_trigger_fields();
std::span<const FieldRow> secret_fields();
std::span<const FieldRow> config_map_fields();
std::span<const FieldRow> api_token_fields();
std::span<const FieldRow> message_queue_trigger_fields();
std::span<const FieldRow> time_trigger_fields();
std::span<const FieldRow> kubernetes_watch_trigger_fields();
std::span<const FieldRow> workflow_fields();

/// Fields that several kinds take in the same form: what they say of pods, containers, autoscaling,
/// and that a kind takes in two places.
struct PodPart {
    std::string_view name;
    std::span<const FieldRow> fields;
};
std::span<const PodPart> pod_parts();
std::span<const PodPart> container_parts();
std::span<const PodPart> scheduling_parts();
std::span<const PodPart> workflow_parts();
std::span<const PodPart> function_parts();

}  // namespace hearth::model
