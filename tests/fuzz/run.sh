#!/usr/bin/env bash
# Fuzzes one target, or all, for so many seconds each (600 when not said):
#
#   tests/fuzz/run.sh [TARGET|all] [SECONDS]
#
# Works with the stable toolchain and a C++ compiler. What is found worth keeping goes into
# tests/fixtures/corpus/TARGET, which the tests replay.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

targets=(loader template expression)
if [[ ${1:-all} != all ]]; then
  targets=("$1")
fi
seconds=${2:-600}

# Coverage for libFuzzer, without a sanitizer.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
cargo build --release --target "$(rustc -vV | sed -n 's/^host: //p')" --target-dir ../../target/fuzz

for target in "${targets[@]}"; do
  found=../../target/fuzz/found/$target
  mkdir -p "$found"
  echo "== $target for $seconds s"
  ../../target/fuzz/*/release/"$target" "$found" "../fixtures/corpus/$target" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
    -artifact_prefix="$found-" -print_final_stats=1
done
