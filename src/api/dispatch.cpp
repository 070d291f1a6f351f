#include "api/handlers.hpp"

namespace hearth::api {

HandlerFunction handler_of(Op op) {
    switch (op) {
        case Op::health:
            return handle_health;
        case Op::ready:
            return handle_ready;
        case Op::metrics:
            return handle_metrics;
        case Op::openapi:
            return handle_openapi;
        case Op::version:
            return handle_version;
        case Op::identity:
            return handle_identity;
        case Op::list_objects:
            return handle_list;
        case Op::create_object:
            return handle_create;
        case Op::get_object:
            return handle_get;
        case Op::put_object:
            return handle_put;
        case Op::patch_object:
            return handle_patch;
        case Op::delete_object:
            return handle_delete;
        case Op::apply:
            return handle_apply;
        case Op::validate:
            return handle_validate;
        case Op::watch:
            return handle_watch;
        case Op::upload_archive:
            return handle_upload;
        case Op::list_archives:
            return handle_list_archives;
        case Op::get_archive:
            return handle_get_archive;
        case Op::delete_archive:
            return handle_delete_archive;
        case Op::collect_archives:
            return handle_collect;
        case Op::package_files:
            return handle_package_files;
        case Op::rebuild_package:
            return handle_rebuild;
        case Op::cancel_build:
            return handle_cancel_build;
        case Op::get_build:
            return handle_get_build;
        case Op::build_log:
            return handle_build_log;
        case Op::list_builds:
            return handle_list_builds;
        case Op::list_calls:
            return handle_list_calls;
        case Op::get_call:
            return handle_get_call;
        case Op::edit_call:
            return handle_edit_call;
        case Op::redrive_call:
            return handle_redrive_call;
        case Op::delete_call:
            return handle_delete_call;
        case Op::purge_calls:
            return handle_purge_calls;
        case Op::function_logs:
            return handle_logs;
        case Op::call_function:
            return handle_call;
        case Op::describe_function:
            return handle_describe;
        case Op::instances:
            return handle_instances;
        case Op::pools:
            return handle_pools;
        case Op::match_route:
            return handle_match_route;
        case Op::list_offers:
            return handle_list_offers;
        case Op::get_starter:
            return handle_get_starter;
        case Op::system_info:
            return handle_system_info;
    }
    return handle_health;
}

}  // namespace hearth::api
