# Sourced by test/run: its parts `cluster` and `cluster-faults`. One cluster at a time on a machine; the lock is held while this one is up.

cluster_dir=${CLUSTER_DIR:-/var/tmp/hearth-test-cluster}
cluster_lock=/tmp/hearth-cluster.lock
cluster_locked=false

# What a one-node Kubernetes needs of its host; says what is missing.
cluster_host() {
    [ "$(id -u)" -eq 0 ] || { echo "only root may start a node"; return 1; }
    unshare --mount --net true 2>/dev/null || { echo "this host lets nobody make mount and network namespaces"; return 1; }
    unshare --net ip link add hearth-probe type bridge 2>/dev/null || { echo "this host's kernel makes no network bridges"; return 1; }
    unshare --net nft add table ip hearth-probe 2>/dev/null || { echo "this host's kernel has no nftables"; return 1; }
    [ -w /sys/fs/cgroup ] || { echo "/sys/fs/cgroup cannot be written to"; return 1; }
}

cluster_up() {
    exec 8>"$cluster_lock"
    flock --nonblock 8 || {
        echo "waiting for the cluster of another run ($cluster_lock)"
        flock 8
    }
    cluster_locked=true
    trap cluster_down EXIT
    # What a run that was killed has left.
    CLUSTER_DIR="$cluster_dir" test/cluster/down --remove 8>&-
    CLUSTER_DIR="$cluster_dir" test/cluster/up 8>&- || return 1
    export CLUSTER_DIR="$cluster_dir" KUBECONFIG="$cluster_dir/admin.kubeconfig" PATH="$cluster_dir/bin:$PATH"
    export HEARTH_IMAGE_PREFIX=localhost/hearth HEARTH_IMAGE_TAG=dev
}

cluster_images() {
    deploy/images --base "${HEARTH_IMAGE_BASE:-debootstrap}" --load-into "$cluster_dir/run/containerd.sock" "$@" 8>&-
}

# What languages_test.py builds with and calls: three languages, with HEARTH_CLUSTER_LANGUAGES=all every one, or those it names (a,b).
language_images() {
    local language others=${HEARTH_CLUSTER_LANGUAGES:-}
    [ "$others" != all ] || { echo languages; return; }
    for language in python nodejs go ${others//,/ }; do echo "$language-env $language-builder"; done
}

# The unit tests' cases that need a cluster, from the sanitizers' build when this run has made it: unit_on_cluster MODULE.
unit_on_cluster() {
    local log="$results/ctest-$1-cluster.log"
    "build/$unit_preset/test_$1" "[cluster]" >"$log" 2>&1 8>&- && tail -n 3 "$log" && return 0
    tail -n 200 "$log"
    return 1
}

# Only whoever holds the lock may take the cluster down.
cluster_down() {
    $cluster_locked || return 0
    cluster_locked=false
    trap - EXIT
    CLUSTER_DIR="$cluster_dir" test/cluster/down --remove 8>&-
    exec 8>&-
}

cluster_programs() {
    timed "build (preset release)" compile release hearth hearth-runner || return 1
    unit_preset=dev
    case " ${parts[*]} " in *" asan "*) unit_preset=asan ;; esac
    timed "build (preset $unit_preset)" compile "$unit_preset" test_kube test_backend
}

# Everything that is the host's to give and none of Hearth's.
bring_up_cluster() {
    attempt "packages" install_packages cluster image-build && attempt "what the host allows" cluster_host &&
        attempt "helm" test/cluster/provide-helm "$root/build/bin" && attempt "cluster up" cluster_up
}

cluster_part() {
    cluster_programs || return 1
    if bring_up_cluster; then
        PATH="$root/build/bin:$PATH"
        if timed "images" cluster_images runner hearth foreign-env $(language_images); then
            timed "pods" python_tests cluster -c test/pytest.ini -m "not slow" test/cluster
            timed "kube client" unit_on_cluster kube
            timed "kubernetes backend" unit_on_cluster backend
        fi
    fi
    timed "cluster down" cluster_down
}

cluster_faults_part() {
    timed "build (preset release)" compile release hearth hearth-runner || return 1
    if bring_up_cluster; then
        timed "images" cluster_images runner python-env && timed "faults" python_tests cluster-faults -c test/pytest.ini -s -m slow test/cluster
    fi
    timed "cluster down" cluster_down
}
