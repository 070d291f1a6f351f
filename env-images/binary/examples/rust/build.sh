#!/bin/sh
# What is compiled stays between builds; the package is the program and how it is started.
set -eu
CARGO_HOME="$HEARTH_BUILD_CACHE/cargo" CARGO_TARGET_DIR="$HEARTH_BUILD_CACHE/target" cargo build --release --quiet
mkdir "$DEPLOY_PKG"
cp "$HEARTH_BUILD_CACHE/target/release/server" hearth.json "$DEPLOY_PKG/"
