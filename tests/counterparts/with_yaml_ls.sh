#!/usr/bin/env bash
# Runs a command that can start the YAML language server, the one that editors use.
#
#   tests/counterparts/with_yaml_ls.sh cargo test --features counterparts --test editors
#
# Needs npm. What is downloaded (pinned, with the Node.js that it asks for) is kept in target/counterparts.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work="${CARGO_TARGET_DIR:-$root/target}/counterparts/editors"

if [[ ! -e "$work/ready" ]]; then
  rm -rf "$work"
  mkdir -p "$work"
  npm install --prefix "$work" --no-fund --no-audit --loglevel=error yaml-language-server@2.0.0 node@22.13.1
  touch "$work/ready"
fi
export HOWDAH_TEST_YAML_LS="$work/node_modules/yaml-language-server/bin/yaml-language-server"
export HOWDAH_TEST_NODE="$work/node_modules/node/bin/node"
exec "$@"
