# Sourced by deploy/quickstart and test/run: installs what deploy/packages.txt names.

packages_file="$(dirname "${BASH_SOURCE[0]}")/packages.txt"

# packages_of SECTION...: their packages, one a line.
packages_of() {
    local section
    for section in "$@"; do
        awk -v wanted="[$section]" '/^\[/ { on = ($0 == wanted); next } on && NF && !/^#/ { print $1 }' "$packages_file"
    done
}

missing_packages() {
    local package
    for package in $(packages_of "$@"); do
        dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

# install_packages SECTION...: does nothing when all are there; says what to run when it may not install.
install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        echo "error: this is no Debian system; install what deploy/packages.txt names by its own means" >&2
        return 1
    fi
    local sections=("$@") missing
    command -v npm >/dev/null || sections+=(node)
    missing=$(missing_packages "${sections[@]}" | xargs)
    if [ -z "$missing" ]; then
        echo "all packages are installed"
        return 0
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "error: packages are missing and only root may install them. Run:" >&2
        echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends $missing" >&2
        return 1
    fi
    echo "installing: $missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update >"${TMPDIR:-/tmp}/hearth-apt.log" 2>&1 &&
        apt-get -q install -y --no-install-recommends $missing >>"${TMPDIR:-/tmp}/hearth-apt.log" 2>&1 && return 0
    tail -n 20 "${TMPDIR:-/tmp}/hearth-apt.log" >&2
    echo "error: apt-get failed (whole output: ${TMPDIR:-/tmp}/hearth-apt.log). Check the network and the package sources, then run this again." >&2
    return 1
}

# install_node_modules ROOT: the libraries of the Node.js environment and of the admin page, as their lock files say.
install_node_modules() { "$1/env-images/nodejs/prepare" && "$1/src/api/admin/prepare"; }

# languages ROOT: names of the environments; packages.txt has a section for each that needs packages.
languages() {
    local file
    for file in "$1"/env-images/*/env.yaml; do basename "$(dirname "$file")"; done
}

# prepare_languages ROOT: runs every environment's prepare script; tells at the end whether all succeeded.
prepare_languages() {
    local language status=0
    for language in $(languages "$1"); do
        [ ! -x "$1/env-images/$language/prepare" ] || "$1/env-images/$language/prepare" || status=1
    done
    return $status
}
