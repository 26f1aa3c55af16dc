#!/bin/sh
# Counts the instructions that an event takes in the engine and at the border to a guest, by callgrind, and compares
# with host/benches/instructions.txt: a check that does not depend on the clock. `--update` writes that file anew.
#
# Without valgrind it says so and does nothing.
set -eu
cd "$(dirname "$0")"
. ./debian.sh
cd ..

kept=host/benches/instructions.txt
tolerance=10 # per cent: processors differ in what the C library copies with
case "${1:-}" in
'' | --update) ;;
*) fail "usage: scripts/check-instructions.sh [--update]" ;;
esac

if [ "$(uname -m)" != x86_64 ]; then
    say "Instructions are not counted: the figures that are kept are of x86_64, and this is $(uname -m)"
    exit 0
fi
if ! command -v valgrind >/dev/null; then
    say "Instructions are not counted: there is no valgrind"
    exit 0
fi
component=target/components/bench-rust.wasm
[ -e "$component" ] || fail "there is no $component: run \`make build\`, which makes it"

# The last line with an executable is the benchmark's.
bench=$(cargo build --release --workspace --bench instructions --message-format json --quiet |
    sed -n 's/.*"executable":"\([^"]*\/instructions-[^"]*\)".*/\1/p' | tail -n 1)
[ -x "$bench" ] || fail "cargo did not say where the benchmark is"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
count() { # part, events
    # One thread compiles the guest: it is the same work in each run.
    if ! RAYON_NUM_THREADS=1 valgrind --tool=callgrind --callgrind-out-file=/dev/null "$bench" "$1" "$2" >"$log" 2>&1; then
        cat "$log" >&2
        fail "$1 does not run under callgrind"
    fi
    sed -n 's/.*Collected : //p' "$log"
}

measured=
failed=
for part in engine packed typed; do
    # So many that the difference is far above what differs between two runs.
    case $part in
    engine) events=102400 ;;
    *) events=25600 ;;
    esac
    once=$(count "$part" $events)
    twice=$(count "$part" $((2 * events)))
    figure=$(((twice - once) / events))
    measured="$measured$part $figure
"
    [ "${1:-}" = --update ] && continue
    expected=$(sed -n "s/^$part //p" "$kept")
    [ -n "$expected" ] || fail "$kept says nothing of $part"
    change=$(((figure - expected) * 1000 / expected))
    off=${change#-}
    sign=+
    [ "$off" = "$change" ] || sign=-
    printf '%-7s %6d instructions per event, %6d are kept (%s%d.%d %%)\n' "$part" "$figure" "$expected" \
        "$sign" $((off / 10)) $((off % 10))
    if [ "$off" -gt $((tolerance * 10)) ]; then
        failed="$failed $part"
    fi
done
if [ "${1:-}" = --update ]; then
    { sed -n '/^#/p' "$kept" 2>/dev/null || :; printf '%s' "$measured"; } >"$log"
    cat "$log" >"$kept"
    cat "$kept"
elif [ -n "$failed" ]; then
    fail "more than $tolerance % off:$failed. What got slower is to be found; what got faster, or has to cost more, is
    kept by scripts/check-instructions.sh --update, with the reason in the commit"
fi
