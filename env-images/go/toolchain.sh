# Sourced by prepare and builder/build: finds Go, which Debian and go.dev install outside of PATH.

require_go() {
    local place
    for place in "" /usr/local/go/bin /usr/lib/go/bin /usr/lib/go-1.*/bin; do
        if [ -z "$place" ]; then
            command -v go >/dev/null && return 0
        elif [ -x "$place/go" ]; then
            PATH="$place:$PATH"
            return 0
        fi
    done
    echo "error: Go is not installed; run: apt-get install golang-go" >&2
    return 1
}
