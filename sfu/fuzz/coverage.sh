#!/bin/sh
# Called by cargo in place of rustc for the crates of this workspace: has the compiler count the branches that an input
# takes, for libFuzzer. `cargo xtask fuzz` sets it; dependencies stay as the tests have built them.
exec "$@" --cfg fuzzing -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares
