#include "model/field_tables.hpp"

namespace hearth::model {

namespace {

using enum FieldType;

constexpr FieldRow kEnvironment[] = {
    {"spec", object, true, "", "", "How the language runtime is started and kept."},
    {"spec.version", integer, false, "3", "range:1..3",
     "Version of the environment contract: 1 loads `/userfunc/user`, 2 and 3 take the code's "
     "path."},
    {"spec.runtime", object, true, "", "", "The runtime that loads and runs code."},
    {"spec.runtime.image", string, false, "", "",
     "Container image; the process backend maps its name to an installed environment."},
    {"spec.runtime.local", object, false, "", "", "How the process backend starts the runtime."},
    {"spec.runtime.local.command", string_list, false, "", "nonempty",
     "Program and arguments; without it the image's name decides."},
    {"spec.runtime.local.env", string_map, false, "", "keys:env", "Variables of the runtime."},
    {"spec.runtime.local.protocol", string, false, "contract", "enum:contract,http",
     "What the command speaks: the environment contract, or `http` alone. Then it is told its port "
     "and the folder that code comes to in `PORT` and `HEARTH_CODE` and, as `$PORT` and "
     "`$HEARTH_CODE`, in its arguments; nothing is asked to load code."},
    {"spec.runtime.container", object, false, "", "tree:container",
     "The runtime's container; the process backend reads its `env` values alone."},
    {"spec.runtime.podspec", object, false, "", "tree:pod;kubernetes",
     "The runtime's pod. The container named as the environment (or like `container`) is the "
     "runtime's, others run beside it."},
    {"spec.runtime.functionendpointport", any, false, "", "", "Of old Fission specs; not read."},
    {"spec.runtime.loadendpointport", any, false, "", "", "Of old Fission specs; not read."},
    {"spec.runtime.loadendpointpath", any, false, "", "", "Of old Fission specs; not read."},
    {"spec.builder", object, false, "", "", "Builds source packages."},
    {"spec.builder.image", string, false, "", "",
     "Image that builds; the process backend maps its name to an installed environment."},
    {"spec.builder.command", string, false, "build", "buildcmd",
     "Command that builds, split at spaces and run without a shell; `build` is the builder's "
     "own."},
    {"spec.builder.container", object, false, "", "tree:container",
     "Container of the builder; its variables and limits count on every backend."},
    {"spec.builder.podspec", object, false, "", "tree:pod",
     "Pod of each build, with the kubernetes backend; its container `builder` is the image's, "
     "others run beside it."},
    {"spec.allowedFunctionsPerContainer", string, false, "single", "enum:,single,infinite",
     "Functions in one runtime; `infinite` is treated as `single`."},
    {"spec.allowAccessToExternalNetwork", boolean, false, "false", "noeffect",
     "Of Istio; without effect on the process backend."},
    {"spec.resources", object, false, "", "", "Limits of one runtime; a function's own go before."},
    {"spec.resources.limits", object, false, "", "extended", "What one runtime may use at most."},
    {"spec.resources.limits.memory", bytes, false, "", "", "Memory, such as `256Mi`."},
    {"spec.resources.limits.cpu", cpu, false, "", "", "CPU, such as `500m` or `1`."},
    {"spec.resources.limits.ephemeral-storage", bytes, false, "", "kubernetes",
     "Disk, such as `1Gi`."},
    {"spec.resources.requests", object, false, "", "extended",
     "Read by the kubernetes backend alone."},
    {"spec.resources.requests.memory", bytes, false, "", "", "Memory asked of the scheduler."},
    {"spec.resources.requests.cpu", cpu, false, "", "", "CPU asked of the scheduler."},
    {"spec.resources.requests.ephemeral-storage", bytes, false, "", "",
     "Disk asked of the scheduler."},
    {"spec.resources.claims", any, false, "", "noeffect", "Kubernetes' own; without effect here."},
    {"spec.poolsize", integer, false, "3", "range:0..1000", "Warm runtimes kept without code."},
    {"spec.terminationGracePeriod", integer, false, "90", "range:0..86400",
     "Seconds a runtime gets to end after it was told to."},
    {"spec.keeparchive", boolean, false, "false", "",
     "The archive is handed over as it is, not unpacked (jars)."},
    {"spec.imagepullsecret", string, false, "", "optionalsecret;kubernetes",
     "Secret of the pods' namespace for the image registry."},
    {"spec.documentationURL", string, false, "", "", "Of old Fission specs; not read."},
};

}  // namespace

std::span<const FieldRow> environment_fields() {
    return kEnvironment;
}

}  // namespace hearth::model
