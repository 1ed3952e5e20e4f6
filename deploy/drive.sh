#!/bin/sh
# Drive a run to its end: launch it, or go on with it where it exists already. A scheduler may start this again and again.
#
#   drive.sh CONFIG RUN [option of `clnp launch` …]
#
# SIGTERM and SIGINT stop the driver cleanly; where none runs at the moment, none is started any more. A database that cannot be
# reached is asked again for two minutes. Exit codes are those of clnp (docs/cli.md).
set -eu
config=$1
run=$2
shift 2
child=
asked=
told=

stop() {
  asked=yes
  [ -z "$child" ] || { told=yes; kill -TERM "$child" 2>/dev/null || true; }
}
trap stop TERM INT
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# In the background, because a shell hears no signal while it waits for a command in the foreground.
wait_for() {
  [ -z "$asked" ] || exit 130
  "$@" &
  child=$!
  [ -z "$asked" ] || [ -n "$told" ] || stop  # it came between the two lines above
  code=0
  wait "$child" || code=$?
  while kill -0 "$child" 2>/dev/null; do  # a signal ended the wait and not the command
    code=0
    wait "$child" || code=$?
  done
  child=
  [ -z "$asked" ] || [ "$code" != 143 ] || code=130  # it had not come as far as to hear the signal
}

for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
  again=8  # a driver that died on another machine holds its run for another minute
  wait_for clnp status "$run" >/dev/null 2>"$said"
  if [ "$code" = 5 ] && grep -q -e '^error: there is no database at ' -e '^error: .* holds no runs yet$' "$said"; then
    code=4
  fi
  case $code in
    0) wait_for clnp resume "$run" ;;
    4) wait_for clnp launch "$config" --name "$run" "$@" ;;
    5) again=5; cat "$said" >&2 ;;
    *) cat "$said" >&2; exit "$code" ;;
  esac
  [ "$code" = "$again" ] || exit "$code"
  wait_for sleep 10
done
exit "$again"
