# Sourced by test/run: its part `cluster`. One cluster at a time on a machine; the lock is held while this one is up.

cluster_dir=${CLUSTER_DIR:-/var/tmp/hearth-test-cluster}
cluster_lock=/tmp/hearth-cluster.lock

cluster_up() {
    exec 8>"$cluster_lock"
    flock --nonblock 8 || {
        echo "waiting for the cluster of another run ($cluster_lock)"
        flock 8
    }
    trap cluster_down EXIT
    # What a run that was killed has left.
    CLUSTER_DIR="$cluster_dir" test/cluster/down --remove 8>&-
    CLUSTER_DIR="$cluster_dir" test/cluster/up 8>&- || return 1
    export KUBECONFIG="$cluster_dir/admin.kubeconfig" PATH="$cluster_dir/bin:$PATH"
    export HEARTH_IMAGE_PREFIX=localhost/hearth HEARTH_IMAGE_TAG=dev
}

cluster_images() {
    deploy/images --base "${HEARTH_IMAGE_BASE:-debootstrap}" --load-into "$cluster_dir/run/containerd.sock" \
        runner python-env nodejs-env foreign-env hearth 8>&-
}

# The unit tests' cases that need a cluster, from the sanitizers' build when this run has made it: unit_on_cluster MODULE.
unit_on_cluster() {
    local log="$results/ctest-$1-cluster.log"
    "build/$unit_preset/test_$1" "[cluster]" >"$log" 2>&1 8>&- && tail -n 3 "$log" && return 0
    tail -n 200 "$log"
    return 1
}

cluster_down() {
    trap - EXIT
    CLUSTER_DIR="$cluster_dir" test/cluster/down --remove 8>&-
    exec 8>&-
}

cluster_part() {
    timed "packages" install_packages cluster image-build || return 1
    timed "build (preset release)" compile release hearth hearth-runner || return 1
    unit_preset=dev
    case " ${parts[*]} " in *" asan "*) unit_preset=asan ;; esac
    timed "build (preset $unit_preset)" compile "$unit_preset" test_kube test_backend || return 1
    timed "helm" test/cluster/provide-helm "$root/build/bin" || return 1
    PATH="$root/build/bin:$PATH"
    if timed "cluster up" cluster_up && timed "images" cluster_images; then
        timed "pods" python_tests cluster test/cluster
        timed "kube client" unit_on_cluster kube
        timed "kubernetes backend" unit_on_cluster backend
    fi
    timed "cluster down" cluster_down
}
