#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/model/kinds.hpp"
#include "hearth/model/specs.hpp"

namespace hearth::api {

using Role = model::ApiTokenSpec::Role;

/// What a request asks for; one handler each.
enum class Op {
    health,
    admin_page,
    login,
    session,
    logout,
    ready,
    metrics,
    openapi,
    version,
    identity,
    list_objects,
    create_object,
    get_object,
    put_object,
    patch_object,
    delete_object,
    apply,
    validate,
    watch,
    upload_archive,
    list_archives,
    get_archive,
    delete_archive,
    collect_archives,
    package_files,
    rebuild_package,
    cancel_build,
    get_build,
    build_log,
    list_builds,
    list_calls,
    get_call,
    edit_call,
    redrive_call,
    delete_call,
    purge_calls,
    list_runs,
    create_run,
    get_run,
    cancel_run,
    redrive_run,
    delete_run,
    call_back,
    function_logs,
    call_function,
    describe_function,
    instances,
    pools,
    match_route,
    list_offers,
    get_starter,
    system_info,
};

/// One query or header parameter of an operation.
struct Parameter {
    std::string_view name;
    std::string_view in;    ///< "query" or "header"
    std::string_view type;  ///< "string", "boolean", "integer", "duration", "digest"
    std::string_view doc;
    std::string_view example;
    bool required = false;
};

/// What a request's body holds.
enum class BodyShape { none, object, documents, merge_patch, archive, anything };

/// One row: dispatch, authorisation and the OpenAPI document are made from it.
struct Operation {
    Op op = Op::health;
    std::string id;  ///< operationId, for example "listFunctions"
    std::string method;
    std::string path;  ///< template with {name} segments; a last "{rest...}" takes any number
    std::optional<Role> role;         ///< least role; absent: no token needed
    std::optional<model::Kind> kind;  ///< of operations on one kind
    std::string summary;
    std::vector<Parameter> parameters;
    BodyShape body = BodyShape::none;
    int success = 200;
    std::string response;  ///< name below components/schemas; empty: no JSON
    std::string media = "application/json";
    std::vector<int> errors;  ///< statuses besides those every operation may answer
    bool mutates = false;     ///< leaves an audit line
    bool documented = true;   ///< in the OpenAPI document

    bool namespaced() const { return path.find("{ns}") != std::string::npos; }
};

/// Values of a template's segments, in order of appearance.
using PathValues = std::vector<std::pair<std::string, std::string>>;

struct Match {
    const Operation* operation = nullptr;  ///< null: see `allow`
    PathValues values;
    std::string allow;  ///< methods of the path; empty: no such path
};

/// All operations. Immutable after construction. Thread: any.
class OperationTable {
 public:
    OperationTable();
    const std::vector<Operation>& rows() const { return rows_; }
    /// HEAD is answered by the row of GET. `path` is canonical and without query.
    Match match(std::string_view method, std::string_view path) const;

 private:
    std::vector<Operation> rows_;
};

/// The rows, in the order of the documentation.
std::vector<Operation> operation_rows();

std::string_view to_string(Role role);

}  // namespace hearth::api
