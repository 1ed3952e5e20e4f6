#!/bin/sh
# Drive a run to its end: launch it, or go on with it where it exists already. A scheduler may start this again and again.
#
#   drive.sh CONFIG RUN [option of `clnp launch` …]
#
# SIGTERM and SIGINT stop the driver cleanly. Exit codes are those of clnp (docs/cli.md).
set -eu
config=$1
run=$2
shift 2
driver=

stop() {
  asked=yes
  [ -z "$driver" ] || kill -TERM "$driver" 2>/dev/null || true
}
asked=
trap stop TERM INT

# In the background, because a shell hears no signal while it waits for a command in the foreground.
drive() {
  clnp "$@" &
  driver=$!
  code=0
  wait "$driver" || code=$?
  while kill -0 "$driver" 2>/dev/null; do  # a signal ended the wait and not the driver
    code=0
    wait "$driver" || code=$?
  done
  driver=
}

# A driver that died on another machine holds its run for another minute (exit code 8).
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
  if clnp status "$run" >/dev/null 2>&1; then
    drive resume "$run"
  else
    drive launch "$config" --name "$run" "$@"
  fi
  [ "$code" = 8 ] && [ -z "$asked" ] || exit "$code"
  sleep 10
done
exit "$code"
