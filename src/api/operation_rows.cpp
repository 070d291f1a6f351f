#include "api/operations.hpp"
#include "api/run_rows.hpp"

namespace hearth::api {
namespace {

using Parameters = std::vector<Parameter>;

const Parameter kLimit{"limit", "query", "integer", "Most items of one page, 1 to 500.", "100"};
const Parameter kContinue{"continue", "query", "string", "metadata.continue of the page before.",
                          ""};
const Parameter kSelector{"labelSelector", "query", "string",
                          "Only objects with these labels: a=b, a!=b, a, !a, separated by commas.",
                          "tier=web"};
const Parameter kReveal{"reveal", "query", "boolean",
                        "Show the values of Secrets; needs the role admin.", "false"};
const Parameter kDryRun{"dryRun", "query", "boolean",
                        "Check and answer what would happen, but write nothing.", "true"};
const Parameter kCascade{
    "cascade", "query", "boolean",
    "false refuses to delete a function that routes name, instead of deleting them with it.",
    "true"};
const Parameter kIfMatch{
    "If-Match", "header", "string",
    "Only if the object's ETag is one of these, or * for any that is there; else 412.", ""};
const Parameter kIfNoneMatch{
    "If-None-Match", "header", "string",
    "For GET: 304 when the ETag is one of these. For PUT: * writes only what is not there.", ""};
const Parameter kVerify{
    "verify", "query", "boolean",
    "Load each new or changed function once before anything is written; a failure is 422.",
    "false"};
const Parameter kFile{"file", "query", "string", "Name of the text, as faults show it.",
                      "hello.yaml"};
const Parameter kNamespace{"namespace", "query", "string", "Namespace of documents that name none.",
                           "default"};

std::string capital(std::string_view word) {
    std::string text(word);
    text[0] = static_cast<char>(text[0] >= 'a' ? text[0] - 32 : text[0]);
    return text;
}

Operation row(Op op, std::string id, std::string method, std::string path, std::optional<Role> role,
              std::string summary) {
    Operation made;
    made.op = op;
    made.id = std::move(id);
    made.method = std::move(method);
    made.path = std::move(path);
    made.role = role;
    made.summary = std::move(summary);
    return made;
}

void add_open_rows(std::vector<Operation>& rows) {
    auto health = row(Op::health, "getHealth", "GET", "/healthz", {}, "Whether the process runs.");
    health.media = "text/plain";
    rows.push_back(health);
    auto ready = row(Op::ready, "getReadiness", "GET", "/readyz", {},
                     "Whether new requests are wanted; 503 while draining.");
    ready.media = "text/plain";
    ready.errors = {503};
    rows.push_back(ready);
    auto metrics =
        row(Op::metrics, "getMetrics", "GET", "/metrics", {}, "Metrics in Prometheus' text form.");
    metrics.media = "text/plain";
    metrics.parameters = {{"names", "query", "string",
                           "Only these families, separated by commas; absent: all.",
                           "hearth_gateway_answers_total"}};
    metrics.errors = {400};
    rows.push_back(metrics);
    auto openapi =
        row(Op::openapi, "getOpenApi", "GET", "/api/v1/openapi.json", {}, "This document.");
    openapi.response = "OpenApi";
    rows.push_back(openapi);
    auto version = row(Op::version, "getVersion", "GET", "/api/v1/version", {},
                       "Version, backend and gateway.");
    version.response = "Version";
    rows.push_back(version);
    auto identity = row(Op::identity, "getIdentity", "GET", "/api/v1/identity", Role::view,
                        "Name, role and namespace of the token in use.");
    identity.response = "Identity";
    rows.push_back(identity);
}

void add_page_rows(std::vector<Operation>& rows) {
    for (const std::string path : {"/", "/admin", "/admin/{rest...}"}) {
        auto page = row(Op::admin_page, "getAdminPage", "GET", path, {}, "The admin page's files.");
        page.media = "*/*";
        page.errors = {404};
        page.documented = false;
        rows.push_back(page);
    }
    const std::string session = "/api/v1/session";
    auto login = row(Op::login, "openSession", "POST", session, Role::view,
                     "Opens a session of the admin page for the token in use; the cookie's.");
    login.success = 201;
    login.response = "Session";
    login.errors = {400, 429};
    login.mutates = true;
    rows.push_back(login);
    auto get = row(Op::session, "getSession", "GET", session, Role::view,
                   "Whose session it is, and the secret that its writes show in X-Hearth-Csrf.");
    get.response = "Session";
    rows.push_back(get);
    auto logout = row(Op::logout, "closeSession", "DELETE", session, Role::view,
                      "Ends the session of the cookie.");
    logout.response = "Removed";
    logout.mutates = true;
    rows.push_back(logout);
}

void add_read_rows(std::vector<Operation>& rows, const model::KindTable& table,
                   const std::string& one, const std::string& many, Role role) {
    const std::string kind(table.name);
    const bool secret = table.kind == model::Kind::secret;
    Parameters listing{kLimit, kContinue, kSelector};
    Parameters reading{kIfNoneMatch};
    if (secret) {
        listing.push_back(kReveal);
        reading.push_back(kReveal);
    }
    auto all =
        row(Op::list_objects, "listAll" + many, "GET", "/api/v1/" + std::string(table.plural), role,
            "All " + kind + " objects of the namespaces the token may see.");
    all.kind = table.kind;
    all.parameters = listing;
    all.response = kind + "List";
    all.errors = {400};
    rows.push_back(all);
    auto list = row(Op::list_objects, "list" + many, "GET", one.substr(0, one.rfind('/')), role,
                    "The " + kind + " objects of one namespace.");
    list.kind = table.kind;
    list.parameters = listing;
    list.response = kind + "List";
    list.errors = {400};
    rows.push_back(list);
    auto get = row(Op::get_object, "get" + capital(table.name), "GET", one, role,
                   "One " + kind + " with its present status; the ETag is its revision.");
    get.kind = table.kind;
    get.parameters = reading;
    get.response = kind;
    get.errors = {400, 404};
    rows.push_back(get);
}

void add_write_rows(std::vector<Operation>& rows, const model::KindTable& table,
                    const std::string& one, Role role) {
    const std::string kind(table.name);
    const bool token = table.kind == model::Kind::api_token;
    auto create =
        row(Op::create_object, "create" + kind, "POST", one.substr(0, one.rfind('/')), role,
            token ? "Creates a token; its text is in `token` of this answer and is not kept."
                  : "Creates a " + kind + "; 409 when it is there already.");
    create.kind = table.kind;
    create.parameters = token ? Parameters{} : Parameters{kDryRun, kVerify};
    create.body = BodyShape::object;
    create.success = 201;
    create.response = kind;
    create.errors = {400, 409, 413, 415, 422, 507};
    create.mutates = true;
    rows.push_back(create);
    if (!token) {
        auto put = row(Op::put_object, "put" + kind, "PUT", one, role,
                       "Writes the whole " + kind + ", creating it if need be.");
        put.kind = table.kind;
        put.parameters = {kIfMatch, kIfNoneMatch, kDryRun, kVerify};
        put.body = BodyShape::object;
        put.response = kind;
        put.errors = {400, 409, 412, 413, 415, 422, 507};
        put.mutates = true;
        rows.push_back(put);
        auto patch = row(Op::patch_object, "patch" + kind, "PATCH", one, role,
                         "Changes parts of the " + kind + " by a JSON merge patch (RFC 7396).");
        patch.kind = table.kind;
        patch.parameters = {kIfMatch, kDryRun, kVerify};
        patch.body = BodyShape::merge_patch;
        patch.response = kind;
        patch.errors = {400, 404, 409, 412, 413, 415, 422, 507};
        patch.mutates = true;
        rows.push_back(patch);
    }
    auto remove = row(Op::delete_object, "delete" + kind, "DELETE", one, role,
                      "Deletes the " + kind + "; the answer lists all that went with it.");
    remove.kind = table.kind;
    remove.parameters = {kIfMatch, kCascade, kDryRun};
    remove.response = "Deleted";
    remove.errors = {400, 404, 409, 412, 507};
    remove.mutates = true;
    rows.push_back(remove);
}

void add_object_rows(std::vector<Operation>& rows) {
    for (const auto kind : model::kAllKinds) {
        const auto& table = model::table(kind);
        const std::string one = "/api/v1/namespaces/{ns}/" + std::string(table.plural) + "/{name}";
        const bool token = kind == model::Kind::api_token;
        add_read_rows(rows, table, one, capital(table.plural), token ? Role::admin : Role::view);
        add_write_rows(rows, table, one, token ? Role::admin : Role::deploy);
    }
}

void add_apply_rows(std::vector<Operation>& rows) {
    auto apply = row(Op::apply, "apply", "POST", "/api/v1/apply", Role::deploy,
                     "Writes many documents, all or nothing, and answers what changed.");
    apply.parameters = {
        kDryRun,
        kVerify,
        {"prune", "query", "boolean",
         "Remove objects of the same set that the documents leave out.", "false"},
        {"set", "query", "string",
         "Name of the set these documents belong to (label hearth.io/set).", "shop"},
        kNamespace,
        kFile};
    apply.body = BodyShape::documents;
    apply.response = "Applied";
    apply.errors = {400, 409, 413, 415, 422, 507};
    apply.mutates = true;
    rows.push_back(apply);
    auto validate = row(Op::validate, "validate", "POST", "/api/v1/validate", Role::view,
                        "Checks documents like apply, writes nothing and answers all faults.");
    validate.parameters = {kNamespace, kFile};
    validate.body = BodyShape::documents;
    validate.response = "Validated";
    validate.errors = {400, 413, 415};
    rows.push_back(validate);
    auto watch = row(Op::watch, "watch", "GET", "/api/v1/watch", Role::view,
                     "Changes as JSON lines, from the revision `since` on; a bookmark every 10 s.");
    watch.parameters = {
        {"since", "query", "integer", "Revision after which to begin; absent: now.", "1"},
        {"kinds", "query", "string", "Only these kinds, separated by commas.",
         "functions,packages"},
        {"namespace", "query", "string", "Only this namespace.", "default"}};
    watch.media = "application/x-ndjson";
    watch.errors = {400, 410, 503};
    rows.push_back(watch);
}

void add_archive_rows(std::vector<Operation>& rows) {
    const Parameter digest{"digest", "query", "digest", "SHA-256 the bytes must have.", ""};
    auto upload = row(Op::upload_archive, "uploadArchive", "POST", "/api/v1/archives", Role::deploy,
                      "Stores the body's bytes under their SHA-256.");
    upload.parameters = {digest};
    upload.body = BodyShape::archive;
    upload.success = 201;
    upload.response = "Archive";
    upload.errors = {400, 413, 422, 507};
    upload.mutates = true;
    rows.push_back(upload);
    auto list =
        row(Op::list_archives, "listArchives", "GET", "/api/v1/archives", Role::view,
            "The archives that the token's packages name; for tokens of all namespaces: all.");
    list.response = "ArchiveList";
    rows.push_back(list);
    auto get = row(Op::get_archive, "getArchive", "GET", "/api/v1/archives/{digest}", Role::view,
                   "The packed bytes.");
    get.media = "application/octet-stream";
    get.errors = {400, 404};
    rows.push_back(get);
    auto remove = row(Op::delete_archive, "deleteArchive", "DELETE", "/api/v1/archives/{digest}",
                      Role::deploy, "Removes an archive that no package names.");
    remove.response = "Removed";
    remove.errors = {400, 404, 409};
    remove.mutates = true;
    rows.push_back(remove);
    auto collect = row(Op::collect_archives, "collectArchives", "POST", "/api/v1/archives/collect",
                       Role::admin, "Removes all archives that no package names.");
    collect.parameters = {
        {"minAge", "query", "duration", "Keep archives younger than this; default 0s.", "1h"}};
    collect.response = "Removed";
    collect.errors = {400};
    collect.mutates = true;
    rows.push_back(collect);
}

void add_build_rows(std::vector<Operation>& rows) {
    const std::string path = "/api/v1/namespaces/{ns}/packages/{name}/build";
    auto get =
        row(Op::get_build, "getBuild", "GET", path, Role::view,
            "The newest build of a package: its state, why it waits or failed, its log's end.");
    get.response = "Build";
    get.errors = {400, 404};
    rows.push_back(get);
    auto start = row(Op::rebuild_package, "buildPackage", "POST", path, Role::deploy,
                     "Builds a package's source again; one that waits or runs already is kept.");
    start.success = 202;
    start.response = "Build";
    start.errors = {400, 404, 409, 507};
    start.mutates = true;
    rows.push_back(start);
    auto cancel = row(Op::cancel_build, "cancelBuild", "DELETE", path, Role::deploy,
                      "Ends a build that waits or runs.");
    cancel.success = 202;
    cancel.response = "Build";
    cancel.errors = {400, 404, 409};
    cancel.mutates = true;
    rows.push_back(cancel);
    auto log = row(Op::build_log, "getBuildLog", "GET", path + "/log", Role::view,
                   "The log of a package's newest build.");
    log.parameters = {{"follow", "query", "boolean",
                       "Go on with new lines until the build ends or the client leaves.", "false"}};
    log.media = "text/plain";
    log.errors = {400, 404, 503};
    rows.push_back(log);
    auto list = row(Op::list_builds, "listBuilds", "GET", "/api/v1/builds", Role::view,
                    "Builds that run, then those that wait, in their order.");
    list.response = "BuildList";
    rows.push_back(list);
}

void add_call_rows(std::vector<Operation>& rows) {
    const std::string all = "/api/v1/namespaces/{ns}/calls", one = all + "/{name}";
    const Parameter function{"function", "query", "string", "Only calls of this function.",
                             "hello"};
    const Parameter state{"state", "query", "string",
                          "Only calls in this state: waiting, running, succeeded, failed.",
                          "failed"};
    auto list =
        row(Op::list_calls, "listCalls", "GET", all, Role::view,
            "Asynchronous calls, newest first, without bodies; state failed: dead letters.");
    list.parameters = {function,
                       state,
                       kLimit,
                       {"continue", "query", "string", "continue of the page before.", ""}};
    list.response = "CallList";
    list.errors = {400};
    rows.push_back(list);
    auto get = row(Op::get_call, "getCall", "GET", one, Role::view,
                   "One call with its request, attempts and result.");
    get.parameters = {{"wait", "query", "string",
                       "Answer when the call has ended, or after this time (60s at most).", "30s"}};
    get.response = "Call";
    get.errors = {400, 404};
    rows.push_back(get);
    auto edit = row(Op::edit_call, "editCall", "PATCH", one, Role::deploy,
                    "Changes the request of a dead letter, to redrive it then.");
    edit.body = BodyShape::merge_patch;
    edit.response = "Call";
    edit.errors = {400, 404, 409, 413, 415};
    edit.mutates = true;
    rows.push_back(edit);
    auto redrive = row(Op::redrive_call, "redriveCall", "POST", one + "/redrive", Role::deploy,
                       "A dead letter is called again, with a new budget of attempts.");
    redrive.success = 202;
    redrive.response = "Call";
    redrive.errors = {400, 404, 409};
    redrive.mutates = true;
    rows.push_back(redrive);
    auto remove = row(Op::delete_call, "deleteCall", "DELETE", one, Role::deploy,
                      "Removes a call that has ended; one that waits becomes a dead letter.");
    remove.response = "Removed";
    remove.errors = {400, 404, 409};
    remove.mutates = true;
    rows.push_back(remove);
    auto purge = row(Op::purge_calls, "purgeCalls", "DELETE", all, Role::deploy,
                     "Removes all calls that have ended, or those of a function or state.");
    purge.parameters = {function, state};
    purge.response = "Removed";
    purge.errors = {400};
    purge.mutates = true;
    rows.push_back(purge);
}

void add_function_rows(std::vector<Operation>& rows) {
    const std::string function = "/api/v1/namespaces/{ns}/functions/{name}";
    auto files = row(Op::package_files, "getPackageFiles", "GET",
                     "/api/v1/namespaces/{ns}/packages/{name}/files", Role::view,
                     "The text files of a package.");
    files.parameters = {{"archive", "query", "string",
                         "source or deployment; without it the deployment, or else the source.",
                         "source"}};
    files.response = "PackageFiles";
    files.errors = {400, 404, 422};
    rows.push_back(files);
    auto logs = row(Op::function_logs, "getFunctionLogs", "GET", function + "/logs", Role::view,
                    "Output and calls of a function as JSON lines, oldest first.");
    logs.parameters = {
        {"limit", "query", "integer", "Newest lines to give, 1 to 10000; default 1000.", "100"},
        {"since", "query", "string", "Only younger lines: a time (RFC 3339) or an age (10m).",
         "10m"},
        {"requestId", "query", "string", "Only lines of this request.", ""},
        {"follow", "query", "boolean", "Go on with new lines until the client leaves.", "false"}};
    logs.media = "application/x-ndjson";
    logs.errors = {400, 404, 503};
    rows.push_back(logs);
    auto describe =
        row(Op::describe_function, "describeFunction", "GET", function + "/describe", Role::view,
            "A function with its environment, package, routes, instances and recent errors.");
    describe.response = "Description";
    describe.errors = {400, 404};
    rows.push_back(describe);
    for (const std::string method : {"GET", "POST", "PUT", "PATCH", "DELETE", "*"}) {
        const std::string word = method == "*" ? "Any" : method.substr(0, 1) + method.substr(1);
        auto call =
            row(Op::call_function, "callFunction" + word, method, function + "/call", Role::call,
                "Calls the function; the answer is the function's own. More path may follow.");
        call.body = method == "GET" || method == "DELETE" ? BodyShape::none : BodyShape::anything;
        call.media = "*/*";
        call.errors = {400, 404, 413, 502, 504};
        call.documented = method != "*";
        rows.push_back(call);
    }
    for (const std::string& path :
         {function + "/call/{rest...}", std::string("/fission-function/{name}"),
          std::string("/fission-function/{ns}/{name}")}) {
        auto call = row(Op::call_function, "callFunctionRest", "*", path, Role::call,
                        "Calls the function.");
        call.documented = false;
        rows.push_back(call);
    }
}

void add_system_rows(std::vector<Operation>& rows) {
    auto instances = row(Op::instances, "listInstances", "GET", "/api/v1/instances", Role::view,
                         "The running instances of the namespaces the token may see.");
    instances.response = "InstanceList";
    rows.push_back(instances);
    auto pools = row(Op::pools, "listPools", "GET", "/api/v1/pools", Role::view,
                     "The pools of warm instances.");
    pools.response = "PoolList";
    rows.push_back(pools);
    auto match = row(Op::match_route, "matchRoute", "GET", "/api/v1/routes/match", Role::view,
                     "Which HTTPTrigger would take a request.");
    match.parameters = {
        {"host", "query", "string", "Host of the request; empty: any.", "example.org"},
        {"method", "query", "string", "Method of the request; default GET.", "GET"},
        {"path", "query", "string", "Path of the request.", "/hello", true}};
    match.response = "RouteMatch";
    match.errors = {400, 404};
    rows.push_back(match);
    auto offers =
        row(Op::list_offers, "listAvailableEnvironments", "GET", "/api/v1/environments-available",
            Role::view, "The language environments of the daemon's machine and what was found.");
    offers.response = "AvailableEnvironmentList";
    rows.push_back(offers);
    auto starter =
        row(Op::get_starter, "getStarter", "GET", "/api/v1/environments-available/{name}/starter",
            Role::view, "A folder to begin a function of that language with, as a tar.");
    starter.media = "application/x-tar";
    starter.errors = {404};
    rows.push_back(starter);
    auto info = row(Op::system_info, "getSystemInfo", "GET", "/api/v1/system/info", Role::view,
                    "Version, backend, what was probed and which environments are on offer.");
    info.response = "SystemInfo";
    rows.push_back(info);
}

}  // namespace

std::vector<Operation> operation_rows() {
    std::vector<Operation> rows;
    rows.reserve(96);
    add_open_rows(rows);
    add_page_rows(rows);
    add_apply_rows(rows);
    add_object_rows(rows);
    add_archive_rows(rows);
    add_build_rows(rows);
    add_call_rows(rows);
    add_run_rows(rows);
    add_function_rows(rows);
    add_system_rows(rows);
    return rows;
}

}  // namespace hearth::api
